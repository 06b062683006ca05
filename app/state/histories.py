"""Read the events of users since the bundle was trained, from Redis or from memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.catalogue.ids import IdIndex
from app.contracts import (
    EMPTY_RECORD,
    NO_HISTORY,
    NO_ROWS,
    FilterState,
    History,
    Rows,
    UserRecord,
)
from app.event_weights import EventWeights
from app.stages import UserEvents
from app.state.event_codec import Event, decode_history
from app.state.event_interpreter import EventInterpreter
from app.state.shared_exclusions import SharedExclusions
from app.state.store import CommandPart, Store
from app.state.user_store import (
    HIDING_EVENTS,
    MAX_STORED_EVENTS,
    attributes_key,
    blocked_key,
    decode_attributes,
    decode_blocked,
    decode_friends,
    decode_hidden,
    erased_key,
    friends_key,
    hidden_key,
    history_key,
    recently_shown_key,
    restored_key,
    state_keys,
)

RECORD_KEYS = (blocked_key, attributes_key, friends_key)


@dataclass(frozen=True, slots=True, eq=False)
class RedisHistories:
    """Reads live histories, which ``event_writer.append_events`` writes."""

    store: Store
    prefix: str
    ids: IdIndex
    event_weights: EventWeights
    time_shift: float = 0.0  # seconds from the data's time to the wall clock
    limit: int = MAX_STORED_EVENTS
    shown_limit: int = 0  # recently shown items to read; 0: no policy uses them
    exclusions: SharedExclusions | None = None  # None: every filter is in the store
    _interpreter: EventInterpreter = field(init=False, repr=False)

    def __post_init__(self) -> None:
        interpreter = EventInterpreter(self.ids, self.event_weights, self.time_shift)
        object.__setattr__(self, "_interpreter", interpreter)

    async def recent(self, user: str) -> History:
        """Return the user's live events, newest first, the user's record and recent impressions.

        Unknown items and types are left out.

        Raises:
            StageError: the store cannot answer.
        """
        newest = (history_key(self.prefix, user), 0, self.limit - 1, "WITHSCORES")
        commands: list[tuple[CommandPart, ...]] = [
            ("ZREVRANGE", *newest),
            ("GET", erased_key(self.prefix, user)),  # alone: it has no hash tag
            ("MGET", *state_keys(self.prefix)),
            ("MGET", *(key(self.prefix, user) for key in (*RECORD_KEYS, restored_key))),
            ("ZRANGE", hidden_key(self.prefix, user), 0, -1, "WITHSCORES"),
        ]
        if self.shown_limit:
            shown = (recently_shown_key(self.prefix, user), 0, self.shown_limit - 1)
            commands.append(("LRANGE", *shown))
        exclusions = self.exclusions
        before = (exclusions.change_count, exclusions.stored_changes) if exclusions else (0, 0)
        replies = await self.store.pipeline("history", commands)
        events, erased, state, (*record, restored), *others = replies
        if exclusions and exclusions.erased_at(user) > (float(erased) if erased else -np.inf):
            erased = repr(exclusions.erased_at(user)).encode()  # the store has lost it
        raw_reply = [events, [*record, erased], *others]
        history = self.decode(raw_reply)
        if exclusions is None:
            return history
        if exclusions.is_lost(state, restored, before[1]):
            return self._without_filters(user, history, "lost")
        exclusions.remember(user, raw_reply, before[0])
        return history

    def last_known(self, user: str) -> History:
        """Return what the store last replied about the user; see ``app.stages.Histories``."""
        if self.exclusions is None:
            return NO_HISTORY
        raw_reply = self.exclusions.last_known.get(user)
        remembered = NO_HISTORY if raw_reply is None else self.decode(raw_reply)
        if raw_reply is not None and self.exclusions.is_followed:
            return remembered
        return self._without_filters(user, remembered, "down")

    def _without_filters(self, user: str, remembered: History, reason: FilterState) -> History:
        """Add what anybody hides, because it is not known what the user hides."""
        exclusions = self.exclusions
        if exclusions is None or not exclusions.generation:
            return replace(remembered, filters="unknown")
        last_erasure = exclusions.erased_at(user) - self.time_shift
        erased_at = max(last_erasure, remembered.record.erased_at)
        record = replace(remembered.record, withheld=exclusions.withheld, erased_at=erased_at)
        return replace(remembered, record=record, filters=reason)

    async def recent_events(self, users: Sequence[str], newest: int) -> UserEvents:
        """Return the ``newest`` live events of each of several users.

        Raises:
            StageError: the store cannot answer.
        """
        commands: list[tuple[CommandPart, ...]] = [
            ("ZREVRANGE", history_key(self.prefix, user), 0, newest - 1, "WITHSCORES")
            for user in users
        ]
        replies = await self.store.pipeline("friends", commands)
        sizes = [len(reply) // 2 for reply in replies]
        read, positions = self._events([part for reply in replies for part in reply])
        owner = np.arange(len(users)).repeat(sizes).take(positions)
        return UserEvents(owner, read.rows, read.weights, read.times)

    def decode(self, raw_reply: Sequence[Any]) -> History:
        """Read a user's history from what the store replied; the request log keeps the reply."""
        reply, record, hidden, *shown = raw_reply
        read = self._events(_without_restored(reply, hidden) if hidden else reply)[0]
        impressions = self._rows([item.decode() for item in shown[0]]) if any(shown) else NO_ROWS
        is_empty = not hidden and not any(record)
        user = EMPTY_RECORD if is_empty else self._record(record, hidden)
        columns = read.rows, read.values, read.weights, read.times
        return History(*columns, user, impressions, raw_reply, types=read.types)

    def _record(self, values: Sequence[bytes | None], hidden: Sequence[bytes]) -> UserRecord:
        blocked, attributes, friends, erased = values
        hidden_items, restored_items = decode_hidden(hidden)
        return UserRecord(
            decode_blocked(blocked),
            decode_attributes(attributes),
            decode_friends(friends),
            self._rows(hidden_items),
            self._rows(restored_items),
            float(erased) - self.time_shift if erased else -np.inf,
        )

    def _rows(self, items: list[str]) -> Rows:
        rows = self.ids.rows(items)
        return rows[rows >= 0]

    def _events(self, reply: list[bytes]) -> tuple[History, NDArray[np.intp]]:
        """Read alternating members and times; return usable events, and their positions."""
        if not reply:
            return NO_HISTORY, np.empty(0, np.intp)
        _, types, items, values = decode_history(reply[::2])
        times = np.fromiter(map(float, reply[1::2]), np.float64, len(items))
        return self._interpreter.read_with_positions(items, types, values, times)


