"""Evaluate the list of a single recall channel in one window before the test.

The queries of the window's users are built once. A candidate of a setting then costs the fit of
one model and one recall for each query.
"""

import inspect
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from app.artifacts import Content, Factors, Models, NeighbourTable, Visits
from app.build import FunnelConfig
from app.catalogue.duplicates import duplicate_groups
from app.contracts import NO_HISTORY, Query, Request, Rows
from app.funnel import Funnel
from app.recall.channel import ChannelConfig
from app.recall.vectors import flat_indexes
from app.rerank.seen import seen_rules
from app.stages import Channel, LocalChannel
from offline.data.dataset import Dataset, Log
from offline.evaluate.funnel_answers import pad_lists, user_ids
from offline.evaluate.metrics import K, user_ndcg
from offline.evaluate.rowsets import RowSets
from offline.models.interactions import LogShape
from offline.models.popularity import fit_popularity
from offline.models.registry import (
    RECALL_MODELS,
    RecallConfig,
    build_friends,
    build_users,
    fit_factors,
)
from offline.models.segments import encode_segments, fit_segments
from offline.publish.index import AUTO_FLAT_ITEMS
from offline.run_async import run_async
from offline.training.past_requests import (
    ActiveUser,
    add_later_moments,
    build_offline_funnel,
    find_active_users,
    label_rows,
    sample_users,
)

USERS_WITHOUT_HISTORY = 4  # so many are drawn for each user that is wanted
MODELS_KEPT = 2  # of those fitted; a table of a large catalogue takes hundreds of megabytes
MAX_CATALOGUE_FRACTION = 8  # a channel that proposes more than 1 in 8 items hits many by chance


@dataclass(frozen=True, slots=True, eq=False)
class ChannelFigures:
    """The quality of one channel's lists, (q,) one figure for each query of a window."""

    ndcg: NDArray[np.float64]  # NDCG@10 of the channel's own order
    recall: NDArray[np.float64]  # share of the relevant items among all that it proposed


@dataclass(frozen=True, slots=True, eq=False)
class ChannelWindow:
    """The users of one window and what was known at its start. Holds the last models fitted.

    Only users with a history have a query: a channel that needs one lists nothing for the others.
    """

    log: Log  # the events before the window
    shape: LogShape
    funnel_config: FunnelConfig
    models: Models  # histories and popularity; no recall model is fitted
    queries: list[Query]
    users: list[ActiveUser]  # of the queries; a user may stand here twice, at two moments
    fitted: dict[tuple[str, str], Factors | NeighbourTable | Visits] = field(default_factory=dict)

    @classmethod
    def build(  # noqa: PLR0913, PLR0917 - the data, the settings, and a sample
        cls,
        dataset: Dataset,
        window: tuple[float, float],
        recall: RecallConfig,
        funnel_config: FunnelConfig,
        limit: int,
        seed: int,
    ) -> "ChannelWindow":
        """Draw about ``limit`` moments of the window's users with a history, and build queries."""
        start, end = window
        log = dataset.log.before(start)
        config = funnel_config
        if len(dataset.catalogue) <= AUTO_FLAT_ITEMS:  # above, a search would take longer
            config = replace(funnel_config, indexes=flat_indexes)
        models = _models_without_recall(dataset, log, recall, start)
        active = find_active_users(dataset.log, start, end, seen_rules(config.default_scene.seen))
        users = sample_users(active, USERS_WITHOUT_HISTORY * limit, seed)
        users = add_later_moments(dataset.log, users, start, end, seed)
        n_events = np.diff(models.users.indptr)
        with_history = [one for one in users if n_events[one.user] or len(one.since)]
        drawn = np.sort(np.random.default_rng(seed).permutation(len(with_history))[:limit])
        users = [with_history[at] for at in drawn]
        builder = build_offline_funnel(models, config).query_builder
        queries = [
            builder.build(Request(user_id, K, seed, arrived=0.0, inline=user.since), NO_HISTORY)
            for user_id, user in zip(user_ids(dataset, users), users, strict=True)
        ]
        shape = (len(dataset.users), len(dataset.catalogue))
        return cls(log, shape, config, models, queries, users)

    @property
    def owners(self) -> NDArray[np.int64]:
        """The user row of each query, (q,)."""
        return np.array([user.user for user in self.users], np.int64)

    def evaluate(
        self, channel: str, model: str, recall: RecallConfig, config: ChannelConfig
    ) -> ChannelFigures:
        """Compute the lists of one channel, over one model that is fitted with these settings.

        One of the last models is not fitted again for the same settings.
        """
        wiring = replace(self.funnel_config, channels={channel: config})
        funnel = build_offline_funnel(self._with_model(model, recall), wiring)
        lists = run_async(self._recall(funnel, channel, config))
        relevant = RowSets.of([user.relevant for user in self.users])
        shares = [
            label_rows(rows, user.relevant).sum() / len(user.relevant)
            for rows, user in zip(lists, self.users, strict=True)
        ]
        return ChannelFigures(user_ndcg(pad_lists(lists), relevant), np.array(shares, np.float64))

    def _with_model(self, name: str, recall: RecallConfig) -> Models:
        settings, model = getattr(recall, name), RECALL_MODELS[name]
        fit = model.fit_table or model.fit_visits
        key = (name, repr(settings))
        if key not in self.fitted:
            self.fitted[key] = (
                fit(self.log, self.shape, settings)
                if fit
                else fit_factors(self.log, self.shape, recall)
            )
            for oldest in list(self.fitted)[:-MODELS_KEPT]:
                del self.fitted[oldest]
        result = self.fitted[key]
        if isinstance(result, Factors):
            return replace(self.models, factors=result)
        if isinstance(result, Visits):
            return replace(self.models, visits=result)
        return replace(self.models, tables={name: result})

    async def _recall(self, funnel: Funnel, name: str, config: ChannelConfig) -> list[Rows]:
        channels: list[Channel | LocalChannel] = [
            *funnel.awaited_channels,
            *funnel.local_channels,
        ]
        channel = next(one for one in channels if one.name == name)
        most = max(self.shape[1] // MAX_CATALOGUE_FRACTION, K)
        limit = min(config.limit or self.funnel_config.sizes.recall, most)
        models = funnel.query_builder.models
        needs_vectors, lists = not (models.tables or len(models.visits)), []
        for query in self.queries:
            if needs_vectors:
                query = replace(query, vectors=funnel.query_builder.solve_vectors(query))  # noqa: PLW2901
            answer = channel.recall(query, limit)
            proposal = await answer if inspect.isawaitable(answer) else answer
            lists.append(proposal.rows)
        return lists


def _models_without_recall(dataset: Dataset, log: Log, recall: RecallConfig, at: float) -> Models:
    """Build what queries need of the models: histories, popularity and segments.

    Vectors have no columns, so that no index is built of them.
    """
    n_users, n = len(dataset.users), len(dataset.catalogue)
    encoding = encode_segments(dataset.attributes, n_users)
    nothing = np.zeros((n, 0), np.float32)
    return Models(
        catalogue=dataset.catalogue,
        users=build_users(log, dataset.users, encoding.codes),
        popularity=fit_popularity(log, n, at, recall.popularity),
        segments=fit_segments(log, encoding, n, recall.segments),
        factors=Factors(nothing, np.zeros((0, 0), np.float32), alpha=1.0, reg=1.0),
        content=Content(nothing),
        tables={},
        friends=build_friends(dataset.friends, n_users),
        centred=False,
        duplicates=duplicate_groups(dataset.catalogue),
    )
