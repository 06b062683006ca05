"""The items that callers changed: how Redis keeps them, and how every worker learns of a change.

A change is one transaction: the item's record in a hash, and the same record in a stream. Every
worker reads the stream, applies each change at once, and confirms how far it has read. A change is
*confirmed* when all workers have confirmed it; see ``app.state.confirmations``.

Stored names: the hash is ``{prefix}:{items}:told``, the stream ``{prefix}:{items}:log``.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from dataclasses import fields as fields_of
from typing import Any

import orjson

from app.contracts import StageError
from app.live_catalogue.live_items import ItemRecord
from app.state.confirmations import WORKER_TIMEOUT, Confirmations
from app.state.refused_writes import WriteRefusedError
from app.state.store import CommandPart, Store
from app.state.streams import StreamEntry, follow_streams

log = logging.getLogger(__name__)

MAX_LOG_ENTRIES = 10_000  # changes in the stream, about; a worker that missed more loads all items
READ_TIMEOUT = 10.0  # seconds for one read, the block or the whole hash included
MAX_PAUSE = 1.0  # seconds between two attempts while the server fails
STREAM_START = b"0-0"
RECORD_FIELDS = frozenset(each.name for each in fields_of(ItemRecord))
MAX_TRIES = 10  # attempts to write a change while others change the same item
# KEYS: the items, their stream. ARGV: the item's id, its expected record ("": none), its new one,
# and the number of entries that the stream keeps.
COMPARE_AND_SET = """
if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then return false end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[4], '*', 'e', ARGV[3])
"""


def item_log_key(prefix: str) -> str:
    """Return the key of the stream of changes."""
    return f"{prefix}:{{items}}:log"


def item_records_key(prefix: str) -> str:
    """Return the key of the hash of records, by item id."""
    return f"{prefix}:{{items}}:told"


class ItemStore:
    """One worker's copy of the changed items. ``run`` it as a task.

    The event loop calls a listener with all items when it subscribes, then with each change.
    """

    def __init__(self, store: Store, prefix: str, worker_timeout: float = WORKER_TIMEOUT) -> None:
        self.items: dict[str, ItemRecord] = {}  # by id, deleted items included
        self.loaded = asyncio.Event()  # set once the store's items have been read
        self.workers = Confirmations(store, f"{prefix}:{{items}}:workers", worker_timeout)
        self._store = store
        self._items_key, self._log_key = item_records_key(prefix), item_log_key(prefix)
        self.offsets = {self._log_key.encode(): STREAM_START}  # the newest change applied
        self._is_in_order = True  # False: items came together, in an unknown order
        self._listeners: list[Callable[[ItemRecord], None]] = []
        self._not_shown: dict[str, ItemRecord] = {}  # by id, from the file of an earlier worker

    @property
    def position(self) -> str:
        """The position in the stream of the last change applied; "" before the first item."""
        return self._offset.decode() if self.items else ""

    @property
    def change_count(self) -> int | None:
        """The number of changed items; None when they did not come in the order of the changes."""
        return len(self.items) if self._is_in_order else None

    def subscribe(self, listener: Callable[[ItemRecord], None]) -> None:
        """Call the listener with every item, and with every change from now on."""
        for item in self.items.values():
            listener(item)
        self._listeners.append(listener)

    def unsubscribe(self, listener: Callable[[ItemRecord], None]) -> None:
        self._listeners.remove(listener)

    def preload(self, items: Sequence[ItemRecord]) -> None:
        """Remember items that may not be shown; the store's records replace them.

        A record that the store lacks was lost, because no record is removed on purpose. It is
        written again when the store answers.
        """
        self._not_shown = {item.item_id: item for item in items}

    def withhold_preloaded(self) -> None:
        """Call the listeners with the preloaded items, unless the store's have been read."""
        if not self.loaded.is_set():
            self._is_in_order &= not self._not_shown
            for item in self._not_shown.values():
                for listener in self._listeners:
                    listener(item)

    async def write(self, item: ItemRecord) -> bytes:
        """Store a record whatever the store had; return the change's position in the stream."""
        return (await self.change(item.item_id, lambda _: item))[1]

    async def change(
        self, item_id: str, changed: Callable[[ItemRecord | None], ItemRecord]
    ) -> tuple[ItemRecord, bytes]:
        """Store what ``changed`` makes of the stored record; no concurrent change is lost.

        Returns:
            The new record, and the change's position in the stream.

        Raises:
            StageError: the store did not confirm it, or others kept changing the item.
        """
        keys = (2, self._items_key, self._log_key)
        for _ in range(MAX_TRIES):
            old = await self._store.command("HGET", self._items_key, item_id)
            item = self._count_change(item_id, decode_item(old) if old else None, changed)
            new = orjson.dumps(asdict(item))
            position = await self._store.command(
                "EVAL", COMPARE_AND_SET, *keys, item_id, old or b"", new, MAX_LOG_ENTRIES
            )
            if position:
                return item, position
        raise StageError(f"others are changing the item {item_id}; send it again")

    async def change_many(
        self, changes: Mapping[str, Callable[[ItemRecord | None], ItemRecord]]
    ) -> tuple[list[ItemRecord], bytes]:
        """Store the changes of several items, by id, as ``change`` does, in few round trips.

        Returns:
            The new records, and the position of the last change in the stream.

        Raises:
            StageError: the store did not confirm all of them. Some may be stored.
        """
        keys, ids = (2, self._items_key, self._log_key), list(changes)
        stored = await self._store.command("HMGET", self._items_key, *ids)
        old = dict(zip(ids, stored, strict=True))
        records = {
            item_id: self._count_change(item_id, decode_item(text) if text else None, changed)
            for (item_id, changed), text in zip(changes.items(), stored, strict=True)
        }
        commands: list[tuple[CommandPart, ...]] = [
            (
                *("EVAL", COMPARE_AND_SET, *keys, item_id, old[item_id] or b""),
                *(orjson.dumps(asdict(item)), MAX_LOG_ENTRIES),
            )
            for item_id, item in records.items()
        ]
        positions = await self._store.pipeline("items", commands)
        last = next((position for position in reversed(positions) if position), b"")
        for item_id, position in zip(ids, positions, strict=True):
            if not position:  # another caller has changed the item meanwhile
                records[item_id], last = await self.change(item_id, changes[item_id])
        return list(records.values()), bytes(last)

    async def run(self) -> None:
        """Follow the changes until cancelled; failures of the server are logged and retried."""
        await follow_streams(self._store, self, read_timeout=READ_TIMEOUT, max_pause=MAX_PAUSE)

    async def prepare(self, connection: Store) -> None:
        """Read all items, also those that changed while this worker was not reading."""
        await self.workers.confirm(connection, STREAM_START)
        *_, (reply, newest) = await connection.pipeline(
            "items",
            [
                ("MULTI",),
                ("HGETALL", self._items_key),
                ("XREVRANGE", self._log_key, "+", "-", "COUNT", 1),
                ("EXEC",),
            ],
        )
        count_before = len(self.items)
        older = self._apply_stored(reply[1::2])
        self._is_in_order &= len(self.items) <= count_before + 1
        stored = {name.decode() for name in reply[::2]}
        await self._restore(connection, stored)
        await self._restore_not_shown(connection, stored, older)
        self.offsets[self._log_key.encode()] = newest[0][0] if newest else STREAM_START
        await self.workers.confirm(connection, self._offset)
        self.loaded.set()

    def apply_stream(self, _key: bytes, entries: Sequence[StreamEntry]) -> None:
        for _, fields in entries:
            self._apply(fields[-1])

    async def after_read(self, connection: Store, _longest: int) -> None:
        await self.workers.confirm(connection, self._offset)

    def record_failure(self, error: StageError) -> None:
        log.warning("the items cannot be followed now: %s", error)

    @property
    def _offset(self) -> bytes:
        return self.offsets[self._log_key.encode()]

    async def _restore(self, connection: Store, stored: set[str]) -> None:
        """Write again the records that a server has lost: no record is ever removed on purpose."""
        lost = [item for name, item in self.items.items() if name not in stored]
        commands: list[tuple[CommandPart, ...]] = [
            ("HSETNX", self._items_key, item.item_id, orjson.dumps(asdict(item))) for item in lost
        ]
        if commands:
            with suppress(WriteRefusedError):  # tried again after the next failure
                await connection.pipeline("items", commands)

    def _apply_stored(self, texts: Sequence[bytes]) -> dict[bytes, ItemRecord]:
        """Apply the store's records; return what must replace those that are out of date.

        A server that took the place of another, or a backup, may have older records. An item that
        was deleted since must not come back.
        """
        older: dict[bytes, ItemRecord] = {}
        for text in texts:
            item = decode_item(text)
            own = item and (self.items.get(item.item_id) or self._not_shown.get(item.item_id))
            if not item or not own or own.change <= item.change:
                self._apply(text)
            elif item.item_id in self.items:
                older[text] = own
            else:  # the file has only that the item may not be shown
                older[text] = replace(
                    item,
                    is_available=False,
                    is_deleted=own.is_deleted,
                    change=own.change,
                )
        return older

    async def _restore_not_shown(
        self, connection: Store, stored: set[str], older: dict[bytes, ItemRecord]
    ) -> None:
        """Write the preloaded records that the store lacks, and newer ones, for all workers."""
        lost = [
            (b"", item)
            for name, item in self._not_shown.items()
            if name not in stored and name not in self.items
        ]
        if lost or older:
            log.error(
                "Redis at %s has lost %d deleted or unavailable items and has %d that are out of "
                "date, or is another server: they are restored from what this service knows",
                connection.address,
                len(lost),
                len(older),
            )
        for old, item in [*lost, *older.items()]:
            text = orjson.dumps(asdict(item))
            keys = (2, self._items_key, self._log_key)
            stored_now = await connection.command(
                "EVAL", COMPARE_AND_SET, *keys, item.item_id, old, text, MAX_LOG_ENTRIES
            )
            if stored_now:  # else another worker was faster, and the stream has its record
                self._apply(text)
        self._not_shown = {}

    def _count_change(
        self,
        item_id: str,
        stored: ItemRecord | None,
        changed: Callable[[ItemRecord | None], ItemRecord],
    ) -> ItemRecord:
        """Return what ``changed`` makes of the stored record, with a number above all known."""
        records = (stored, self.items.get(item_id), self._not_shown.get(item_id))
        newest = max((item.change for item in records if item), default=0)
        return replace(changed(stored), change=newest + 1)

    def _apply(self, text: bytes) -> None:
        item = decode_item(text)
        if item is None:
            log.error("the record of an item cannot be read: %.200r", text)
        else:
            is_new = self.items.get(item.item_id) != item
            self.items[item.item_id] = item
            for listener in self._listeners if is_new else ():
                listener(item)


def decode_item(text: bytes) -> ItemRecord | None:
    """Read a stored record; return None for a damaged one.

    Fields that this version does not have are left out: during an upgrade, workers of two versions
    share a store.
    """
    try:
        stored: dict[str, Any] = orjson.loads(text)
        fields = {name: value for name, value in stored.items() if name in RECORD_FIELDS}
        for name in ("categories", "flags"):
            fields[name] = fields[name] if fields[name] is None else tuple(fields[name])
        return ItemRecord(**fields)
    except (orjson.JSONDecodeError, TypeError, KeyError, AttributeError):
        return None
