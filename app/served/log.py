"""Writes what was served to its stream, behind the answer's back: nothing waits for it."""

import asyncio
import logging
from collections import deque

from app.contracts import StageError
from app.served.record import Served
from app.state.store import Part, Store

log = logging.getLogger(__name__)

CAPACITY = 256  # answers that wait to be packed; each holds its pool, some 0.3 MB
PACKED = 4_096  # packed answers that wait for the store, some 5 kB each
AT_ONCE = 64  # entries in one round trip
GATHER = 0.05  # seconds in which answers come together before a write
PAUSE = 0.5  # seconds before asking again a server that failed


def served_key(prefix: str) -> str:
    """Name the stream of served lists."""
    return f"{prefix}:served"


class ServedLog:
    """A bounded queue of answers, packed and written in batches. ``run`` it as a task."""

    def __init__(self, store: Store, prefix: str, share: float, limit: int) -> None:
        self.dropped = 0  # answers that found a queue full, or could not be written at the end
        self.limit = limit  # entries that the stream keeps, about
        self._share = share
        self._store = store
        self._key = served_key(prefix)
        self._queue: deque[Served] = deque()
        self._packed: deque[tuple[Part, ...]] = deque()
        self._something = asyncio.Event()
        self._writing = asyncio.Lock()

    def __len__(self) -> int:
        return len(self._queue) + len(self._packed)

    def wants(self, seed: int) -> bool:
        """Say whether the request of this seed, 32 bits, belongs to the share that is logged."""
        return seed < self._share * 2**32

    def note(self, served: Served) -> None:
        """Take note of an answer; at once, and without fail."""
        if len(self._queue) >= CAPACITY:
            self.dropped += 1
            return
        self._queue.append(served)
        self._something.set()

    async def run(self) -> None:
        """Write what is noted, until cancelled. What can not be written waits, packed."""
        while True:
            await self._something.wait()
            await asyncio.sleep(GATHER)
            try:
                await self._flush()
            except StageError as error:
                log.warning("the served log waits to be written: %s", error)
                await asyncio.sleep(PAUSE)

    async def close(self) -> None:
        """Write what is left, or count it as dropped when the store does not take it."""
        try:
            await self._flush()
        except StageError as error:
            self.dropped += len(self)
            log.warning("%d entries of the served log are lost: %s", len(self), error)
            self._queue.clear()
            self._packed.clear()

    async def _flush(self) -> None:
        async with self._writing:
            self._something.clear()
            try:
                await self._pack()
                while self._packed:
                    await self._write([*self._packed][:AT_ONCE])
            finally:
                if len(self):
                    self._something.set()

    async def _pack(self) -> None:
        while self._queue:
            served = self._queue.popleft()
            if len(self._packed) >= PACKED:
                self.dropped += 1
                continue
            names = ("r", served.request_id, "u", served.asked.user)
            self._packed.append((*names, "e", served.entry().pack()))
            await asyncio.sleep(0)  # requests come first: packing one takes some 0.2 ms

    async def _write(self, batch: list[tuple[Part, ...]]) -> None:
        stream = ("XADD", self._key, "MAXLEN", "~", self.limit, "*")
        await self._store.pipeline("served", [(*stream, *fields) for fields in batch])
        for _ in batch:  # only now: what failed stays, and readers know repeats by their id
            self._packed.popleft()
