"""Channel: what the user's friends liked lately, live events and those that the bundle knows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.artifacts import Friends, Users
from app.contracts import NO_ACTS, NO_PROPOSAL, Acts, Circle, Proposal, Query
from app.recall.accumulate import accumulate, propose


@dataclass(frozen=True, slots=True)
class Alone:
    """The circle of users of whose live events nothing is kept."""

    async def acts(self, users: Sequence[str], newest: int) -> Acts:  # noqa: ARG002
        """Give nothing."""
        return NO_ACTS


@dataclass(frozen=True, slots=True)
class Social:
    """Sums what friends liked; newer likes count more, and so do friends who have few friends.

    A tie counts 1 / log(2 + degree), after Adamic and Adar: Friends and neighbors on the web, 2003.
    On Last.fm that and 0.99 do better than a root and 0.98 (``benchmarks.quality.social``).
    """

    circle: Circle
    users: Users
    friends: Friends
    n: int  # items in the catalogue
    name: str = "social"
    most: int = 50  # friends asked for: one key each
    newest: int = 50  # liked events of each
    fade: float = 0.99  # each older event of a friend counts this much of the one before

    async def recall(self, query: Query, limit: int) -> Proposal:
        """Sum the likes of the first friends told; who has no friends costs nothing."""
        if not query.friends:
            return NO_PROPOSAL
        asked = query.friends[: self.most]
        live = await self.circle.acts(asked, self.newest)
        acts = _newest_first(live, self._known(asked))
        place = np.arange(len(acts.owner)) - np.searchsorted(acts.owner, acts.owner)
        worth = acts.weights * self.fade**place * self._ties(asked).take(acts.owner)
        kept = place < self.newest
        rows, scores = accumulate(acts.rows[kept], worth[kept], self.n)
        return propose(query, rows, scores, limit)

    def _known(self, asked: Sequence[str]) -> Acts:
        """Give the liked events of friends that the bundle knows."""
        members = self.users.ids.rows(asked)
        known = (members >= 0).nonzero()[0]
        starts, ends = self.users.indptr[members[known]], self.users.indptr[members[known] + 1]
        sizes = np.minimum(ends - starts, 4 * self.newest)  # of these, enough are likes
        first = np.cumsum(sizes) - sizes
        at = np.arange(sizes.sum()) + (starts - first).repeat(sizes)
        weights, rows = self.users.weights.take(at), self.users.rows.take(at)
        return Acts(known.repeat(sizes), rows, weights, self.users.times.take(at))

    def _ties(self, asked: Sequence[str]) -> NDArray[np.float64]:
        degrees = self.friends.degrees(self.users.ids.rows(asked))
        return 1.0 / np.log(2.0 + degrees)


def _newest_first(*parts: Acts) -> Acts:
    """Join what speaks for items, friend by friend; the same twice counts once."""
    owner, rows, weights, times = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("owner", "rows", "weights", "times")
    )
    order = np.lexsort((rows, -times, owner))
    order = order[weights[order] > 0]
    whole = Acts(owner[order], rows[order], weights[order], times[order])
    new = np.ones(len(order), np.bool_)
    same = [np.diff(column) == 0 for column in (whole.owner, whole.rows, whole.times)]
    new[1:] = ~np.logical_and.reduce(same)
    return Acts(whole.owner[new], whole.rows[new], whole.weights[new], whole.times[new])
