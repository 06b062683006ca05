"""Similarity tables in Redis: how they are packed, read, loaded and retired.

The neighbours of one row are one value: ``RECORD`` after ``RECORD``, best first. A row without
neighbours has no key. The tables of a bundle in service never expire; ``retire_tables`` gives
those of all others a time to live, so that workers still on them finish in peace. A registry
names every bundle that may have keys, half-loaded ones too, so that none stays for ever.
"""

import asyncio
import logging
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
import orjson

from app.artifacts import NeighbourTable
from app.contracts import Neighbours, Rows, StageError
from app.state.batched_reads import BatchedReads, Values
from app.state.store import CommandPart, Store

log = logging.getLogger(__name__)

RECORD = np.dtype([("row", "<i4"), ("weight", "<f4")])
NO_EXPIRY = -1  # TTL of a key that never expires
CHUNK = 1_000_000  # bytes in one command of a load; the server answers nobody else meanwhile
KEYS_AT_ONCE = 5_000  # keys in one round trip that only names keys
LOAD_WITHIN = 10.0  # seconds for one chunk; also the lock's life, renewed with each chunk
LOCK_POLL = 0.05  # seconds between looks at another worker's load


@dataclass(frozen=True, slots=True, eq=False)
class RedisTables:
    """Reads one bundle's tables. Reads of one moment share one MGET, whoever asks."""

    store: Store
    prefix: str
    bundle: str
    _joined: BatchedReads = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_joined", BatchedReads(self._fetch))

    async def read(self, table: str, rows: Rows) -> Neighbours:
        """Fetch the neighbours of ``rows``.

        Raises:
            StageError: the store cannot answer.
        """
        stem = _stem(self.prefix, self.bundle, table)
        return decode_neighbours(
            await self._joined.read([b"%s%d" % (stem, row) for row in rows.tolist()])
        )

    async def _fetch(self, keys: Collection[bytes]) -> Values:
        marker = _marker(self.prefix, self.bundle)
        values: Values
        *values, loaded = await self.store.command("MGET", *keys, marker)
        if loaded is None:
            raise StageError(
                f"the tables of bundle {self.bundle} are not in Redis; they are loaded"
            )
        return values


def decode_neighbours(values: Values) -> Neighbours:
    """Lay packed values end to end, without a loop over neighbours."""
    present = [value or b"" for value in values]
    sizes = np.fromiter(map(len, present), np.int64, len(present)) // RECORD.itemsize
    records = np.frombuffer(b"".join(present), RECORD)
    return Neighbours(
        np.arange(len(present)).repeat(sizes),
        np.ascontiguousarray(records["row"]),
        np.ascontiguousarray(records["weight"]),
    )


async def are_loaded(store: Store, prefix: str, bundle: str) -> bool:
    """Say whether all tables of ``bundle`` are there to stay.

    Raises:
        StageError: the store cannot answer.
    """
    return bool(await store.command("TTL", _marker(prefix, bundle)) == NO_EXPIRY)


async def load_tables(
    store: Store, prefix: str, bundle: str, tables: Mapping[str, NeighbourTable]
) -> bool:
    """Write the tables, unless they are there; wait when another worker is writing them.

    Returns:
        Whether this call wrote them.

    Raises:
        StageError: the store cannot answer. What was written is completed by the next call.
    """
    lock = f"{prefix}:{bundle}:loading"
    async with store.dedicated(LOAD_WITHIN) as link:
        while not await are_loaded(link, prefix, bundle):
            if await link.command("SET", lock, 1, "NX", "EX", int(LOAD_WITHIN)):
                try:
                    await _load(link, prefix, bundle, tables)
                finally:
                    with suppress(StageError):  # it ends by itself where it can not be removed
                        await link.command("DEL", lock)
                return True
            await asyncio.sleep(LOCK_POLL)
    return False


async def keep_loaded(
    store: Store, prefix: str, bundle: str, tables: Mapping[str, NeighbourTable], every: float = 1.0
) -> None:
    """Load the tables again whenever the server has lost them; runs until cancelled."""
    while True:
        try:
            there = await are_loaded(store, prefix, bundle)
            if not there and await load_tables(store, prefix, bundle, tables):
                log.info("the tables of bundle %s are in Redis at %s", bundle, store.address)
        except StageError as error:
            log.debug("the tables can not be looked after: %s", error)
        await asyncio.sleep(every)


async def retire_tables(store: Store, prefix: str, keep: Collection[str], ttl: int = 3600) -> None:
    """Let the tables of all bundles but ``keep`` expire in ``ttl`` seconds.

    Loading a retired bundle again makes it stay.

    Raises:
        StageError: the store cannot answer. The next call completes what was begun.
    """
    async with store.dedicated(LOAD_WITHIN) as link:
        registered = await link.command("HGETALL", _registry(prefix))
        for name, sizes in zip(registered[::2], registered[1::2], strict=True):
            bundle = name.decode()
            if bundle not in keep:
                await link.command("EXPIRE", _marker(prefix, bundle), ttl)
                await _expire(link, prefix, bundle, orjson.loads(sizes), ttl)
                await link.command("HDEL", _registry(prefix), bundle)


async def _load(
    link: Store, prefix: str, bundle: str, tables: Mapping[str, NeighbourTable]
) -> None:
    sizes = {name: len(table) for name, table in tables.items()}
    await link.command("HSET", _registry(prefix), bundle, orjson.dumps(sizes))
    for name, table in tables.items():
        for chunk in _packed(_stem(prefix, bundle, name), table):
            renew = ("EXPIRE", f"{prefix}:{bundle}:loading", int(LOAD_WITHIN))
            await link.pipeline("load", [("MSET", *chunk), renew])
    await link.command("SET", _marker(prefix, bundle), 1)


def _packed(stem: bytes, table: NeighbourTable) -> Iterator[list[CommandPart]]:
    """Give keys and values in turn, in chunks of bounded size."""
    records = np.empty(len(table.rows), RECORD)
    records["row"], records["weight"] = table.rows, table.weights
    ends = table.indptr * RECORD.itemsize
    chunk: list[CommandPart] = []
    packed = memoryview(records.tobytes())
    begun = 0
    for row in np.flatnonzero(np.diff(ends)).tolist():
        start, end = int(ends[row]), int(ends[row + 1])
        if chunk and end - begun > CHUNK:
            yield chunk
            chunk, begun = [], start
        chunk += [b"%s%d" % (stem, row), bytes(packed[start:end])]
    if chunk:
        yield chunk


async def _expire(
    link: Store, prefix: str, bundle: str, sizes: Mapping[str, int], ttl: int
) -> None:
    for name, size in sizes.items():
        stem = _stem(prefix, bundle, name)
        for start in range(0, size, KEYS_AT_ONCE):
            rows = range(start, min(start + KEYS_AT_ONCE, size))
            await link.pipeline("retire", [("EXPIRE", b"%s%d" % (stem, row), ttl) for row in rows])


def _stem(prefix: str, bundle: str, table: str) -> bytes:
    return f"{prefix}:{bundle}:{table}:".encode()


def _marker(prefix: str, bundle: str) -> str:
    return f"{prefix}:{bundle}:loaded"


def _registry(prefix: str) -> str:
    return f"{prefix}:tables"
