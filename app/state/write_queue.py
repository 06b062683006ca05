"""A bounded queue that is written in batches, behind the answers' backs: nothing waits for it."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from app.contracts import StageError

log = logging.getLogger(__name__)

GATHER = 0.05  # seconds in which things come together before a write
PAUSE = 0.5  # seconds before asking again a server that failed

Kept = TypeVar("Kept")


class WriteQueue(Generic[Kept]):
    """What waits to be written, oldest first. ``run`` it as a task.

    ``name`` is that of the things in the log's lines, ``write`` stores a batch or raises a
    ``StageError``, and ``first``, should there be one, is awaited before anything is written.
    """

    def __init__(
        self,
        name: str,
        capacity: int,
        at_once: int,
        write: Callable[[Sequence[Kept]], Awaitable[None]],
        first: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.dropped = 0  # things that found the queue full, or could not be written at the end
        self._name, self._write, self._first = name, write, first
        self._capacity, self._at_once = capacity, at_once
        self._queue: deque[Kept] = deque()
        self._something = asyncio.Event()
        self._writing = asyncio.Lock()

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def is_full(self) -> bool:
        """Say whether the next thing would be dropped."""
        return len(self._queue) >= self._capacity

    def add(self, one: Kept) -> None:
        """Let a thing wait to be written; at once, and without fail."""
        if self.is_full:
            self.dropped += 1
            return
        self._queue.append(one)
        self.wake()

    def wake(self) -> None:
        """Say that there is something to write."""
        self._something.set()

    async def run(self) -> None:
        """Write what waits, until cancelled. What can not be written goes on waiting."""
        while True:
            await self._something.wait()
            await asyncio.sleep(GATHER)
            try:
                await self._flush()
            except StageError as error:
                log.warning("%s wait to be written: %s", self._name, error)
                await asyncio.sleep(PAUSE)

    async def close(self) -> None:
        """Write what is left, or count it as dropped when the store does not take it."""
        try:
            await self._flush()
        except StageError as error:
            self.dropped += len(self._queue)
            log.warning("%d %s are lost: %s", len(self._queue), self._name, error)
            self._queue.clear()

    async def _flush(self) -> None:
        async with self._writing:
            self._something.clear()
            try:
                if self._first:
                    await self._first()
                while self._queue:
                    await self._write_some()
            finally:
                if self._queue:
                    self.wake()

    async def _write_some(self) -> None:
        batch = [self._queue[at] for at in range(min(self._at_once, len(self._queue)))]
        await self._write(batch)
        for _ in batch:  # only now: what failed stays, and readers know repeats by their id
            self._queue.popleft()
