"""Channel: what the user's friends liked lately, live events and those that the bundle knows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.artifacts import Friends, Users
from app.contracts import NO_EVENTS, NO_PROPOSAL, FriendEvents, Proposal, Query, UserEvents
from app.recall.accumulate import accumulate, propose


@dataclass(frozen=True, slots=True)
class NoFriendEvents:
    """The circle of users of whose live events nothing is kept."""

    async def recent_events(self, users: Sequence[str], newest: int) -> UserEvents:  # noqa: ARG002
        """Give nothing."""
        return NO_EVENTS


@dataclass(frozen=True, slots=True)
class SocialChannel:
    """Sums what friends liked; newer likes count more, and so do friends who have few friends.

    A tie counts 1 / log(2 + degree), after Adamic and Adar: Friends and neighbors on the web, 2003.
    On Last.fm that and 0.99 do better than a root and 0.98 (``benchmarks.quality.social``).
    """

    friend_events: FriendEvents
    users: Users
    friends: Friends
    n: int  # items in the catalogue
    name: str = "social"
    n_friends: int = 50  # friends asked for: one key each
    n_events: int = 50  # liked events of each
    decay: float = 0.99  # each older event of a friend counts this much of the one before

    async def recall(self, query: Query, limit: int) -> Proposal:
        """Sum the likes of the first friends told; who has no friends costs nothing."""
        if not query.friends:
            return NO_PROPOSAL
        asked = query.friends[: self.n_friends]
        live = await self.friend_events.recent_events(asked, self.n_events)
        acts = _newest_first(live, self._known(asked))
        place = np.arange(len(acts.owner)) - np.searchsorted(acts.owner, acts.owner)
        worth = acts.weights * self.decay**place * self._ties(asked).take(acts.owner)
        kept = place < self.n_events
        rows, scores = accumulate(acts.rows[kept], worth[kept], self.n)
        return propose(query, rows, scores, limit)

    def _known(self, asked: Sequence[str]) -> UserEvents:
        """Give the liked events of friends that the bundle knows."""
        members = self.users.ids.rows(asked)
        known = (members >= 0).nonzero()[0]
        starts, ends = self.users.indptr[members[known]], self.users.indptr[members[known] + 1]
        sizes = np.minimum(ends - starts, 4 * self.n_events)  # of these, enough are likes
        first = np.cumsum(sizes) - sizes
        at = np.arange(sizes.sum()) + (starts - first).repeat(sizes)
        weights, rows = self.users.weights.take(at), self.users.rows.take(at)
        return UserEvents(known.repeat(sizes), rows, weights, self.users.times.take(at))

    def _ties(self, asked: Sequence[str]) -> NDArray[np.float64]:
        degrees = self.friends.degrees(self.users.ids.rows(asked))
        return 1.0 / np.log(2.0 + degrees)


def _newest_first(*parts: UserEvents) -> UserEvents:
    """Join what speaks for items, friend by friend; the same twice counts once."""
    owner, rows, weights, times = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("owner", "rows", "weights", "times")
    )
    order = np.lexsort((rows, -times, owner))
    order = order[weights[order] > 0]
    whole = UserEvents(owner[order], rows[order], weights[order], times[order])
    new = np.ones(len(order), np.bool_)
    same = [np.diff(column) == 0 for column in (whole.owner, whole.rows, whole.times)]
    new[1:] = ~np.logical_and.reduce(same)
    return UserEvents(whole.owner[new], whole.rows[new], whole.weights[new], whole.times[new])
