"""Notes what was shown, behind the answer's back: no request waits for it or fails by it."""

from collections.abc import Sequence
from time import time
from typing import TypeAlias

import orjson

from app.state.shown_items import recently_shown_commands
from app.state.store import CommandPart, Store
from app.state.write_queue import WriteQueue

CAPACITY = 10_000  # slates that wait to be written; more are dropped
AT_ONCE = 100  # slates in one round trip: about 1 ms of this worker's time
STREAM_LIMIT = 1_000_000  # newest slates that are kept for followers, about

Shown: TypeAlias = tuple[str, str, list[str], str, float]  # request, user, items, scene, when


def impressions_key(prefix: str) -> str:
    """Name the stream of impressions."""
    return f"{prefix}:shown"


class ImpressionWriter(WriteQueue[Shown]):
    """A bounded queue of slates, written to the stream in batches. ``run`` it as a task."""

    def __init__(self, store: Store, prefix: str, capacity: int = CAPACITY) -> None:
        super().__init__("impressions", capacity, AT_ONCE, self._write_slates)
        self.limit = STREAM_LIMIT
        self.recently_shown_limit = (
            0  # items that each user was shown lately, where policies ask for them
        )
        self._store = store
        self._prefix = prefix
        self._key = impressions_key(prefix)

    def add_list(
        self, request_id: str, user: str, item_ids: Sequence[str], scene: str = ""
    ) -> None:
        """Take note of a slate; at once, and without fail."""
        self.add((request_id, user, list(item_ids), scene, time()))

    async def _write_slates(self, batch: Sequence[Shown]) -> None:
        stream = ("XADD", self._key, "MAXLEN", "~", self.limit, "*", "e")
        commands: list[tuple[CommandPart, ...]] = [
            (*stream, orjson.dumps(slate)) for slate in batch
        ]
        if self.recently_shown_limit:
            commands += [
                command
                for _, user, items, *_ in batch
                if user and items
                for command in recently_shown_commands(
                    self._prefix, user, items, self.recently_shown_limit
                )
            ]
        await self._store.pipeline("shown", commands)
