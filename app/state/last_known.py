"""The newest replies of the store about the users that a worker answered lately."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from app.state.user_store import user_digest

RawReply: TypeAlias = Sequence[Any]  # events, record, hidden items and maybe impressions

MAX_PARTS = 250_000  # values in all replies together, about 20 MB
BASE_PARTS = 8  # what a reply without any value costs
PART_BYTES = 80  # of a usual value; a long one counts as several


class LastKnownReplies:
    """Replies by user, the least recently used dropped first."""

    def __init__(self, max_parts: int = MAX_PARTS) -> None:
        self._max_parts = max_parts
        self._n_parts = 0
        self._replies: OrderedDict[str, tuple[str, RawReply]] = OrderedDict()  # by digest

    def __len__(self) -> int:
        return len(self._replies)

    def __iter__(self) -> Iterator[tuple[str, RawReply]]:
        """Iterate over the users and their replies."""
        return iter(list(self._replies.values()))

    @property
    def has_data(self) -> bool:
        """True if the store had anything of any of these users."""
        return any(events or hidden or any(record) for _, (events, record, hidden, *_) in self)

    def get(self, user: str) -> RawReply | None:
        return self._replies.get(user_digest(user), ("", None))[1]

    def put(self, user: str, reply: RawReply) -> None:
        """Remember a reply in place of the older one, and drop others if there are too many."""
        digest = user_digest(user)
        self.forget(digest)
        self._replies[digest] = (user, reply)
        self._n_parts += _count_parts(reply)
        while self._n_parts > self._max_parts:
            self._n_parts -= _count_parts(self._replies.popitem(last=False)[1][1])

    def forget(self, digest: str) -> None:
        """Drop the reply about the user of this digest."""
        dropped = self._replies.pop(digest, None)
        if dropped is not None:
            self._n_parts -= _count_parts(dropped[1])

    def clear(self) -> None:
        self._replies.clear()
        self._n_parts = 0


def _count_parts(reply: RawReply) -> int:
    long_values = sum(len(value) // PART_BYTES for value in reply[1] if value)
    return BASE_PARTS + sum(map(len, reply)) + long_values
