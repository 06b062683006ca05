"""Joins reads that are asked for at the same moment into one round trip."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeAlias

from app.contracts import StageError

Values: TypeAlias = list[bytes | None]  # (n,) one for each key; None where there is nothing
Fetch: TypeAlias = Callable[[Sequence[bytes]], Coroutine[Any, Any, Values]]

KEYS_AT_ONCE = 2_000  # the server answers nobody else during one MGET: some 2 ms at this length


class BatchedReads:
    """Collects keys until the event loop has run what was ready, then fetches them all at once.

    The pattern is Facebook's DataLoader (2015). A reader that is cancelled does not disturb the
    others; when all are, so is the fetch. An error reaches all readers of its batch.
    """

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._gathering = _Batch()
        self._running: set[asyncio.Task[Values]] = set()  # the event loop keeps no task alive

    async def read(self, keys: Sequence[bytes]) -> Values:
        """Give the values of ``keys``.

        Raises:
            StageError: the store cannot answer.
        """
        if not keys:
            return []
        loop = asyncio.get_running_loop()
        batch = self._gathering
        if not batch.keys:
            loop.call_soon(self._send, batch)
        reader: asyncio.Future[Values] = loop.create_future()
        batch.join(keys, reader)
        if len(batch.keys) >= KEYS_AT_ONCE:
            self._gathering = _Batch()
        return await reader

    def _send(self, batch: "_Batch") -> None:
        if batch is self._gathering:
            self._gathering = _Batch()
        if batch.waiting:
            task = asyncio.get_running_loop().create_task(self._fetch(batch.keys))
            self._running.add(task)
            batch.follow(task)
            task.add_done_callback(self._running.discard)


class _Batch:
    """Readers whose keys travel together."""

    def __init__(self) -> None:
        self.keys: list[bytes] = []
        self.waiting = 0
        self._readers: list[tuple[asyncio.Future[Values], int]] = []
        self._task: asyncio.Task[Values] | None = None

    def join(self, keys: Sequence[bytes], reader: asyncio.Future[Values]) -> None:
        self.keys.extend(keys)
        self.waiting += 1
        self._readers.append((reader, len(keys)))
        reader.add_done_callback(self._leave)

    def follow(self, task: asyncio.Task[Values]) -> None:
        self._task = task
        task.add_done_callback(self._deliver)

    def _leave(self, _: asyncio.Future[Values]) -> None:
        self.waiting -= 1
        if self._task and not self.waiting:
            self._task.cancel()  # does nothing when it is the task that answered them

    def _deliver(self, task: asyncio.Task[Values]) -> None:
        start = 0
        for reader, count in self._readers:
            if not reader.done():
                _pass_on(task, slice(start, start + count), reader)
            start += count


def _pass_on(task: asyncio.Task[Values], part: slice, reader: asyncio.Future[Values]) -> None:
    if task.cancelled():
        reader.cancel()
    elif error := task.exception():
        # Each reader gets its own: a shared exception would gather all their tracebacks.
        reader.set_exception(StageError(*error.args) if isinstance(error, StageError) else error)
    else:
        reader.set_result(task.result()[part])
