"""Judges the rankers: replays are made once, each trial fits on the earlier ones of them."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from app.assemble import Wiring
from app.cpu import Cpu
from app.run import NO_HURRY
from offline.evaluate.asked import K, ndcg
from offline.evaluate.metrics import PerUser
from offline.evaluate.rowsets import RowSets
from offline.job import JobConfig, replay
from offline.rank import fit_coarse, fit_fine, keep_best
from offline.table import RankTable, join
from offline.tune.known import Known
from offline.tune.study import Figures

STOPS = 6  # numbers of trees that are compared within a trial


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


def judge_coarse(replays: Replays, config: JobConfig, window: int) -> Figures:
    """Give the share of what each user took that the coarse ranker lets through, (u, 1)."""
    coarse = fit_coarse(join(replays.before(config, window)), config.rank, config.seed)
    table = replays.table(config, window)
    left = taken(keep_best(table, coarse, config.sizes.coarse))
    return (left / taken(table))[:, None]


def taken(table: RankTable) -> PerUser:
    """Count the relevant rows of each group, (g,)."""
    owner = np.repeat(np.arange(len(table.groups)), table.groups)
    return np.bincount(owner, weights=table.labels, minlength=len(table.groups)).astype(np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """What the coarse ranker, fitted before a window, lets through of it and of earlier ones."""

    earlier: list[RankTable]
    later: RankTable


@dataclass(frozen=True, slots=True, eq=False)
class Fines:
    """Judges the fine ranker behind the coarse one, which must be settled by then."""

    replays: Replays
    kept: dict[int, Kept] = field(default_factory=dict)

    def judge(self, config: JobConfig, window: int) -> Figures:
        """Give each user's NDCG@10 in a later window, (u, r), after r numbers of trees."""
        kept = self._kept(config, window)
        fixed = replace(config.rank, held_out=0)  # no early stop: the stops are compared here
        booster = fit_fine(kept.earlier, fixed, config.seed)
        features = kept.later.features
        scores = (booster.predict(features, num_iteration=n) for n in stops(config))
        return np.stack([grouped_ndcg(kept.later, np.asarray(s)) for s in scores], axis=1)

    def _kept(self, config: JobConfig, window: int) -> Kept:
        if window not in self.kept:
            earlier, keep = self.replays.before(config, window), config.sizes.coarse
            coarse = fit_coarse(join(earlier), config.rank, config.seed)
            later = keep_best(self.replays.table(config, window), coarse, keep)
            self.kept[window] = Kept([keep_best(t, coarse, keep) for t in earlier], later)
        return self.kept[window]


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
