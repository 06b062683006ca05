"""The events that wait to be sent: which go next, and what becomes of them. It knows no network."""

import json
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from recfunnel_client.answers import EventsAccepted
from recfunnel_client.bodies import EventIn
from recfunnel_client.errors import RecfunnelError
from recfunnel_client.events import with_id

LOGGER = logging.getLogger("recfunnel_client")
MAX_BATCH = 1_000  # what the service accepts at once
TOO_LARGE = 413
NOT_VALID = (400, 422)


@dataclass(frozen=True)
class DroppedEvent:
    """An event that will not be sent, and why."""

    event: EventIn
    reason: str


OnDrop = Callable[[Sequence[DroppedEvent]], None]


class EventQueue:
    """Events in the order in which they came. Threads may share it.

    Events stay until the service has them. The oldest are sent first. When the queue is full, a new
    event is dropped. Every drop is logged, counted, and handed to ``on_drop``.
    """

    def __init__(self, size: int, capacity: int, on_drop: OnDrop | None) -> None:
        if not 1 <= size <= MAX_BATCH or capacity < size:
            raise ValueError(
                f"size is {size} and capacity {capacity}: size must be 1 to {MAX_BATCH}, and "
                "capacity must not be less than size"
            )
        self.size = size
        self.n_sent = 0
        self.n_dropped = 0
        self._capacity = capacity
        self._on_drop = on_drop
        self._events: deque[EventIn] = deque()
        self._limit = size  # of the next batch; less than size after a batch that was too large
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._events)

    def add(self, event: EventIn) -> bool:
        """Add an event, with an id and the time if it has none. Return False if it was dropped.

        Raises:
            TypeError, ValueError: The event cannot be written as JSON.
        """
        json.dumps(event, ensure_ascii=False, allow_nan=False).encode()  # as it will be sent
        timed: EventIn = event if event.get("timestamp") else {**event, "timestamp": time.time()}
        with self._lock:
            has_room = len(self._events) < self._capacity
            if has_room:
                self._events.append(with_id(timed))
        if not has_room:
            reason = f"{self._capacity} events wait already: raise capacity"
            self._drop([DroppedEvent(event, reason)])
        return has_room

    def batch(self) -> list[EventIn]:
        """Return the events to send next. They stay in the queue."""
        with self._lock:
            return [self._events[i] for i in range(min(self._limit, len(self._events)))]

    def accept(self, batch: Sequence[EventIn], answer: EventsAccepted) -> None:
        """Remove a batch that was sent. Drop what the service refused of it."""
        refused = answer.refused or []
        self._remove(len(batch))
        self._limit = min(self.size, 2 * self._limit)
        self.n_sent += len(batch) - len(refused)
        self._drop([DroppedEvent(batch[one.index], one.message) for one in refused])

    def refuse(self, batch: Sequence[EventIn], error: RecfunnelError) -> bool:
        """Decide about a batch that failed. Return whether to wait before the next.

        A batch that is too large is halved. One that is not valid is dropped. All else may be
        repaired, such as a service that is down or a key that is wrong, and the events stay.
        """
        if error.status == TOO_LARGE and len(batch) > 1:
            self._limit = len(batch) // 2
            return False
        if error.status == TOO_LARGE or error.status in NOT_VALID:
            self._remove(len(batch))
            self._drop([DroppedEvent(event, str(error)) for event in batch])
            return False
        return True

    def drop_all(self, reason: str) -> None:
        """Drop every event that still waits."""
        with self._lock:
            waiting = list(self._events)
            self._events.clear()
        self._drop([DroppedEvent(event, reason) for event in waiting])

    def _remove(self, n: int) -> None:
        with self._lock:
            for _ in range(n):
                self._events.popleft()

    def _drop(self, dropped: Sequence[DroppedEvent]) -> None:
        if not dropped:
            return
        with self._lock:
            self.n_dropped += len(dropped)
        LOGGER.warning("%d events were dropped; the first: %s", len(dropped), dropped[0].reason)
        if self._on_drop is not None:
            try:
                self._on_drop(dropped)
            except Exception:
                LOGGER.exception("on_drop failed")
