"""How many connections each worker has, in memory that all workers of a service share.

The kernel gives a new connection to whichever worker wakes first, and a client keeps it for long:
all connections of its pool may be of one worker. Each worker therefore leaves a new connection to
the others while one of them has fewer, and has some of its own closed when it has too many.
"""

import multiprocessing
from collections.abc import Callable, MutableSequence, Sequence
from math import ceil, inf
from time import monotonic
from typing import Any

from typing_extensions import override
from uvicorn.server import ServerState

ABSENT = -inf  # when a worker that does not accept was last seen
FRESH_SECONDS = 1.5  # for which a worker counts after it was seen; it is seen at each beat
SLACK = 16  # of so many connections, one more or less does not matter
CLOSED_SHARE = 4  # one of so many connections is closed at a time, at most


class ConnectionCounts:
    """The number of open connections of each worker, and when each was last seen.

    A worker writes its own two numbers alone. To write or read one of them is one access to memory,
    so there is no lock that a dead or stopped worker could hold.
    """

    def __init__(
        self, numbers: MutableSequence[float], clock: Callable[[], float] = monotonic
    ) -> None:
        """Begin with workers that do not accept connections.

        Args:
            numbers: two for each worker; they are overwritten.
            clock: returns seconds, the same in all processes.
        """
        self._numbers = numbers
        self._clock = clock
        self.workers = len(numbers) // 2
        for place in range(self.workers):
            self.clear(place)

    @classmethod
    def shared(cls, workers: int, start_method: str) -> "ConnectionCounts":
        """Build the counts of several processes. They can be passed to a process that starts."""
        context = multiprocessing.get_context(start_method)
        return cls(context.RawArray("d", 2 * workers))

    def write(self, place: int, count: int) -> None:
        """Record the connections of the worker at this place, which accepts more."""
        self._numbers[2 * place] = count
        self._numbers[2 * place + 1] = self._clock()

    def clear(self, place: int) -> None:
        """Record that the worker at this place does not accept connections."""
        self._numbers[2 * place + 1] = ABSENT

    def others(self, place: int) -> list[float]:
        """Return the connections of the other workers that were seen lately."""
        fresh = self._clock() - FRESH_SECONDS
        numbers = self._numbers[:]
        return [
            numbers[n]
            for n in range(0, len(numbers), 2)
            if n != 2 * place and numbers[n + 1] >= fresh
        ]


class _OpenProtocols(set[Any]):
    """The protocols of uvicorn whose connections are open. Their number is written when it changes.

    uvicorn adds a protocol when its connection is made, and discards it when it is lost.
    """

    def __init__(self, share: "ConnectionShare") -> None:
        super().__init__()
        self._share = share

    @override
    def add(self, element: object) -> None:
        super().add(element)
        self._share.end_opening(element)

    @override
    def discard(self, element: object) -> None:
        super().discard(element)
        self._share.write()


class ConnectionShare(ServerState):
    """The connections of one worker, and what the other workers have. uvicorn's server holds it."""

    def __init__(self, counts: ConnectionCounts | None = None, place: int = 0) -> None:
        """Begin without connections. Without ``counts``, there is no other worker."""
        super().__init__()
        self.connections: set[Any] = _OpenProtocols(self)
        self.surplus = 0  # connections to close after their next answer, for the other workers
        self._counts = counts or ConnectionCounts([0.0, ABSENT])
        self._place = place
        self._opening: set[object] = set()  # accepted, but not made yet
        self._is_accepting = False
        self._had_surplus = False

    @property
    def count(self) -> int:
        """How many connections this worker has accepted and not lost."""
        return len(self.connections) + len(self._opening)

    def begin_opening(self, protocol: object) -> None:
        """Count a connection that is accepted."""
        self._opening.add(protocol)
        self.write()

    def end_opening(self, protocol: object) -> None:
        """Count a connection as accepted no more, because it is made or has failed."""
        self._opening.discard(protocol)
        self.write()

    def start(self) -> None:
        """Let the others know that this worker accepts connections."""
        self._is_accepting = True
        self.write()

    def stop(self) -> None:
        """Let the others know that this worker does not accept connections any more."""
        self._is_accepting = False
        self.surplus = 0
        self._counts.clear(self._place)

    def write(self) -> None:
        """Let the others know how many connections this worker has, and that it runs."""
        if self._is_accepting:
            self._counts.write(self._place, self.count)

    def is_due(self) -> bool:
        """Return whether no other worker should rather accept the next connection."""
        others = self._counts.others(self._place)
        return not others or self.count <= min(others) * (SLACK + 1) // SLACK

    def look(self) -> None:
        """Decide how many connections to close for the others, and let them know of this worker.

        It takes two looks in a row: connections that come and go are uneven for a moment.
        """
        self.write()
        others = self._counts.others(self._place) if self._is_accepting else []
        excess = self._excess_over(others) if others else 0
        is_lasting, self._had_surplus = excess > 0 and self._had_surplus, excess > 0
        self.surplus = min(excess, ceil(self.count / CLOSED_SHARE)) if is_lasting else 0

    def _excess_over(self, others: Sequence[float]) -> int:
        """Return how many connections this worker has more than an even part."""
        even = max((self.count + sum(others)) // (len(others) + 1), min(others) + 1)
        return self.count - int(even * (SLACK + 1) // SLACK)
