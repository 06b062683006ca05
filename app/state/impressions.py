"""Notes what was shown, behind the answer's back: no request waits for it or fails by it."""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence

import orjson

from app.contracts import StageError
from app.state.shown import remember
from app.state.store import Part, Store

log = logging.getLogger(__name__)

CAPACITY = 10_000  # slates that wait to be written; more are dropped
AT_ONCE = 100  # slates in one round trip: about 1 ms of this worker's time
GATHER = 0.05  # seconds in which slates come together before a write
PAUSE = 0.5  # seconds before asking again a server that failed
STREAM_LIMIT = 1_000_000  # newest slates that are kept for followers, about


def shown_key(prefix: str) -> str:
    """Name the stream of impressions."""
    return f"{prefix}:shown"


class Impressions:
    """A bounded queue of slates, written to the stream in batches. ``run`` it as a task."""

    def __init__(self, store: Store, prefix: str, capacity: int = CAPACITY) -> None:
        self.dropped = 0  # slates that found the queue full, or could not be written at the end
        self.limit = STREAM_LIMIT
        self._store = store
        self.remembered = 0  # items that each user was shown lately, where policies ask for them
        self._prefix = prefix
        self._key = shown_key(prefix)
        self._capacity = capacity
        self._queue: deque[tuple[str, str, list[str], str]] = deque()
        self._something = asyncio.Event()
        self._writing = asyncio.Lock()

    def __len__(self) -> int:
        return len(self._queue)

    def note(self, request_id: str, user: str, item_ids: Sequence[str], scene: str = "") -> None:
        """Take note of a slate; at once, and without fail."""
        if len(self._queue) >= self._capacity:
            self.dropped += 1
            return
        self._queue.append((request_id, user, list(item_ids), scene))
        self._something.set()

    async def run(self) -> None:
        """Write what is noted, until cancelled. What can not be written waits in the queue."""
        while True:
            await self._something.wait()
            await asyncio.sleep(GATHER)
            try:
                await self._flush()
            except StageError as error:
                log.warning("impressions wait to be written: %s", error)
                await asyncio.sleep(PAUSE)

    async def close(self) -> None:
        """Write what is left, or count it as dropped when the store does not take it."""
        try:
            await self._flush()
        except StageError as error:
            self.dropped += len(self._queue)
            log.warning("%d impressions are lost: %s", len(self._queue), error)
            self._queue.clear()

    async def _flush(self) -> None:
        async with self._writing:
            while self._queue:
                await self._write([self._queue[at] for at in range(min(AT_ONCE, len(self)))])
            self._something.clear()

    async def _write(self, batch: list[tuple[str, str, list[str], str]]) -> None:
        stream = ("XADD", self._key, "MAXLEN", "~", self.limit, "*", "e")
        commands: list[tuple[Part, ...]] = [(*stream, orjson.dumps(slate)) for slate in batch]
        if self.remembered:
            commands += [
                command
                for _, user, items, _ in batch
                if user and items
                for command in remember(self._prefix, user, items, self.remembered)
            ]
        await self._store.pipeline("shown", commands)
        for _ in batch:  # only now: what failed stays, and followers know repeats by their id
            self._queue.popleft()
