"""The stores without a server: for tests, and for the offline job that runs the same funnel."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import orjson

from app.artifacts import NeighbourTable
from app.catalogue.ids import IdIndex
from app.contracts import NO_HISTORY, History, Neighbours, Rows
from app.event_weights import EventWeights
from app.state.event_codec import HISTORY_LIMIT, Event, EventInterpreter


@dataclass(frozen=True, slots=True, eq=False)
class MemoryTables:
    """Reads the tables where they are, with the same answers as from Redis."""

    tables: Mapping[str, NeighbourTable]

    async def read(self, table: str, rows: Rows) -> Neighbours:
        """Give the neighbours of ``rows``."""
        found = self.tables.get(table)
        if found is None:
            return Neighbours(np.empty(0, np.int64), np.empty(0, np.int32), np.empty(0, np.float32))
        owners = np.flatnonzero((rows >= 0) & (rows < len(found)))
        starts = found.indptr[rows[owners]]
        sizes = found.indptr[rows[owners] + 1] - starts
        before = np.cumsum(sizes) - sizes
        at = np.repeat(starts - before, sizes) + np.arange(sizes.sum())
        return Neighbours(np.repeat(owners, sizes), found.rows[at], found.weights[at])


@dataclass(frozen=True, slots=True, eq=False)
class MemoryHistories:
    """Keeps live histories in this process, with the same answers as from Redis."""

    ids: IdIndex
    event_weights: EventWeights
    time_shift: float = 0.0  # seconds from the data's time to the wall clock
    limit: int = HISTORY_LIMIT
    _events: dict[str, dict[bytes, float]] = field(default_factory=dict, init=False, repr=False)

    async def append(self, events: Sequence[Event]) -> None:
        """Write events to their users' histories."""
        for event in events:
            kept = self._events.setdefault(event.user, {})
            kept[event.history_member()] = event.timestamp
            if len(kept) > self.limit:
                del kept[min(kept, key=lambda member: (kept[member], member))]

    async def recent(self, user: str) -> History:
        """Give the user's live events, newest first; unknown items and types are left out."""
        kept = sorted(((time, member) for member, time in self._events.get(user, {}).items()))
        if not kept:
            return NO_HISTORY
        times, members = zip(*reversed(kept), strict=True)
        _, types, items, values = zip(*map(orjson.loads, members), strict=True)
        interpreter = EventInterpreter(self.ids, self.event_weights, self.time_shift)
        return interpreter.read(items, types, values, np.array(times))
