"""How many connections a worker keeps open, of whom, and how long they may wait."""

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Protocol

from app.access.loopback import is_loopback

log = logging.getLogger(__name__)

ON_CLOSED = "on_closed_connection"  # in the state of the application: called with the reason
LOG_PAUSE = 10.0  # seconds between two log lines about refused connections


@dataclass(frozen=True, slots=True)
class ConnectionTimes:
    """Seconds that a connection waits for its client."""

    headers: float = 10.0  # from its first byte, or from the connection, to the end of the headers
    body: float = 30.0  # from the headers to the end of the body
    write: float = 30.0  # for the client to read an answer
    discard: float = 2.0  # for the rest of a body after its answer

    @property
    def shortest(self) -> float:
        """The pause between two looks at a connection."""
        return min(self.headers, self.body, self.write, self.discard)


class ClosableConnection(Protocol):
    """A connection that can be closed while it has no request."""

    def close_idle(self) -> None: ...


class OpenConnections:
    """The open connections of a worker.

    A new one takes the place of the longest idle one when there are too many. Connections from the
    loopback, where a proxy may be, count in the total alone.
    """

    def __init__(
        self, limit: int, limit_per_client: int, times: ConnectionTimes | None = None
    ) -> None:
        self.times = times or ConnectionTimes()
        self._limit = limit
        self._limit_per_client = limit_per_client
        self._clients: dict[ClosableConnection, str] = {}
        self._counts: Counter[str] = Counter()  # connections by address
        self._idle: dict[ClosableConnection, None] = {}  # the longest idle one first
        self._closed: Counter[str] = Counter()  # by reason, since the last line of the log
        self._logged = -LOG_PAUSE
        self.on_closed: Callable[[str], None] = lambda _: None

    def __len__(self) -> int:
        return len(self._clients)

    def add(self, connection: ClosableConnection, address: str | None) -> bool:
        """Add a connection, and return whether it may stay."""
        name = "" if address is None or is_loopback(address) else address
        if name and self._counts[name] >= self._limit_per_client:
            return False
        if len(self._clients) >= self._limit and not self._close_longest_idle():
            return False
        self._clients[connection] = name
        self._counts[name] += 1
        self._idle[connection] = None
        return True

    def discard(self, connection: ClosableConnection) -> None:
        """Remove a connection that has ended."""
        self._idle.pop(connection, None)
        name = self._clients.pop(connection, None)
        if name is None:
            return
        self._counts[name] -= 1
        if not self._counts[name]:
            del self._counts[name]

    def set_busy(self, connection: ClosableConnection) -> None:
        """Record that a request of the connection begins."""
        self._idle.pop(connection, None)

    def set_idle(self, connection: ClosableConnection) -> None:
        """Record that the connection has no request."""
        if connection in self._clients:
            self._idle[connection] = None

    def count(self, reason: str) -> None:
        """Count a connection that was closed, and log the counts now and then."""
        self._closed[reason] += 1
        self.on_closed(reason)
        now = monotonic()
        if now >= self._logged + LOG_PAUSE:
            counts = ", ".join(f"{n} {reason}" for reason, n in sorted(self._closed.items()))
            log.warning("closed connections that exceeded their bounds: %s", counts)
            self._closed.clear()
            self._logged = now

    def _close_longest_idle(self) -> bool:
        """Close the longest idle connection, and return whether there is one."""
        for connection in self._idle:
            self.discard(connection)
            connection.close_idle()
            self.count("idle, for others")
            return True
        return False
