"""The channel ``social``: items that friends liked recently, from live events and the bundle."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.artifacts import Friends, Users
from app.contracts import NO_PROPOSAL, Proposal, Query
from app.recall.accumulate import propose
from app.recall.channel import ChannelConfig, ChannelInputs, ChannelSpec
from app.stages import NO_EVENTS, FriendEvents, UserEvents


@dataclass(frozen=True, slots=True)
class SocialChannelConfig(ChannelConfig):
    """The settings of the channel. The decay was measured on Last.fm 2K."""

    n_friends: int = 50  # the first friends of the user; the store reads one key for each
    n_events: int = 50  # newest liked events of each friend
    decay: float = 0.99  # weight of each older event, relative to the friend's next newer one


@dataclass(frozen=True, slots=True)
class NoFriendEvents:
    """Stands in for the live store: there are no live events, so only the bundle's count."""

    async def recent_events(self, users: Sequence[str], newest: int) -> UserEvents:  # noqa: ARG002
        """Return no events."""
        return NO_EVENTS


@dataclass(frozen=True, slots=True)
class SocialChannel:
    """Sums what friends liked; newer likes count more, and so do friends with few friends.

    A tie counts 1 / log(2 + degree) (Adamic and Adar: Friends and neighbors on the web, 2003). On
    Last.fm 2K that and a decay of 0.99 do better than a root and 0.98
    (``benchmarks.quality.social``).
    """

    friend_events: FriendEvents
    users: Users
    friends: Friends
    config: SocialChannelConfig = SocialChannelConfig()
    name: str = "social"

    def has_work(self, query: Query) -> bool:
        """Return whether the user has friends."""
        return bool(query.friends)

    async def recall(self, query: Query, limit: int) -> Proposal:
        """Sum the likes of the first ``n_friends`` friends. Reads nothing without friends."""
        if not query.friends:
            return NO_PROPOSAL
        friends = query.friends[: self.config.n_friends]
        live = await self.friend_events.recent_events(friends, self.config.n_events)
        events = _merge_newest_first(live, self._bundle_events(friends))
        place = np.arange(len(events.owner)) - np.searchsorted(events.owner, events.owner)
        ties = self._tie_weights(friends).take(events.owner)
        weights = events.weights * self.config.decay**place * ties
        kept = place < self.config.n_events
        rows, position = np.unique(events.rows[kept], return_inverse=True)
        scores = np.bincount(position, weights[kept], len(rows)).astype(np.float64, copy=False)
        return propose(query, rows.astype(np.int64), scores, limit)

    def _bundle_events(self, friends: Sequence[str]) -> UserEvents:
        """Return the newest events of the friends that are users of the bundle."""
        user_rows = self.users.ids.rows(friends)
        members = (user_rows >= 0).nonzero()[0]
        starts = self.users.indptr[user_rows[members]]
        ends = self.users.indptr[user_rows[members] + 1]
        sizes = np.minimum(ends - starts, 4 * self.config.n_events)  # enough of these are likes
        first = np.cumsum(sizes) - sizes
        positions = np.arange(sizes.sum()) + (starts - first).repeat(sizes)
        return UserEvents(
            members.repeat(sizes),
            self.users.rows.take(positions),
            self.users.weights.take(positions),
            self.users.times.take(positions),
        )

    def _tie_weights(self, friends: Sequence[str]) -> NDArray[np.float64]:
        degrees = self.friends.degrees(self.users.ids.rows(friends))
        return 1.0 / np.log(2.0 + degrees)


def _merge_newest_first(*parts: UserEvents) -> UserEvents:
    """Merge the likes, friend by friend, newest first; the same event twice counts once."""
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


def _build(config: SocialChannelConfig, inputs: ChannelInputs) -> SocialChannel:
    models = inputs.models
    return SocialChannel(inputs.friend_events, models.users, models.friends, config)


SOCIAL = ChannelSpec(
    "social", "What the user's friends liked lately.", "friends", SocialChannelConfig(), _build
)
