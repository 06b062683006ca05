"""Two copies of the counters: requests read one while the other is updated.

A request reads one copy from its start to its end, and that copy does not change meanwhile. So the
stream offsets say exactly what a request saw, and the replay can compute it again. (The technique
is "left-right": Ramalhete and Correia, 2015.)
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypeVar

from app.contracts import Proposal, Rows, Scores, Times
from app.cpu import Cpu
from app.state.counters import PopularityCounters
from app.state.group_counts import SegmentRows

SORT_INTERVAL = 0.25  # seconds between sorts of the lists

Reader = TypeVar("Reader")  # what answers requests from a replica: a funnel
Change: TypeAlias = Callable[[PopularityCounters], None]


@dataclass(slots=True, eq=False)
class Replica(Generic[Reader]):
    """One copy of the counters, and the requests that read it."""

    counters: PopularityCounters
    reader: Reader
    applied: int = 0  # changes that it contains
    readers: int = 0  # requests that read it now
    unused: asyncio.Event = field(default_factory=asyncio.Event)  # set while nobody reads it

    def __post_init__(self) -> None:
        self.unused.set()

    def apply(self, changes: Sequence[Change]) -> None:
        """Apply changes. Nobody may read the replica meanwhile."""
        for change in changes:
            change(self.counters)
        self.applied += len(changes)


class DoubleBuffer(Generic[Reader]):
    """Accepts changes as ``PopularityCounters`` does, and applies them to each replica in turn.

    ``run`` it as a task. Changes come from one event loop. Readers see them within milliseconds.
    """

    def __init__(
        self,
        one: Replica[Reader],
        other: Replica[Reader],
        cpu: Cpu,
        sort_interval: float = SORT_INTERVAL,
    ) -> None:
        self._read, self._idle = one, other
        self._cpu = cpu
        self._sort_interval = sort_interval
        self._changes: list[Change] = []  # changes that a replica does not contain yet
        self._total = 0  # changes since the start
        self._wake = asyncio.Event()
        self._settled = asyncio.Event()
        self._settled.set()
        self._is_sorted = True
        self._sort_at = 0.0  # time of the next sort, by the event loop's clock

    @property
    def current(self) -> Replica[Reader]:
        """The replica that the next request reads."""
        return self._read

    @property
    def is_settled(self) -> bool:
        """True if both replicas and their sorted lists contain every change."""
        behind = min(self._read.applied, self._idle.applied) < self._total
        return self._is_sorted and not behind

    async def wait_settled(self) -> None:
        """Wait until both replicas contain every change."""
        await self._settled.wait()

    @contextmanager
    def reading(self) -> Iterator[Replica[Reader]]:
        """Yield a replica that does not change while the context lasts."""
        replica = self._read
        replica.readers += 1
        replica.unused.clear()
        try:
            yield replica
        finally:
            replica.readers -= 1
            if not replica.readers:
                replica.unused.set()

    def replace_readers(self, change: Callable[[Reader], Reader]) -> None:
        """Replace what reads the replicas. A request that has begun keeps the reader it has."""
        for replica in (self._read, self._idle):
            replica.reader = change(replica.reader)

    def apply(
        self, rows: Rows, weights: Scores, times: Times, segment_rows: SegmentRows | None = None
    ) -> None:
        self.change(lambda counters: counters.apply(rows, weights, times, segment_rows))
        self._is_sorted = False

    def count_impressions(self, rows: Rows, scene: str = "") -> None:
        self.change(lambda counters: counters.count_impressions(rows, scene))

    def count_scene_successes(self, rows: Rows, scene: str) -> None:
        self.change(lambda counters: counters.count_scene_successes(rows, scene))

    def set_offsets(self, stream: str, first: str, last: str) -> None:
        self.change(lambda counters: counters.set_offsets(stream, first, last))

    def open_row(self, row: int, since: float) -> None:
        self.change(lambda counters: counters.open_row(row, since))
        self._is_sorted = False

    def change(self, change: Change) -> None:
        """Queue a change for both replicas. Changes are applied in the order of these calls."""
        self._changes.append(change)
        self._total += 1
        self._settled.clear()
        self._wake.set()

    async def run(self) -> None:
        """Apply changes as they come, and sort the lists, until cancelled."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(0)  # changes of the same moment are applied together
            self._wake.clear()
            self._sort_if_due()
            await self._update(self._idle)
            self._read, self._idle = self._idle, self._read
            await self._update(self._idle)
            self._drop_applied()
            if self.is_settled:
                self._settled.set()

    async def _update(self, replica: Replica[Reader]) -> None:
        """Apply the missing changes to a replica, as soon as nobody reads it."""
        await replica.unused.wait()
        missing = self._total - replica.applied
        if missing:
            await self._cpu(replica.apply, self._changes[-missing:])

    def _drop_applied(self) -> None:
        """Drop the changes that both replicas contain."""
        needed = self._total - min(self._read.applied, self._idle.applied)
        del self._changes[: len(self._changes) - needed]

    def _sort_if_due(self) -> None:
        loop = asyncio.get_running_loop()
        if self._is_sorted:
            return
        if loop.time() < self._sort_at:
            loop.call_at(self._sort_at, self._wake.set)
            return
        self._sort_at, self._is_sorted = loop.time() + self._sort_interval, True
        self.change(SortLists())


class SortLists:
    """The change that sorts the lists: only once, because both replicas contain the same events."""

    def __init__(self) -> None:
        self._lists: dict[str, Proposal] | None = None

    def __call__(self, counters: PopularityCounters) -> None:
        """Sort the lists, or use those that the other replica has sorted."""
        self._lists = counters.refresh(self._lists)
