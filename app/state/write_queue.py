"""Bounded queues that are written to the store in batches. No request waits for them or fails."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from time import time
from typing import Generic, TypeVar

from app.contracts import StageError
from app.state.event_codec import Impression, encode_impression, impressions_key
from app.state.store import CommandPart, Store
from app.state.user_store import recently_shown_commands

log = logging.getLogger(__name__)

GATHER_TIME = 0.05  # seconds in which a batch is gathered before it is written
PAUSE = 0.5  # seconds before the next attempt after the server failed

Record = TypeVar("Record")


class WriteQueue(Generic[Record]):
    """Records that wait to be written, oldest first. ``run`` it as a task.

    ``name`` stands for the records in log lines. ``write`` stores a batch or raises a
    ``StageError``. ``prepare``, if there is one, is awaited before each round of writing.
    """

    def __init__(
        self,
        name: str,
        capacity: int,
        batch_size: int,
        write: Callable[[Sequence[Record]], Awaitable[None]],
        prepare: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.capacity = capacity
        self.gather_time = GATHER_TIME
        self.pause = PAUSE
        self.dropped = 0  # records that found the queue full, or could not be written at the end
        self._name, self._write, self._prepare = name, write, prepare
        self._batch_size = batch_size
        self._queue: deque[Record] = deque()
        self._wake_up = asyncio.Event()
        self._writing = asyncio.Lock()

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def is_full(self) -> bool:
        """True if the next record would be dropped."""
        return len(self._queue) >= self.capacity

    def add(self, record: Record) -> None:
        """Queue a record; returns at once and never fails."""
        if self.is_full:
            self.dropped += 1
            return
        self._queue.append(record)
        self.wake()

    def wake(self) -> None:
        self._wake_up.set()

    async def run(self) -> None:
        """Write what waits, until cancelled. What cannot be written continues to wait."""
        while True:
            await self._wake_up.wait()
            await asyncio.sleep(self.gather_time)
            try:
                await self._flush()
            except StageError as error:
                log.warning("%s wait, because they cannot be written now: %s", self._name, error)
                await asyncio.sleep(self.pause)

    async def close(self) -> None:
        """Write what is left, or count it as dropped if the store does not accept it."""
        try:
            await self._flush()
        except StageError as error:
            self.dropped += len(self._queue)
            log.warning("%d %s are lost: %s", len(self._queue), self._name, error)
            self._queue.clear()

    async def _flush(self) -> None:
        async with self._writing:
            self._wake_up.clear()
            try:
                if self._prepare:
                    await self._prepare()
                while self._queue:
                    await self._write_batch()
            finally:
                if self._queue:
                    self.wake()

    async def _write_batch(self) -> None:
        batch = [self._queue[at] for at in range(min(self._batch_size, len(self._queue)))]
        await self._write(batch)
        for _ in batch:  # only now: a failed batch stays, and readers recognise repeats by their id
            self._queue.popleft()


CAPACITY = 10_000  # lists that wait to be written; further ones are dropped
BATCH_SIZE = 100  # lists in one round trip: about 1 ms of this worker's time
STREAM_LIMIT = 1_000_000  # newest lists that the stream keeps, about


class ImpressionWriter(WriteQueue[Impression]):
    """A bounded queue of lists that were shown, written in batches. ``run`` it as a task."""

    def __init__(
        self, store: Store, prefix: str, capacity: int = CAPACITY, batch_size: int = BATCH_SIZE
    ) -> None:
        super().__init__("impressions", capacity, batch_size, self._write_lists)
        self.limit = STREAM_LIMIT
        self.recently_shown_limit = 0  # items kept of each user; 0: no policy uses them
        self._store = store
        self._prefix = prefix
        self._key = impressions_key(prefix)

    def add_list(
        self, request_id: str, user: str, item_ids: Sequence[str], scene: str = ""
    ) -> None:
        """Queue a list; returns at once and never fails."""
        self.add(Impression(request_id, user, list(item_ids), scene, time()))

    async def _write_lists(self, batch: Sequence[Impression]) -> None:
        stream = ("XADD", self._key, "MAXLEN", "~", self.limit, "*", "e")
        commands: list[tuple[CommandPart, ...]] = [
            (*stream, encode_impression(shown)) for shown in batch
        ]
        if self.recently_shown_limit:
            commands += [
                command
                for shown in batch
                if shown.user and shown.items
                for command in recently_shown_commands(
                    self._prefix, shown.user, shown.items, self.recently_shown_limit
                )
            ]
        await self._store.pipeline("shown", commands)
