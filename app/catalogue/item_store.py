"""The items told since any bundle: how Redis keeps them, and how every worker comes to know.

A change is one transaction: the item's entry in a hash, and the same in a stream. Every worker
reads the stream, applies what it says at once, and notes in a second hash up to where it has. A
change is *confirmed* when all workers named there have noted it. A worker names itself before it
reads the hash for the first time, so that whoever writes a change later waits for it; it is taken
off when it ends, when its process is found to be gone, or, on another machine, when it has been
silent for ``GONE`` seconds.
"""

import asyncio
import logging
import os
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson

from app.catalogue.live_items import ItemRecord
from app.contracts import StageError
from app.state.store import CommandPart, Store

log = logging.getLogger(__name__)

MAX_LOG_ENTRIES = (
    10_000  # newest changes that are kept for followers, about; who missed more loads all
)
READ_BATCH = 1_000  # changes in one read
READ_BLOCK_MS = 1_000  # milliseconds that the server holds a read until there is something to tell
READ_TIMEOUT = 10.0  # seconds for one read, BLOCK or the whole hash included
FIRST_PAUSE, MAX_PAUSE = 0.05, 1.0  # seconds before asking again a server that failed
WORKER_TIMEOUT = 30.0  # seconds of silence after which a worker of another machine counts no more
FIRST_POLL, MAX_POLL = 0.001, 0.02  # seconds between looks at who has confirmed
STREAM_START = b"0-0"
MAX_TRIES = 10  # of a change, when others change the same item meanwhile
# KEYS: items, their stream. ARGV: the item's id, its entry as it must be ("": none), its new entry,
# entries that the stream keeps.
COMPARE_AND_SET = """
if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then return false end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[4], '*', 'e', ARGV[3])
"""


def item_log_key(prefix: str) -> str:
    """Name the stream of changes."""
    return f"{prefix}:{{items}}:log"


