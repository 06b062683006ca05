"""Evaluate trials: recall models alone, rankers on recalled rows, sizes in the funnel."""

import inspect
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from app.artifacts import Models
from app.contracts import NO_HISTORY, Query, Request
from app.cpu import Cpu
from app.funnel import Funnel
from app.rank.pointwise_listwise import PointwiseListwiseBlend
from app.stages import Channel, LocalChannel
from offline.config import JobConfig
from offline.data.errors import DataError
from offline.data.split import TimeSplit
from offline.evaluate.funnel_answers import user_ids
from offline.evaluate.metrics import K, PerUser, grouped_ndcg, rank_within_groups, user_ndcg
from offline.job import build_holdout, collect_window_rows, fit_rankers, funnel_config
from offline.models.registry import RECALL_MODELS, fit_models, refit_model
from offline.phases import PhaseTimer
from offline.run_async import run_async
from offline.training.gbdt import fit_pointwise_listwise
from offline.training.linear import COARSE_WIDTH, fit_coarse
from offline.training.past_requests import (
    ActiveUser,
    advance_counters,
    build_offline_funnel,
    label_rows,
)
from offline.training.rank_table import RankTable, concatenate
from offline.tune.study import TrialFigures
from offline.tune.windows import TuningData

MAX_CATALOGUE_FRACTION = 8  # a channel that proposes more than 1 in 8 items hits many by chance
TREE_COUNTS = 6  # numbers of trees that are compared within a trial
HEAD = 2 * K  # the best of the fine order: as many as a list and its reserve hold


