"""Judges the rankers: replays are made once, each trial fits on the earlier ones of them."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from app.cpu import Cpu
from app.rank.pointwise_listwise import PointwiseListwiseBlend
from offline.data.errors import DataError
from offline.evaluate.metrics import K, grouped_ndcg, rank_within_groups
from offline.job import JobConfig, funnel_config, replay_window
from offline.training.distillation import COARSE_WIDTH, fit_coarse
from offline.training.gbdt import fit_pointwise_listwise
from offline.training.rank_table import RankTable, concatenate
from offline.tune.study import TrialFigures
from offline.tune.windows import TuningData

TREE_COUNTS = 6  # numbers of trees that are compared within a trial
HEAD = 2 * K  # what fine puts first: as much of it as a list and its reserve hold


@dataclass(frozen=True, slots=True, eq=False)
class WindowReplays:
    """Every row that recall proposed in each window; recall must be settled when it is asked.

    Windows are made when first needed. Rankers learn from a sample of the rows, as in the job, and
    are judged by all of them.
    """

    data: TuningData
    cpu: Cpu
    tables: dict[int, RankTable] = field(default_factory=dict)

    def split(self, config: JobConfig, window: int) -> tuple[list[RankTable], RankTable]:
        """Give what the job would learn from before a window, and all rows of the window.

        Raises:
            DataError: there or here users took nothing of what recall proposed.
        """
        earlier = [sample_negatives(self.table(config, one), config) for one in range(window)]
        later = self.table(config, window)
        if not len(later) or not any(map(len, earlier)):
            raise DataError(
                "In one of the windows before the test users took nothing that recall proposed, so "
                "rankers cannot be compared there. More interactions are needed."
            )
        return earlier, later

    def table(self, config: JobConfig, window: int) -> RankTable:
        """Give all rows of one window."""
        if window not in self.tables:
            whole = replace(config, negatives=len(self.data.dataset.catalogue))
            times = self.data.windows[window]
            self.tables[window] = replay_window(
                self.data.dataset, *times, whole, funnel_config(config, self.cpu)
            )
        return self.tables[window]


def sample_negatives(table: RankTable, config: JobConfig) -> RankTable:
    """Draw the rows that ``offline.training.rank_table.collect`` would have kept of these."""
    drawn = np.random.default_rng(config.seed).random(len(table))
    share = np.repeat(config.negatives / table.groups, table.groups)
    return table.take(np.flatnonzero((table.labels > 0) | (drawn < share)))


@dataclass(frozen=True, slots=True, eq=False)
class FineJudge:
    """Judges the fine ranker on all that recall proposed: the coarse one learns from it."""

    replays: WindowReplays

    def judge(self, config: JobConfig, window: int) -> TrialFigures:
        """Give each user's NDCG@10 in a later window, (u, r), after r numbers of trees."""
        fixed = replace(config.rank, held_out=0)  # no early stop: the stops are compared here
        earlier, later = self.replays.split(config, window)
        fine = fit_pointwise_listwise(earlier, fixed, config.seed)
        scores = (fine.score(later.features, int(n)) for n in tree_counts(config))
        return np.stack(
            [grouped_ndcg(later.groups, later.labels, np.asarray(s)) for s in scores], axis=1
        )


@dataclass(frozen=True, slots=True, eq=False)
class CoarseJudge:
    """Judges the coarse ranker by the fine one, which must be settled when it is asked."""

    replays: WindowReplays
    fitted: dict[int, PointwiseListwiseBlend] = field(default_factory=dict)

    def judge(self, config: JobConfig, window: int) -> TrialFigures:
        """Give the share of what fine puts first that coarse lets through, (u, 1)."""
        earlier, later = self.replays.split(config, window)
        if window not in self.fitted:
            self.fitted[window] = fit_pointwise_listwise(earlier, config.rank, config.seed)
        teacher, whole = self.fitted[window], concatenate(earlier)
        coarse = fit_coarse(whole, config.rank, teacher.score(whole.features))
        first = rank_within_groups(later.groups, teacher.score(later.features)) < HEAD
        passed = rank_within_groups(later.groups, coarse.score(later.features[:, :COARSE_WIDTH]))
        owner = np.repeat(np.arange(len(later.groups)), later.groups)
        share = np.bincount(owner, first & (passed < config.sizes.coarse)) / np.bincount(
            owner, first
        )
        return np.asarray(share)[:, None]


def tree_counts(config: JobConfig) -> NDArray[np.int64]:
    """Give the numbers of trees at which early stopping may end, ascending."""
    most = max(config.rank.rounds, config.rank.least_rounds)
    return np.linspace(config.rank.least_rounds, most, TREE_COUNTS).astype(np.int64)
