"""Judges the rankers: replays are made once, each trial fits on the earlier ones of them."""

from dataclasses import dataclass, field, replace

import lightgbm
import numpy as np
from numpy.typing import NDArray

from app.assemble import Wiring
from app.cpu import Cpu
from app.rank.fine import Fine
from app.run import NO_HURRY
from offline.evaluate.asked import K, ndcg
from offline.evaluate.metrics import PerUser
from offline.evaluate.rowsets import RowSets
from offline.job import JobConfig, replay
from offline.rank import coarse_width, fit_coarse, fit_fine, places
from offline.table import RankTable, join
from offline.tune.known import Known
from offline.tune.study import Figures

STOPS = 6  # numbers of trees that are compared within a trial
HEAD, KEPT = 0.05, 0.3  # shares of a pool: what fine puts first, and what coarse lets through


@dataclass(frozen=True, slots=True, eq=False)
class Replays:
    """Training rows of each window, made when first asked for: recall must be settled by then."""

    known: Known
    cpu: Cpu
    tables: dict[int, RankTable] = field(default_factory=dict)

    def before(self, config: JobConfig, window: int) -> list[RankTable]:
        """Give the rows of all earlier windows, from which rankers may learn."""
        return [self.table(config, earlier) for earlier in range(window)]

    def table(self, config: JobConfig, window: int) -> RankTable:
        """Give the rows of one window."""
        if window not in self.tables:
            wiring = Wiring(self.cpu, NO_HURRY, config.sizes, config.policy)
            times = self.known.windows[window]
            self.tables[window] = replay(self.known.dataset, *times, config, wiring)
        return self.tables[window]


@dataclass(frozen=True, slots=True, eq=False)
class Coarses:
    """Judges the coarse ranker by the fine one, which must be settled by then."""

    replays: Replays
    fitted: dict[int, lightgbm.Booster] = field(default_factory=dict)

    def judge(self, config: JobConfig, window: int) -> Figures:
        """Give the share of what fine puts first that coarse lets through, (u, 1)."""
        earlier, later = self.replays.before(config, window), self.replays.table(config, window)
        if window not in self.fitted:
            self.fitted[window] = fit_fine(earlier, config.rank, config.seed)
        teacher, whole = Fine(self.fitted[window]), join(earlier)
        coarse = fit_coarse(whole, config.rank, teacher.score(whole.features))
        first = places(later.groups, teacher.score(later.features)) < HEAD
        passed = places(later.groups, coarse.score(later.features[:, : coarse_width()])) < KEPT
        owner = np.repeat(np.arange(len(later.groups)), later.groups)
        share = np.bincount(owner, first & passed) / np.bincount(owner, first)
        return share[:, None]


@dataclass(frozen=True, slots=True, eq=False)
class Fines:
    """Judges the fine ranker on all that recall proposed: the coarse one learns from it."""

    replays: Replays

    def judge(self, config: JobConfig, window: int) -> Figures:
        """Give each user's NDCG@10 in a later window, (u, r), after r numbers of trees."""
        fixed = replace(config.rank, held_out=0)  # no early stop: the stops are compared here
        booster = fit_fine(self.replays.before(config, window), fixed, config.seed)
        later = self.replays.table(config, window)
        scores = (booster.predict(later.features, num_iteration=n) for n in stops(config))
        return np.stack([grouped_ndcg(later, np.asarray(s)) for s in scores], axis=1)


def stops(config: JobConfig) -> NDArray[np.int64]:
    """Give the numbers of trees at which early stopping may end, ascending."""
    most = max(config.rank.rounds, config.rank.least_rounds)
    return np.linspace(config.rank.least_rounds, most, STOPS).astype(np.int64)


def grouped_ndcg(table: RankTable, scores: NDArray[np.float64]) -> PerUser:
    """Give NDCG@10 of each group, (g,); 0 where the group holds nothing relevant."""
    owner = np.repeat(np.arange(len(table.groups)), table.groups)
    order = np.lexsort((np.arange(len(table)), -scores, owner))
    place = np.arange(len(table)) - np.repeat(np.cumsum(table.groups) - table.groups, table.groups)
    lists = np.full((len(table.groups), K), -1, np.int64)
    first = place < K
    lists[owner[first], place[first]] = order[first]
    relevant = np.flatnonzero(table.labels > 0)
    found = RowSets.of_pairs(owner[relevant], relevant, len(table.groups))
    return np.nan_to_num(ndcg(lists, found))
