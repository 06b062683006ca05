"""How much each event of a history contributed to the scores of items in one channel.

They are computed for the items of a list alone, after it is chosen, to name the reasons. A channel
that can tell them has a method ``contributions(query, rows)``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.artifacts import Content, Factors
from app.contracts import NO_ROWS, FoldInSystem, History, Query, Rows, UserVectors
from app.kernels.reasons import largest_sums
from app.kernels.user_vectors import fold_in_amounts
from app.user_vectors import MAX_QUERY_EVENTS


@dataclass(frozen=True, slots=True, eq=False)
class Contributions:
    """The parts of the scores of items. Each row adds up to the item's score, up to a factor."""

    events: Rows  # (l,) the items of the events; they may repeat
    amounts: NDArray[np.float64]  # (n, l)

    def best(self, limit: int) -> Rows:
        """Return for each item the rows of the events' items that contributed most, best first.

        Only positive contributions count. Those of several events of one item are added up.

        Returns:
            (n, limit), filled up with -1.
        """
        return largest_sums(self.events, np.ascontiguousarray(self.amounts, np.float64), limit)


NO_CONTRIBUTIONS = Contributions(NO_ROWS, np.empty((0, 0)))


def no_contributions(_query: Query, _rows: Rows) -> Contributions:
    """Return nothing: the channel cannot tell which events its scores come from."""
    return NO_CONTRIBUTIONS


ContributionsOf: TypeAlias = Callable[[Query, Rows], Contributions]


def factor_contributions(
    factors: Factors,
    events_of: Callable[[Query], History],
    system_of: Callable[[UserVectors], FoldInSystem | None],
) -> ContributionsOf:
    """Return the function for inner products with a folded-in vector.

    Hu, Koren, Volinsky: Collaborative filtering for implicit feedback datasets, 2008, eq. 7: the
    user vector is a sum over events, so that the product with an item's vector is one too.
    """

    def contributions(query: Query, rows: Rows) -> Contributions:
        system = system_of(query.vectors)
        if system is None:
            return NO_CONTRIBUTIONS
        events = events_of(query).rows
        return Contributions(events, fold_in_amounts(factors.items, *system, events, rows))

    return contributions


def content_contributions(content: Content) -> ContributionsOf:
    """Return the function for inner products with the mean content of liked items."""

    def contributions(query: Query, rows: Rows) -> Contributions:
        liked = query.history.liked(MAX_QUERY_EVENTS)
        weights = np.maximum(liked.weights, 0.1).astype(np.float64)
        amounts = (content.items[rows] @ content.items[liked.rows].T) * weights
        return Contributions(liked.rows, amounts)

    return contributions
