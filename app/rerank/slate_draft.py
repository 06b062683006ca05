"""The draft of a list, as each policy of the last stage takes it and hands it on."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from app.catalogue.catalogue import Catalogue
from app.catalogue.duplicates import NO_DUPLICATES
from app.contracts import ABSENT, NO_SCORES, ORGANIC, Candidates, Matrix, Query, Rows, Scores
from app.rerank.policy_settings import PolicySettings
from app.state.counters import PopularityCounters

NO_POSITION = -1


@dataclass(frozen=True, slots=True, eq=False)
class RerankContext:
    """All that a policy may read. It does not change while a list is built."""

    query: Query
    settings: PolicySettings
    order: tuple[str, ...]  # names of the policies that act
    catalogue: Catalogue
    content: Matrix  # (n, e) unit vectors
    counters: PopularityCounters
    duplicates: NDArray[np.int32] = field(default_factory=lambda: NO_DUPLICATES)  # groups, by row

    def count_explore_slots(self, n: int) -> int:
        """Return the number of positions that exploration fills in a list from ``n`` candidates."""
        query, settings = self.query, self.settings
        if not query.explore or n <= query.k or "explore" not in self.order:
            return 0
        return min(settings.explore_slots, query.k // settings.explore_from)


@dataclass(frozen=True, slots=True, eq=False)
class MinimumExposure:
    """Items of which a list must hold some, as far as there are any and the caps allow it."""

    includes: Callable[[Rows], NDArray[np.bool_]]  # rows (n,) -> which count for it, (n,)
    min_items: int
    setting: str = ""  # the setting that asks for it, for notes


@dataclass(frozen=True, slots=True, eq=False)
class SlateDraft:
    """The permitted candidates, the utility of each, and the list so far."""

    pool: Candidates  # (n,) best first; items that no channel proposed stand at the end
    utility: Scores  # (n,) what the last stage chooses by; it begins as relevance
    listed: NDArray[np.intp]  # (m,) positions in the pool, in the order of the list
    slots: NDArray[np.int8]  # (m,) codes of app.contracts.SLOTS
    propensities: Scores  # (m,)
    positions: NDArray[np.int32]  # (m,) fixed position, 0 is first; NO_POSITION: none
    minimums: tuple[MinimumExposure, ...] = ()  # where room is short, the first has priority

    @classmethod
    def start(cls, pool: Candidates, utility: Scores) -> "SlateDraft":
        """Return a draft with an empty list."""
        none = np.empty(0, np.intp)
        return cls(pool, utility, none, np.empty(0, np.int8), NO_SCORES, np.empty(0, np.int32))

    @property
    def unlisted(self) -> NDArray[np.intp]:
        """The positions that are not listed, (r,), by descending utility."""
        is_free = np.ones(len(self.pool), np.bool_)
        is_free[self.listed] = False
        free = np.flatnonzero(is_free)
        return free[np.argsort(-self.utility[free], kind="stable")]

    def with_utility(self, utility: NDArray[np.floating]) -> "SlateDraft":
        """Return the same draft with this utility, (n,), in the order of the pool."""
        listed = self.listed, self.slots, self.propensities, self.positions
        return SlateDraft(self.pool, utility.astype(np.float32), *listed, self.minimums)

    def take(self, kept: NDArray[np.intp]) -> "SlateDraft":
        """Keep these entries of the list, in this order."""
        return replace(
            self,
            listed=self.listed[kept],
            slots=self.slots[kept],
            propensities=self.propensities[kept],
            positions=self.positions[kept],
        )

    def append(
        self,
        chosen: NDArray[np.intp],
        slot: int = ORGANIC,
        propensities: Scores | None = None,
        position: int = NO_POSITION,
    ) -> "SlateDraft":
        """List these candidates too. Propensities default to 1: the choice was not random."""
        n = len(chosen)
        propensities = np.ones(n, np.float32) if propensities is None else propensities
        slots, positions = np.full(n, slot, np.int8), np.full(n, position, np.int32)
        if len(self.listed):
            chosen = np.concatenate([self.listed, chosen])
            slots = np.concatenate([self.slots, slots])
            propensities = np.concatenate([self.propensities, propensities])
            positions = np.concatenate([self.positions, positions])
        return SlateDraft(
            self.pool, self.utility, chosen, slots, propensities, positions, self.minimums
        )

    def insert(self, row: int, position: int, slot: int) -> "SlateDraft":
        """List one permitted row at ``position``, whether it is in the pool or not."""
        at = np.flatnonzero(self.pool.rows == row)
        wider = self if len(at) else self.widen_pool(np.array([row], np.int64))
        chosen = at if len(at) else np.array([len(self.pool)], np.intp)
        others = wider.take(np.flatnonzero(wider.listed != chosen[0]))
        return others.append(chosen, slot, position=position)

    def widen_pool(self, rows: Rows) -> "SlateDraft":
        """Append rows that the pool does not hold yet, with the lowest score and utility."""
        pool, n = self.pool, len(rows)
        low = np.float32(min(pool.scores.min(initial=0.0), self.utility.min(initial=0.0)))
        lowest = np.full(n, low if np.isfinite(low) else 0.0, np.float32)
        wider = Candidates(
            np.concatenate([pool.rows, rows]),
            np.concatenate([pool.scores, lowest]),
            np.concatenate([pool.ranks, np.full((n, pool.ranks.shape[1]), ABSENT, np.int32)]),
            np.concatenate([pool.signals, np.zeros((n, pool.signals.shape[1]), np.float32)]),
            np.concatenate(
                [pool.features, np.full((n, pool.features.shape[1]), np.nan, np.float32)]
            ),
        )
        return replace(self, pool=wider, utility=np.concatenate([self.utility, lowest]))
