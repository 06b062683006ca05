"""Two copies of the crowd's state that take turns: requests read one, the other is moved on.

A request reads one copy from its beginning to its end, and nothing changes under it: all that it
saw can be told in one line, and computed again. ("Left-right": Ramalhete and Correia, 2015.)
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, TypeAlias, TypeVar

from app.contracts import Proposal, Rows, Scores, Times
from app.cpu import Cpu
from app.state.counters import PopularityCounters
from app.state.segment_counts import SegmentRows

SORT = 0.25  # seconds between sorts of the lists

Reader = TypeVar("Reader")  # what answers requests from a copy: a funnel
Change: TypeAlias = Callable[[PopularityCounters], None]


@dataclass(slots=True, eq=False)
class Replica(Generic[Reader]):
    """One copy, and who reads it."""

    counters: PopularityCounters
    reader: Reader
    changed: int = 0  # changes that it knows of
    readers: int = 0  # requests on it
    left: asyncio.Event = field(default_factory=asyncio.Event)  # set whenever nobody reads it

    def __post_init__(self) -> None:
        self.left.set()

    def move(self, changes: Sequence[Change]) -> None:
        """Apply changes; nobody may read it meanwhile."""
        for change in changes:
            change(self.counters)
        self.changed += len(changes)


class DoubleBuffer(Generic[Reader]):
    """Takes changes as a ``Live`` does, and lets each copy have them when nobody reads it.

    ``run`` it as a task. Changes are for one event loop; they are seen within milliseconds.
    """

    def __init__(self, one: Replica[Reader], other: Replica[Reader], cpu: Cpu) -> None:
        self._read, self._idle = one, other
        self._cpu = cpu
        self._changes: list[Change] = []  # those that a copy does not know
        self._asked = 0  # all changes ever asked for
        self._something = asyncio.Event()
        self._settled = asyncio.Event()
        self._settled.set()
        self._is_sorted = True
        self._sort_at = 0.0  # by the event loop's clock

    @property
    def current(self) -> Replica[Reader]:
        """The copy that the next request reads."""
        return self._read

    @property
    def is_settled(self) -> bool:
        """Say whether both copies know every change, their lists included."""
        behind = min(self._read.changed, self._idle.changed) < self._asked
        return self._is_sorted and not behind

    async def wait_settled(self) -> None:
        """Wait until both copies know every change."""
        await self._settled.wait()

    @contextmanager
    def reading(self) -> Iterator[Replica[Reader]]:
        """Keep one copy as it is for as long as this lasts."""
        side = self._read
        side.readers += 1
        side.left.clear()
        try:
            yield side
        finally:
            side.readers -= 1
            if not side.readers:
                side.left.set()

    def apply(
        self, rows: Rows, weights: Scores, times: Times, of: SegmentRows | None = None
    ) -> None:
        """See ``Live.apply``."""
        self.change(
            partial(PopularityCounters.apply, rows=rows, weights=weights, times=times, of=of)
        )
        self._is_sorted = False

    def count_impressions(self, rows: Rows, scene: str = "") -> None:
        """See ``Live.expose``."""
        self.change(partial(PopularityCounters.count_impressions, rows=rows, scene=scene))

    def count_scene_successes(self, rows: Rows, scene: str) -> None:
        """See ``Live.succeed``."""
        self.change(partial(PopularityCounters.count_scene_successes, rows=rows, scene=scene))

    def set_offsets(self, stream: str, first: str, last: str) -> None:
        """See ``Live.reach``."""
        self.change(partial(PopularityCounters.set_offsets, stream=stream, first=first, last=last))

    def open_row(self, row: int, since: float) -> None:
        """See ``Live.open``."""
        self.change(partial(PopularityCounters.open_row, row=row, since=since))
        self._is_sorted = False

    def change(self, change: Change) -> None:
        """Let both copies have a change, in the order in which changes are told."""
        self._changes.append(change)
        self._asked += 1
        self._settled.clear()
        self._something.set()

    async def run(self) -> None:
        """Move the copies on as changes come, and sort their lists; until cancelled."""
        while True:
            await self._something.wait()
            await asyncio.sleep(0)  # what is told together is applied together
            self._something.clear()
            self._sort_if_due()
            await self._move(self._idle)
            self._read, self._idle = self._idle, self._read
            await self._move(self._idle)
            self._forget()
            if self.is_settled:
                self._settled.set()

    async def _move(self, side: Replica[Reader]) -> None:
        """Give a copy what it does not know yet, once nobody reads it."""
        await side.left.wait()
        missing = self._asked - side.changed
        if missing:
            await self._cpu(side.move, self._changes[-missing:])

    def _forget(self) -> None:
        """Let go of the changes that both copies know."""
        wanted = self._asked - min(self._read.changed, self._idle.changed)
        del self._changes[: len(self._changes) - wanted]

    def _sort_if_due(self) -> None:
        loop = asyncio.get_running_loop()
        if self._is_sorted:
            return
        if loop.time() < self._sort_at:
            loop.call_at(self._sort_at, self._something.set)
            return
        self._sort_at, self._is_sorted = loop.time() + SORT, True
        self.change(Sorted())


class Sorted:
    """The change that sorts the lists: once, since the second copy knows the very same events."""

    def __init__(self) -> None:
        self._lists: dict[str, Proposal] | None = None

    def __call__(self, live: PopularityCounters) -> None:
        """Sort the lists, or take those that were sorted."""
        self._lists = live.refresh(self._lists)
