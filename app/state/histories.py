"""What each user did since the bundle was made, read from Redis in one round trip."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from app.catalogue.ids import IdIndex
from app.contracts import EMPTY_RECORD, NO_HISTORY, NO_ROWS, History, Rows, UserEvents, UserRecord
from app.event_weights import EventWeights
from app.state.event_codec import HISTORY_LIMIT, EventInterpreter, history_key
from app.state.hidden_items import HIDING_EVENTS, decode_hidden, hidden_key
from app.state.shown_items import recently_shown_key
from app.state.store import CommandPart, Store
from app.state.user_blocks import blocked_key, decode_blocked
from app.state.user_store import (
    attributes_key,
    decode_attributes,
    decode_friends,
    erased_key,
    friends_key,
)

TOLD_KEYS = (blocked_key, attributes_key, friends_key)


@dataclass(frozen=True, slots=True, eq=False)
class RedisHistories:
    """Reads live histories: a sorted set a user, by timestamp, written by ``events.append``."""

    store: Store
    prefix: str
    ids: IdIndex
    event_weights: EventWeights
    time_shift: float = 0.0  # seconds from the data's time to the wall clock
    limit: int = HISTORY_LIMIT
    shown_limit: int = 0  # items that the user was shown lately; 0: no policy asks for them
    _interpreter: EventInterpreter = field(init=False, repr=False)

    def __post_init__(self) -> None:
        interpreter = EventInterpreter(self.ids, self.event_weights, self.time_shift)
        object.__setattr__(self, "_interpreter", interpreter)

    async def recent(self, user: str) -> History:
        """Give the user's live events, newest first, and what is told and was shown.

        Unknown items and types are left out.

        Raises:
            StageError: the store cannot answer.
        """
        newest = (history_key(self.prefix, user), 0, self.limit - 1, "WITHSCORES")
        told = (named(self.prefix, user) for named in TOLD_KEYS)
        asked: list[tuple[CommandPart, ...]] = [
            ("ZREVRANGE", *newest),
            ("GET", erased_key(self.prefix, user)),  # not under the user's tag: it names nobody
            ("MGET", *told),
            ("ZRANGE", hidden_key(self.prefix, user), 0, -1, "WITHSCORES"),
        ]
        if self.shown_limit:
            asked.append(("LRANGE", recently_shown_key(self.prefix, user), 0, self.shown_limit - 1))
        events, erased, kept, *others = await self.store.pipeline("history", asked)
        return self.decode([events, [*kept, erased], *others])

    async def recent_events(self, users: Sequence[str], newest: int) -> UserEvents:
        """Give the ``newest`` live events of each of several users; see ``contracts.Circle``.

        Raises:
            StageError: the store cannot answer.
        """
        commands: list[tuple[CommandPart, ...]] = [
            ("ZREVRANGE", history_key(self.prefix, user), 0, newest - 1, "WITHSCORES")
            for user in users
        ]
        replies = await self.store.pipeline("friends", commands)
        sizes = [len(reply) // 2 for reply in replies]
        read, known = self._known([part for reply in replies for part in reply])
        owner = np.arange(len(users)).repeat(sizes).take(known)
        return UserEvents(owner, read.rows, read.weights, read.times)

    def decode(self, said: Sequence[Any]) -> History:
        """Understand what the store said of a user."""
        reply, kept, hidden, *lately = said
        read = self._known(_unhidden(reply, hidden) if hidden else reply)[0]
        shown = self._rows([item.decode() for item in lately[0]]) if any(lately) else NO_ROWS
        told = self._told(kept, hidden) if hidden or any(kept) else EMPTY_RECORD
        return replace(read, record=told, impressions=shown, raw_reply=said)

    def _told(self, kept: Sequence[bytes | None], hidden: Sequence[bytes]) -> UserRecord:
        blocked, attributes, friends, erased = kept
        gone, back = decode_hidden(hidden)
        return UserRecord(
            decode_blocked(blocked),
            decode_attributes(attributes),
            decode_friends(friends),
            self._rows(gone),
            self._rows(back),
            float(erased) - self.time_shift if erased else -np.inf,
        )

    def _rows(self, items: list[str]) -> Rows:
        rows = self.ids.rows(items)
        return rows[rows >= 0]

    def _known(self, reply: list[bytes]) -> tuple[History, NDArray[np.intp]]:
        """Read members and scores in turn; give what is known, and the places where it stood."""
        if not reply:
            return NO_HISTORY, np.empty(0, np.intp)
        members = orjson.loads(b"[%b]" % b",".join(reply[::2]))
        _, types, items, values = zip(*members, strict=True)
        times = np.fromiter(map(float, reply[1::2]), np.float64, len(members))
        return self._interpreter.read_with_positions(items, types, values, times)


def friends_in_reply(said: Sequence[Any]) -> tuple[str, ...]:
    """Give the friends of a user of whom the store said this."""
    return decode_friends(said[1][TOLD_KEYS.index(friends_key)]) if len(said) > 1 else ()


def _unhidden(reply: list[bytes], hidden: Sequence[bytes]) -> list[bytes]:
    """Leave out, of members and times in turn, the hiding of items that are not hidden any more."""
    back = set(decode_hidden(hidden)[1])
    if not back:
        return reply
    pairs = zip(reply[::2], reply[1::2], strict=True)
    return [part for pair in pairs if not _hides(pair[0], back) for part in pair]


def _hides(member: bytes, items: set[str]) -> bool:
    _, kind, item, _ = orjson.loads(member)
    return kind in HIDING_EVENTS and item in items