@dataclass(frozen=True, slots=True, eq=False)
class RecallEvaluator:
    """Recall of the channel of one model. All models are fitted once for each window.

    A trial fits one model again.
    """

    data: TuningData
    base: JobConfig
    cpu: Cpu
    fitted: dict[int, Models] = field(default_factory=dict)

    @property
    def limit(self) -> int:
        """The number of items that a channel may propose."""
        max_items = max(len(self.data.dataset.catalogue) // MAX_CATALOGUE_FRACTION, 1)
        return min(self.base.sizes.recall, max_items)

    def evaluate(self, name: str, config: JobConfig, window: int) -> TrialFigures:
        """Return each user's recall by the channel of this model alone, (u, 1).

        The recall is 0 when the model diverged.
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
        return run_async(self._recall(funnel, RECALL_MODELS[name].channel, users))

    async def _recall(self, funnel: Funnel, name: str, users: list[ActiveUser]) -> TrialFigures:
        """Compute the channel's list for each user at their moment; counters move with them."""
        channels: list[Channel | LocalChannel] = [*funnel.awaited_channels, *funnel.local_channels]
        channel = next(one for one in channels if one.name == name)
        counted = self.data.dataset.log.without_repeats()
        shares, counted_until = [], funnel.query_builder.counters.now
        for user_id, user in zip(user_ids(self.data.dataset, users), users, strict=True):
            advance_counters(funnel.query_builder, counted, counted_until, user.at)
            counted_until = max(counted_until, user.at)
            answer = channel.recall(self._query(funnel, user_id, user), self.limit)
            proposal = await answer if inspect.isawaitable(answer) else answer
            shares.append(label_rows(proposal.rows, user.relevant).sum() / len(user.relevant))
        return np.array(shares, np.float64)[:, None]

    def _query(self, funnel: Funnel, user_id: str, user: ActiveUser) -> Query:
        request = Request(user_id, K, self.base.seed, arrived=0.0, inline=user.since)
        query = funnel.query_builder.build(request, NO_HISTORY)
        if not len(query.history):
            return query
        return replace(query, vectors=funnel.query_builder.solve_vectors(query))


@dataclass(frozen=True, slots=True, eq=False)
class WindowTables:
    """Every row that recall proposed in each window, collected when it is first needed.

    The settings of recall must be final before that. Rankers learn from a sample of the rows, as in
    the job, and are evaluated on all of them.
    """

    data: TuningData
    cpu: Cpu
    tables: dict[int, RankTable] = field(default_factory=dict)

    def split(self, config: JobConfig, window: int) -> tuple[list[RankTable], RankTable]:
        """Return the training rows before a window, and all rows of the window.

        Raises:
            DataError: before the window or in it, users liked nothing that recall proposed.
        """
        earlier = [sample_negatives(self.table(config, one), config) for one in range(window)]
        later = self.table(config, window)
        if not len(later) or not any(map(len, earlier)):
            raise DataError(
                "In one of the windows before the test users liked nothing that recall proposed, "
                "so rankers cannot be compared there. More interactions are needed."
            )
        return earlier, later

    def table(self, config: JobConfig, window: int) -> RankTable:
        if window not in self.tables:
            whole = replace(config, negatives=len(self.data.dataset.catalogue))
            times, funnel = self.data.windows[window], funnel_config(config, self.cpu)
            self.tables[window] = collect_window_rows(self.data.dataset, *times, whole, funnel)
        return self.tables[window]


def sample_negatives(table: RankTable, config: JobConfig) -> RankTable:
    """Draw the rows that ``row_collection.collect_rows`` keeps of these."""
    drawn = np.random.default_rng(config.seed).random(len(table))
    share = np.repeat(config.negatives / table.groups, table.groups)
    return table.take(np.flatnonzero((table.labels > 0) | (drawn < share)))


@dataclass(frozen=True, slots=True, eq=False)
class FineEvaluator:
    """NDCG of the fine ranker over all that recall proposed. There is no coarse ranker yet."""

    window_tables: WindowTables

    def evaluate(self, config: JobConfig, window: int) -> TrialFigures:
        """Return each user's NDCG@10 in a later window, (u, r), for r numbers of trees."""
        fixed = replace(config.rank, held_out=0)  # no early stop: the columns compare the stops
        earlier, later = self.window_tables.split(config, window)
        fine = fit_pointwise_listwise(earlier, fixed, config.seed)
        scores = (fine.score(later.features, int(n)) for n in tree_counts(config))
        return np.stack(
            [grouped_ndcg(later.groups, later.labels, np.asarray(s)) for s in scores], axis=1
        )


@dataclass(frozen=True, slots=True, eq=False)
class CoarseEvaluator:
    """The share of the fine order that the coarse ranker keeps. Fine settings are final before."""

    window_tables: WindowTables
    fitted: dict[int, PointwiseListwiseBlend] = field(default_factory=dict)

    def evaluate(self, config: JobConfig, window: int) -> TrialFigures:
        """Return the share of the fine order's best items that the coarse cut keeps, (u, 1)."""
        earlier, later = self.window_tables.split(config, window)
        if window not in self.fitted:
            self.fitted[window] = fit_pointwise_listwise(earlier, config.rank, config.seed)
        teacher, whole = self.fitted[window], concatenate(earlier)
        coarse = fit_coarse(whole, config.rank, teacher.score(whole.features))
        is_head = rank_within_groups(later.groups, teacher.score(later.features)) < HEAD
        places = rank_within_groups(later.groups, coarse.score(later.features[:, :COARSE_WIDTH]))
        is_kept = is_head & (places < config.sizes.coarse)
        owner = np.repeat(np.arange(len(later.groups)), later.groups)
        return np.asarray(np.bincount(owner, is_kept) / np.bincount(owner, is_head))[:, None]


def tree_counts(config: JobConfig) -> NDArray[np.int64]:
    """Return the numbers of trees at which early stopping may end, ascending."""
    most = max(config.rank.rounds, config.rank.least_rounds)
    return np.linspace(config.rank.least_rounds, most, TREE_COUNTS).astype(np.int64)


def evaluate_config(data: TuningData, cpu: Cpu, config: JobConfig, window: int) -> PerUser:
    """Return NDCG@10 of every user of a window, (u,), in the real funnel.

    The rankers are trained on the windows before it.
    """
    start, end = data.windows[window]
    split = TimeSplit(start, end, data.windows[:window])
    funnel = funnel_config(config, cpu)
    trained = fit_rankers(data.dataset, split, config, funnel, PhaseTimer())
    holdout = build_holdout(data.dataset, split, config, funnel)
    return user_ndcg(holdout.compute_lists(trained.rankers, config.sizes), holdout.relevant)


def evaluate_sizes(data: TuningData, cpu: Cpu, config: JobConfig, window: int) -> TrialFigures:
    """Return NDCG@10 of every user, (u, 1), with few trees, which do not change the best sizes."""
    quick = replace(config.rank, rounds=config.rank.least_rounds)
    return evaluate_config(data, cpu, replace(config, rank=quick), window)[:, None]
