"""Write what was shown, after the answer: no request waits for it or fails because of it."""

from collections.abc import Sequence
from time import time

from app.state.event_codec import Impression, encode_impression, impressions_key
from app.state.store import CommandPart, Store
from app.state.user_store import recently_shown_commands
from app.state.write_queue import WriteQueue

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