class ItemStore:
    """One worker's copy of the items told. ``run`` it as a task; listeners are told of each change.

    A listener is called on the event loop, once with all items when it is attached.
    """

    def __init__(self, store: Store, prefix: str) -> None:
        self.items: dict[str, ItemRecord] = {}  # deleted ones too
        self.loaded = asyncio.Event()  # set once the store's items are known
        self.name = f"{_machine()}|{os.getpid()}|{_began(os.getpid())}|{uuid4().hex}"
        self._store = store
        self._items_key, self._log_key, self._workers_key = (
            f"{prefix}:{{items}}:{part}" for part in ("told", "log", "workers")
        )
        self._position = STREAM_START
        self._is_in_order = True  # False: items came together, in whatever order
        self._listeners: list[Callable[[ItemRecord], None]] = []

    @property
    def position(self) -> str:
        """Give the place in the stream of the last change known; "" before any item was told."""
        return self._position.decode() if self.items else ""

    @property
    def change_count(self) -> int | None:
        """Count the items told; None: not in the order in which they were told."""
        return len(self.items) if self._is_in_order else None

    def subscribe(self, listener: Callable[[ItemRecord], None]) -> None:
        """Tell the listener of every item known, and of every change from now on."""
        for item in self.items.values():
            listener(item)
        self._listeners.append(listener)

    def unsubscribe(self, listener: Callable[[ItemRecord], None]) -> None:
        """Tell this listener no more."""
        self._listeners.remove(listener)

    def preload(self, items: Sequence[ItemRecord]) -> None:
        """Tell the listeners of items before the store's are known; these then take their place."""
        self._is_in_order &= not items
        for item in items:
            for listener in self._listeners:
                listener(item)

    async def write(self, item: ItemRecord) -> bytes:
        """Store what is told of an item, whatever was; gives the change's place in the stream.

        Raises:
            StageError: the store did not confirm it.
        """
        return (await self.change(item.item_id, lambda _: item))[1]

    async def change(
        self, item_id: str, changed: Callable[[ItemRecord | None], ItemRecord]
    ) -> tuple[ItemRecord, bytes]:
        """Store what is made of an item as the store has it; no change of another is lost.

        Returns:
            The item, and the change's place in the stream.

        Raises:
            StageError: the store did not confirm it, or others change the item all the time.
        """
        keys = (2, self._items_key, self._log_key)
        for _ in range(MAX_TRIES):
            told = await self._store.command("HGET", self._items_key, item_id)
            item = changed(decode_item(told) if told else None)
            new = orjson.dumps(asdict(item))
            said = await self._store.command(
                "EVAL", COMPARE_AND_SET, *keys, item_id, told or b"", new, MAX_LOG_ENTRIES
            )
            if said:
                return item, said
        raise StageError(f"others are changing the item {item_id}; send it again")

    async def unconfirmed_workers(self, place: bytes, within: float) -> list[str]:
        """Wait until every worker has applied the change; gives those who have not in time.

        Raises:
            StageError: the store cannot answer.
        """
        until, pause = time.monotonic() + within, FIRST_POLL
        while (late := await self._behind(place)) and time.monotonic() < until:
            await asyncio.sleep(pause)
            pause = min(2 * pause, MAX_POLL)
        return late

    async def run(self) -> None:
        """Follow until cancelled; whatever the server does."""
        pause = FIRST_PAUSE
        async with self._store.dedicated(READ_TIMEOUT) as link:
            while True:
                try:
                    await self._load(link)
                    pause = FIRST_PAUSE
                    while True:
                        await self._advance(link)
                except StageError as error:
                    log.warning("following the items: %s", error)
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, MAX_PAUSE)

    async def deregister(self) -> None:
        """Take this worker off the list of those who confirm."""
        with suppress(StageError):  # the others find out
            await self._store.command("HDEL", self._workers_key, self.name)

    async def _load(self, link: Store) -> None:
        """Come to know of all items, also those that changed while nothing was heard."""
        await link.command("HSET", self._workers_key, self.name, _note(STREAM_START))
        *_, (told, newest) = await link.pipeline(
            "items",
            [
                ("MULTI",),
                ("HGETALL", self._items_key),
                ("XREVRANGE", self._log_key, "+", "-", "COUNT", 1),
                ("EXEC",),
            ],
        )
        known = len(self.items)
        for text in told[1::2]:
            self._apply(text)
        self._is_in_order &= len(self.items) <= known + 1
        await self._give_back(link, {name.decode() for name in told[::2]})
        self._position = newest[0][0] if newest else STREAM_START
        await self._confirm(link)
        self.loaded.set()

    async def _give_back(self, link: Store, there: set[str]) -> None:
        """Write again what a server has lost: nothing that was told is ever removed from it."""
        lost = [item for name, item in self.items.items() if name not in there]
        keep: list[tuple[CommandPart, ...]] = [
            ("HSETNX", self._items_key, item.item_id, orjson.dumps(asdict(item))) for item in lost
        ]
        if keep:
            await link.pipeline("items", keep)

    async def _advance(self, link: Store) -> None:
        reply = await link.command(
            *(
                "XREAD",
                "COUNT",
                READ_BATCH,
                "BLOCK",
                READ_BLOCK_MS,
                "STREAMS",
                self._log_key,
                self._position,
            )
        )
        for _, entries in reply or []:
            for _, fields in entries:
                self._apply(fields[-1])
            self._position = entries[-1][0]
        await self._confirm(link)

    async def _confirm(self, link: Store) -> None:
        await link.command("HSET", self._workers_key, self.name, _note(self._position))

    def _apply(self, text: bytes) -> None:
        item = decode_item(text)
        if item is None:
            log.error("an item on the shelf cannot be read: %.200r", text)
        elif self.items.get(item.item_id) != item:
            self.items[item.item_id] = item
            for listener in self._listeners:
                listener(item)

    async def _behind(self, place: bytes) -> list[str]:
        """Name the workers that have not applied the change, of those that are there."""
        reply = await self._store.command("HGETALL", self._workers_key)
        late = []
        for name, said in zip(reply[::2], reply[1::2], strict=True):
            applied, _, heard = said.partition(b" ")
            if _order(applied) >= _order(place):
                continue
            if _is_gone(name.decode(), float(heard)):
                await self._store.command("HDEL", self._workers_key, name)
            else:
                late.append(name.decode())
        return late


def decode_item(text: bytes) -> ItemRecord | None:
    """Read what ``ItemStore.write`` stored; None where it is damaged."""
    try:
        told: dict[str, Any] = orjson.loads(text)
        for name in ("categories", "flags"):
            told[name] = told[name] if told[name] is None else tuple(told[name])
        return ItemRecord(**told)
    except (orjson.JSONDecodeError, TypeError, KeyError):
        return None


def _order(place: bytes) -> tuple[int, int]:
    moment, _, number = place.partition(b"-")
    return int(moment), int(number)


def _note(position: bytes) -> bytes:
    return b"%s %.3f" % (position, time.time())


def _machine() -> str:
    """Name where process numbers mean the same processes."""
    namespace = Path("/proc/self/ns/pid")
    place = namespace.readlink().name if namespace.exists() else ""
    return f"{socket.gethostname()}{place}"


def _began(process: int) -> str:
    """Say when a process began, in ticks of the machine; "" where there is none, or none is told.

    Linux tells it: proc_pid_stat(5), field 22. The name before it may hold spaces.
    """
    try:
        told = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return told.rpartition(")")[2].split()[19]


def _is_gone(name: str, heard: float) -> bool:
    """Say whether a worker has ended without taking its leave."""
    machine, number, began, _ = name.split("|")
    if machine != _machine():
        return time.time() - heard > WORKER_TIMEOUT
    if _began(int(number)) != began:
        return True  # another process, or a thread, has the number now
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # it exists, and is another user's
        return False
    return False
