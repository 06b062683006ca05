"""Join reads of the same moment into one round trip."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeAlias

from app.contracts import StageError

Values: TypeAlias = list[bytes | None]  # (n,) one for each key; None for an absent key
Fetch: TypeAlias = Callable[[Sequence[bytes]], Coroutine[Any, Any, Values]]

MAX_KEYS = 2_000  # in one MGET, which blocks the server for about 2 ms at this length


class BatchedReads:
    """Collects keys until the event loop has run all ready tasks, then fetches them together.

    The pattern is Facebook's DataLoader (2015). Cancelling one reader does not disturb the others;
    when all are cancelled, the fetch is cancelled too. An error reaches all readers of its batch.
    """

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._open_batch = _Batch()
        self._running: set[asyncio.Task[Values]] = set()  # so that the tasks stay alive

    async def read(self, keys: Sequence[bytes]) -> Values:
        """Return the values of ``keys``.

        Raises:
            StageError: the store cannot answer.
        """
        if not keys:
            return []
        loop = asyncio.get_running_loop()
        batch = self._open_batch
        if not batch.keys:
            loop.call_soon(self._send, batch)
        reader: asyncio.Future[Values] = loop.create_future()
        batch.add(keys, reader)
        if len(batch.keys) >= MAX_KEYS:
            self._open_batch = _Batch()
        return await reader

    def _send(self, batch: "_Batch") -> None:
        if batch is self._open_batch:
            self._open_batch = _Batch()
        if batch.waiting:
            task = asyncio.get_running_loop().create_task(self._fetch(batch.keys))
            self._running.add(task)
            batch.follow(task)
            task.add_done_callback(self._running.discard)


class _Batch:
    """Readers whose keys are fetched together."""

    def __init__(self) -> None:
        self.keys: list[bytes] = []
        self.waiting = 0
        self._readers: list[tuple[asyncio.Future[Values], int]] = []
        self._task: asyncio.Task[Values] | None = None

    def add(self, keys: Sequence[bytes], reader: asyncio.Future[Values]) -> None:
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
            self._task.cancel()  # does nothing if the task has already answered them

    def _deliver(self, task: asyncio.Task[Values]) -> None:
        start = 0
        for reader, count in self._readers:
            if not reader.done():
                _deliver_to(task, slice(start, start + count), reader)
            start += count


def _deliver_to(task: asyncio.Task[Values], part: slice, reader: asyncio.Future[Values]) -> None:
    if task.cancelled():
        reader.cancel()
    elif error := task.exception():
        # Each reader gets its own exception: a shared one would collect all their tracebacks.
        reader.set_exception(StageError(*error.args) if isinstance(error, StageError) else error)
    else:
        reader.set_result(task.result()[part])
