"""Judges one recall model alone: how much of what users went on to take its channel proposes."""

import asyncio
import inspect
from dataclasses import dataclass, field, replace

import numpy as np

from app.artifacts import Models
from app.contracts import NO_HISTORY, Channel, LocalChannel, Query, Request
from app.cpu import Cpu
from app.funnel import Funnel
from offline.evaluate.funnel_answers import user_ids
from offline.job import JobConfig, funnel_config
from offline.models.registry import RECALL_MODELS, fit_models, refit_model
from offline.training.replay import ReplayUser, advance_counters, build_offline_funnel, label_rows
from offline.tune.study import TrialFigures
from offline.tune.windows import TuningData

MAX_CATALOGUE_FRACTION = 8  # a channel that proposes more than 1 in 8 items finds much by chance


@dataclass(frozen=True, slots=True, eq=False)
class RecallJudge:
    """All recall models as of each window's start, fitted once; a trial fits one anew."""

    data: TuningData
    base: JobConfig
    cpu: Cpu
    fitted: dict[int, Models] = field(default_factory=dict)

    @property
    def limit(self) -> int:
        """Give how many items a channel may propose."""
        return min(
            self.base.sizes.recall,
            max(len(self.data.dataset.catalogue) // MAX_CATALOGUE_FRACTION, 1),
        )

    def judge(self, name: str, config: JobConfig, window: int) -> TrialFigures:
        """Give each asker's recall by the channel of this model alone, (u, 1).

        Vectors that went to infinity while they were learnt find nothing.
        """
        dataset, start = self.data.dataset, self.data.windows[window][0]
        log = dataset.log.before(start)
        if window not in self.fitted:
            self.fitted[window] = fit_models(dataset, log, self.base.recall, start)
        users = self.data.users(window, config)
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                models = refit_model(self.fitted[window], dataset, log, config.recall, name)
        except FloatingPointError:
            return np.zeros((len(users), 1))
        funnel = build_offline_funnel(models, funnel_config(config, self.cpu))
        return asyncio.run(self._asked(funnel, RECALL_MODELS[name].channel, users))

    async def _asked(self, funnel: Funnel, name: str, users: list[ReplayUser]) -> TrialFigures:
        """Ask the channel for each user at their moment, the crowd's state moving on with them."""
        channels: list[Channel | LocalChannel] = [*funnel.channels, *funnel.local_channels]
        channel = next(one for one in channels if one.name == name)
        live, shares = funnel.query_builder.counters, []
        known = live.now
        for public, user in zip(user_ids(self.data.dataset, users), users, strict=True):
            advance_counters(funnel.query_builder, self.data.dataset.log, known, user.at)
            known = max(known, user.at)
            query = self._query(funnel, public, user)
            answer = channel.recall(query, self.limit)
            found = await answer if inspect.isawaitable(answer) else answer
            shares.append(label_rows(found.rows, user.relevant).sum() / len(user.relevant))
        return np.array(shares, np.float64)[:, None]

    def _query(self, funnel: Funnel, public: str, user: ReplayUser) -> Query:
        request = Request(public, 10, self.base.seed, arrived=0.0, inline=user.since)
        query = funnel.query_builder.build(request, NO_HISTORY)
        if not len(query.history):
            return query
        return replace(query, vectors=funnel.query_builder.solve_vectors(query))
