"""A list in the making, as each policy of the last stage takes it and hands it on."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from app.catalogue.catalogue import Catalogue
from app.contracts import ABSENT, NO_SCORES, ORGANIC, Candidates, Matrix, Query, Rows, Scores
from app.rerank.policy import Policy
from app.state.counters import PopularityCounters


@dataclass(frozen=True, slots=True, eq=False)
class RerankContext:
    """All that a policy may look at; nothing of it changes while a list is made."""

    query: Query
    policy: Policy
    catalogue: Catalogue
    content: Matrix  # (n, e) unit vectors
    counters: PopularityCounters

    def count_explore_slots(self, n: int) -> int:
        """Count the places that exploration fills, of a list from ``n`` candidates."""
        query, policy = self.query, self.policy
        if not query.explore or n <= query.k or "explore" not in policy.order:
            return 0
        return min(policy.explore_slots, query.k // policy.explore_from)


UNPLACED = -1


@dataclass(frozen=True, slots=True, eq=False)
class MinimumExposure:
    """Items of which so many have to be in the list, if there are so many and the caps allow it."""

    favours: Callable[[Rows], NDArray[np.bool_]]  # says which of rows (n,) count for it, (n,)
    places: int


@dataclass(frozen=True, slots=True, eq=False)
class SlateDraft:
    """Permitted candidates, what each is worth, and the list as far as it is made."""

    pool: Candidates  # (n,) best first; what was not proposed stands behind
    worth: Scores  # (n,) what candidates are chosen by
    listed: NDArray[np.intp]  # (m,) positions in the pool, in the order of the list
    slots: NDArray[np.int8]  # (m,) codes of app.contracts.SLOTS
    propensities: Scores  # (m,)
    places: NDArray[np.int32]  # (m,) where it must stand, 0 is first; UNPLACED: in its turn
    minimums: tuple[
        MinimumExposure, ...
    ] = ()  # the first of them comes first where there is too little room

    @classmethod
    def start(cls, pool: Candidates, worth: Scores) -> "SlateDraft":
        """Begin with an empty list."""
        none = np.empty(0, np.intp)
        return cls(pool, worth, none, np.empty(0, np.int8), NO_SCORES, np.empty(0, np.int32))

    @property
    def unlisted(self) -> NDArray[np.intp]:
        """Give the positions (r,) that are not listed, most worth first."""
        free = np.ones(len(self.pool), np.bool_)
        free[self.listed] = False
        left = np.flatnonzero(free)
        return left[np.argsort(-self.worth[left], kind="stable")]

    def take(self, kept: NDArray[np.intp]) -> "SlateDraft":
        """Keep these entries of the list, in this order."""
        return replace(
            self,
            listed=self.listed[kept],
            slots=self.slots[kept],
            propensities=self.propensities[kept],
            places=self.places[kept],
        )

    def append(
        self,
        positions: NDArray[np.intp],
        slot: int = ORGANIC,
        propensities: Scores | None = None,
        place: int = UNPLACED,
    ) -> "SlateDraft":
        """Append to the list; without propensities there was no chance in it."""
        n = len(positions)
        sure = np.ones(n, np.float32) if propensities is None else propensities
        return replace(
            self,
            listed=np.concatenate([self.listed, positions]),
            slots=np.concatenate([self.slots, np.full(n, slot, np.int8)]),
            propensities=np.concatenate([self.propensities, sure]),
            places=np.concatenate([self.places, np.full(n, place, np.int32)]),
        )

    def insert(self, row: int, place: int, slot: int) -> "SlateDraft":
        """List one row at ``place``, in the pool or not; it must be permitted."""
        at = np.flatnonzero(self.pool.rows == row)
        wider = self if len(at) else self.widen_pool(np.array([row], np.int64))
        position = at if len(at) else np.array([len(self.pool)], np.intp)
        others = wider.take(np.flatnonzero(wider.listed != position[0]))
        return others.append(position, slot, place=place)

    def widen_pool(self, rows: Rows) -> "SlateDraft":
        """Take these rows into the pool, behind all others; none of them may be there yet."""
        pool, n = self.pool, len(rows)
        low = np.float32(min(pool.scores.min(initial=0.0), self.worth.min(initial=0.0)))
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
        return replace(self, pool=wider, worth=np.concatenate([self.worth, lowest]))
