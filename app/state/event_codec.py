"""What users do, as it is written: one event, its place in a history, its entry in the stream."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import orjson
from numpy.typing import NDArray

from app.catalogue.ids import IdIndex
from app.contracts import History, Scores, Times
from app.event_weights import EventWeights
from app.state.keys import user_key

HISTORY_LIMIT = 500  # newest events that are kept of each user


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
    position: int | None = None  # in that answer; 0 is the first
    context: Mapping[str, str | float | bool] = field(default_factory=dict)  # device, page ...

    def history_member(self) -> bytes:
        """Give the entry in the user's history: the same event gives the same bytes."""
        return orjson.dumps((self.event_id, self.type, self.item, float(self.value)))

    def stream_entry(self) -> bytes:
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
                self.position,
                dict(self.context),
            )
        )


def history_key(prefix: str, user: str) -> str:
    """Name a user's history."""
    return user_key(prefix, user, "h")


def events_key(prefix: str) -> str:
    """Name the stream of events."""
    return f"{prefix}:events"


@dataclass(frozen=True, slots=True, eq=False)
class EventInterpreter:
    """Turns what events say into what the funnel reckons with; what it does not know it omits."""

    ids: IdIndex
    event_weights: EventWeights
    time_shift: float = 0.0  # seconds from the data's time to the wall clock

    def read(
        self,
        items: Sequence[str],
        types: Sequence[str],
        values: Sequence[float | None],
        timestamps: Times,
    ) -> History:
        """Give the events with a known item, a known type and a usable value, in their order."""
        return self.read_with_positions(items, types, values, timestamps)[0]

    def read_with_positions(
        self,
        items: Sequence[str],
        types: Sequence[str],
        values: Sequence[float | None],
        timestamps: Times,
    ) -> tuple[History, NDArray[np.intp]]:
        """Give the same, and the places where they stood."""
        rows = self.ids.rows(items)
        with np.errstate(over="ignore"):  # too large a value becomes inf, and so is not usable
            raw = np.array(values, np.float32)
        weights, graded = self._weigh(types, raw)
        known = np.flatnonzero((rows >= 0) & np.isfinite(weights))
        return History(rows, graded, weights, timestamps - self.time_shift).take(known), known

    def _weigh(self, types: Sequence[str], values: Scores) -> tuple[Scores, Scores]:
        """Give each event's weight, NaN where it has none, and its value on the data's scale."""
        codes = {kind: code for code, kind in enumerate(set(types))}
        coded = np.fromiter(map(codes.__getitem__, types), np.int64, len(types))
        weights = np.full(len(types), np.nan, np.float32)
        graded = values.copy()
        for kind, code in codes.items():
            if self.event_weights.accepts(kind):
                chosen = coded == code
                weights[chosen] = self.event_weights.weigh(kind, values[chosen])
                graded[chosen] = self.event_weights.scale_values(kind, values[chosen])
        return np.where(np.isfinite(values), weights, np.float32(np.nan)), graded
