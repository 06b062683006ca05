"""Writes what was served to its stream, behind the answer's back: nothing waits for it."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import TypeAlias

from app.request_log.answer_record import AnswerRecord
from app.state.store import CommandPart, Store
from app.state.write_queue import WriteQueue

CAPACITY = 256  # answers that wait to be packed; each holds its pool, some 0.3 MB
PACKED = 4_096  # packed answers that wait for the store, some 5 kB each
AT_ONCE = 64  # entries in one round trip

Packed: TypeAlias = tuple[CommandPart, ...]  # names and values of an entry's fields


def request_log_key(prefix: str) -> str:
    """Name the stream of served lists."""
    return f"{prefix}:served"


class RequestLog:
    """A bounded queue of answers, packed and written in batches. ``run`` it as a task."""

    def __init__(self, store: Store, prefix: str, share: float, limit: int) -> None:
        self.limit = limit  # entries that the stream keeps, about
        self._share = share
        self._store = store
        self._key = request_log_key(prefix)
        self._queue: deque[AnswerRecord] = deque()
        self._overflow = 0  # answers that found no room to wait to be packed
        self._packed: WriteQueue[Packed] = WriteQueue(
            "entries of the served log", PACKED, AT_ONCE, self._write, self._pack
        )

    def __len__(self) -> int:
        return len(self._queue) + len(self._packed)

    @property
    def dropped(self) -> int:
        """The number of answers that found a queue full, or could not be written at the end."""
        return self._overflow + self._packed.dropped

    def is_sampled(self, seed: int) -> bool:
        """Say whether the request of this seed, 32 bits, belongs to the share that is logged."""
        return seed < self._share * 2**32

    def add_answer(self, served: AnswerRecord) -> None:
        """Take note of an answer; at once, and without fail."""
        if len(self._queue) >= CAPACITY:
            self._overflow += 1
            return
        self._queue.append(served)
        self._packed.wake()

    async def run(self) -> None:
        """Write what is noted, until cancelled. What can not be written waits, packed."""
        await self._packed.run()

    async def close(self) -> None:
        """Write what is left, or count it as dropped when the store does not take it."""
        await self._packed.close()

    async def _pack(self) -> None:
        while self._queue:
            served = self._queue.popleft()
            if self._packed.is_full:  # packing is what costs
                self._overflow += 1
                continue
            names = ("r", served.request_id, "u", served.request.user)
            self._packed.add((*names, "e", served.log_entry().pack()))
            await asyncio.sleep(0)  # requests come first: packing one takes some 0.2 ms

    async def _write(self, batch: Sequence[Packed]) -> None:
        stream = ("XADD", self._key, "MAXLEN", "~", self.limit, "*")
        await self._store.pipeline("served", [(*stream, *fields) for fields in batch])