@dataclass(frozen=True, slots=True, eq=False)
class MemoryHistories:
    """Keeps live histories in this process, and answers as ``RedisHistories`` does."""

    ids: IdIndex
    event_weights: EventWeights
    time_shift: float = 0.0  # seconds from the data's time to the wall clock
    limit: int = MAX_STORED_EVENTS
    _events: dict[str, dict[bytes, float]] = field(default_factory=dict, init=False, repr=False)

    async def append(self, events: Sequence[Event]) -> None:
        """Write events to their users' histories."""
        for event in events:
            history = self._events.setdefault(event.user, {})
            history[event.history_member()] = event.timestamp
            if len(history) > self.limit:
                del history[min(history, key=lambda member: (history[member], member))]

    def last_known(self, _user: str) -> History:
        """Return no history: memory always answers."""
        return NO_HISTORY

    async def recent(self, user: str) -> History:
        """Return the user's live events, newest first. Unknown items and types are left out."""
        history = sorted(((time, member) for member, time in self._events.get(user, {}).items()))
        if not history:
            return NO_HISTORY
        times, members = zip(*reversed(history), strict=True)
        _, types, items, values = decode_history(members)
        interpreter = EventInterpreter(self.ids, self.event_weights, self.time_shift)
        return interpreter.read(items, types, values, np.array(times))


def friends_in_reply(raw_reply: Sequence[Any]) -> tuple[str, ...]:
    """Return the friends of the user whose history the store replied."""
    if len(raw_reply) <= 1:
        return ()
    return decode_friends(raw_reply[1][RECORD_KEYS.index(friends_key)])


def _without_restored(reply: list[bytes], hidden: Sequence[bytes]) -> list[bytes]:
    """Leave out the hiding events of restored items from alternating members and times."""
    restored = set(decode_hidden(hidden)[1])
    if not restored:
        return reply
    _, types, items, _ = decode_history(reply[::2])
    return [
        part
        for at, (kind, item) in enumerate(zip(types, items, strict=True))
        if not (kind in HIDING_EVENTS and item in restored)
        for part in reply[2 * at : 2 * at + 2]
    ]
