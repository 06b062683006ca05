"""What users do, as it is written: one event, its place in a history, its entry in the stream."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

import numpy as np
import orjson

from app.catalogue import IdIndex
from app.contracts import History, Scores, Times
from app.preferences import Preferences
from app.state.store import Part, Store

HISTORY_LIMIT = 500  # newest events that are kept of each user
STREAM_LIMIT = 1_000_000  # newest events that are kept for followers, about


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that a user did with an item."""

    event_id: str  # a repeat of an event has the same
    user: str
    item: str
    type: str
    value: float = 1.0  # stars, plays, seconds; 1.0 when it has none
    timestamp: float = 0.0  # unix seconds by the wall clock
    request_id: str | None = None  # of the answer that showed the item

    def member(self) -> bytes:
        """Give the entry in the user's history: the same event gives the same bytes."""
        return orjson.dumps((self.event_id, self.type, self.item, float(self.value)))

    def entry(self) -> bytes:
        """Give the entry in the stream."""
        return orjson.dumps(
            (
                self.event_id,
                self.user,
                self.item,
                self.type,
                float(self.value),
                float(self.timestamp),
                self.request_id,
            )
        )


def history_key(prefix: str, user: str) -> str:
    """Name a user's history. The user is the key's hash tag in Redis Cluster, braces encoded."""
    return f"{prefix}:u:{{{quote(user, safe='')}}}:h"


def stream_key(prefix: str) -> str:
    """Name the stream of events."""
    return f"{prefix}:events"


async def append(
    store: Store,
    prefix: str,
    events: Sequence[Event],
    limit: int = HISTORY_LIMIT,
    stream_limit: int = STREAM_LIMIT,
) -> None:
    """Write events to their users' histories and to the stream, in one round trip.

    A repeated event changes no history, and a late one lands at its place. In the stream a
    repeat is one more entry: followers go by ``event_id``. After an error some may be written;
    write all again.

    Args:
        store: where to.
        prefix: of all keys.
        events: of any users, in any order.
        limit: the newest events that each history keeps.
        stream_limit: about how many entries the stream keeps.

    Raises:
        StageError: the store did not confirm all of it.
    """
    if not events:
        return
    by_user: dict[str, list[Part]] = {}
    for event in events:
        by_user.setdefault(event.user, []).extend((float(event.timestamp), event.member()))
    commands: list[tuple[Part, ...]] = []
    for user, pairs in by_user.items():
        key = history_key(prefix, user)
        commands.append(("ZADD", key, "NX", *pairs))
        commands.append(("ZREMRANGEBYRANK", key, 0, -limit - 1))
    stream = ("XADD", stream_key(prefix), "MAXLEN", "~", stream_limit, "*", "e")
    commands.extend((*stream, event.entry()) for event in events)
    await store.pipeline("append", commands)


@dataclass(frozen=True, slots=True, eq=False)
class Interpreter:
    """Turns what events say into what the funnel reckons with; what it does not know it omits."""

    ids: IdIndex
    preferences: Preferences
    time_shift: float = 0.0  # seconds from the data's time to the wall clock

    def read(
        self,
        items: Sequence[str],
        types: Sequence[str],
        values: Sequence[float | None],
        timestamps: Times,
    ) -> History:
        """Give the events with a known item, a known type and a usable value, in their order."""
        rows = self.ids.rows(items)
        with np.errstate(over="ignore"):  # too large a value becomes inf, and so is not usable
            raw = np.array(values, np.float32)
        weights, graded = self._weigh(types, raw)
        known = np.flatnonzero((rows >= 0) & np.isfinite(weights))
        return History(rows, graded, weights, timestamps - self.time_shift).take(known)

    def _weigh(self, types: Sequence[str], values: Scores) -> tuple[Scores, Scores]:
        """Give each event's weight, NaN where it has none, and its value on the data's scale."""
        codes = {kind: code for code, kind in enumerate(set(types))}
        coded = np.fromiter(map(codes.__getitem__, types), np.int64, len(types))
        weights = np.full(len(types), np.nan, np.float32)
        graded = values.copy()
        for kind, code in codes.items():
            if self.preferences.knows(kind):
                chosen = coded == code
                weights[chosen] = self.preferences.weigh(kind, values[chosen])
                graded[chosen] = self.preferences.value(kind, values[chosen])
        return np.where(np.isfinite(values), weights, np.float32(np.nan)), graded
