"""Similarity tables in Redis: how they are stored, loaded and retired.

The neighbours of one row are one value: a sequence of ``RECORD``, best first. A row without
neighbours has no key. The tables of a bundle in service never expire. ``retire_tables`` gives the
tables of all other bundles a time to live, so that workers that still use them can finish. A
registry lists every bundle that may have keys, partly loaded ones too, so that none stays forever.
"""

import asyncio
import logging
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from itertools import islice

import numpy as np
import orjson

from app.artifacts import NeighbourTable
from app.contracts import StageError
from app.state.store import CommandPart, Store

log = logging.getLogger(__name__)

RECORD = np.dtype([("row", "<i4"), ("weight", "<f4")])
NO_EXPIRY = -1  # what the server replies as the TTL of a key that never expires
CHUNK_BYTES = 1_000_000  # in one command of a load; the server answers nobody else meanwhile
EXPIRE_BATCH = 5_000  # keys in one round trip that only sets their time to live
LOAD_TIMEOUT = 10.0  # seconds for one chunk; also the life of the lock, renewed with each chunk
LOCK_POLL = 0.05  # seconds between checks whether another worker has finished its load


async def are_loaded(store: Store, prefix: str, bundle: str) -> bool:
    """Return whether all tables of ``bundle`` are loaded and do not expire.

    Raises:
        StageError: the store cannot answer.
    """
    return bool(await store.command("TTL", marker_key(prefix, bundle)) == NO_EXPIRY)


async def load_tables(
    store: Store,
    prefix: str,
    bundle: str,
    tables: Mapping[str, NeighbourTable],
    chunk_bytes: int = CHUNK_BYTES,
) -> bool:
    """Write the tables if they are not loaded; wait while another worker writes them.

    Returns:
        Whether this call wrote them.

    Raises:
        StageError: the store cannot answer. The next call completes what was written.
    """
    lock = f"{prefix}:{bundle}:loading"
    async with store.dedicated(LOAD_TIMEOUT) as connection:
        while not await are_loaded(connection, prefix, bundle):
            if await connection.command("SET", lock, 1, "NX", "EX", int(LOAD_TIMEOUT)):
                try:
                    if await are_loaded(connection, prefix, bundle):  # meanwhile, by another worker
                        return False
                    await _load(connection, prefix, bundle, tables, chunk_bytes)
                finally:
                    with suppress(StageError):  # a lock that cannot be removed expires
                        await connection.command("DEL", lock)
                return True
            await asyncio.sleep(LOCK_POLL)
    return False


async def keep_loaded(
    store: Store, prefix: str, bundle: str, tables: Mapping[str, NeighbourTable], every: float = 1.0
) -> None:
    """Load the tables whenever the server does not have them, until cancelled."""
    while True:
        try:
            is_loaded = await are_loaded(store, prefix, bundle)
            if not is_loaded and await load_tables(store, prefix, bundle, tables):
                log.info(
                    "the tables of bundle %s are loaded into Redis at %s", bundle, store.address
                )
        except StageError as error:
            log.debug("whether the tables are loaded cannot be checked: %s", error)
        await asyncio.sleep(every)


async def retire_tables(
    store: Store, prefix: str, keep: Collection[str], ttl: int = 3600, batch: int = EXPIRE_BATCH
) -> None:
    """Make the tables of all bundles except ``keep`` expire in ``ttl`` seconds.

    Loading a retired bundle again makes its tables permanent.

    Raises:
        StageError: the store cannot answer. The next call completes what was started.
    """
    async with store.dedicated(LOAD_TIMEOUT) as connection:
        registered = await connection.command("HGETALL", _registry(prefix))
        for name, sizes in zip(registered[::2], registered[1::2], strict=True):
            bundle = name.decode()
            if bundle not in keep:
                await connection.command("EXPIRE", marker_key(prefix, bundle), ttl)
                keys = _all_keys(prefix, bundle, orjson.loads(sizes))
                await _expire(connection, keys, ttl, batch)
                await connection.command("HDEL", _registry(prefix), bundle)


async def _load(
    connection: Store,
    prefix: str,
    bundle: str,
    tables: Mapping[str, NeighbourTable],
    chunk_bytes: int,
) -> None:
    sizes = {name: len(table) for name, table in tables.items()}
    await connection.command("HSET", _registry(prefix), bundle, orjson.dumps(sizes))
    for name, table in tables.items():
        for chunk in _chunks(key_stem(prefix, bundle, name), table, chunk_bytes):
            renew = ("EXPIRE", f"{prefix}:{bundle}:loading", int(LOAD_TIMEOUT))
            await connection.pipeline("load", [("MSET", *chunk), renew])
    await connection.command("SET", marker_key(prefix, bundle), 1)


def _chunks(stem: bytes, table: NeighbourTable, chunk_bytes: int) -> Iterator[list[CommandPart]]:
    """Yield alternating keys and values, in chunks of bounded size."""
    records = np.empty(len(table.rows), RECORD)
    records["row"], records["weight"] = table.rows, table.weights
    ends = table.indptr * RECORD.itemsize
    chunk: list[CommandPart] = []
    stored = memoryview(records.tobytes())
    first = 0
    for row in np.flatnonzero(np.diff(ends)).tolist():
        start, end = int(ends[row]), int(ends[row + 1])
        if chunk and end - first > chunk_bytes:
            yield chunk
            chunk, first = [], start
        chunk += [b"%s%d" % (stem, row), bytes(stored[start:end])]
    if chunk:
        yield chunk


async def _expire(connection: Store, keys: Iterator[bytes], ttl: int, batch: int) -> None:
    while names := list(islice(keys, batch)):
        await connection.pipeline("retire", [("EXPIRE", name, ttl) for name in names])


def _all_keys(prefix: str, bundle: str, sizes: Mapping[str, int]) -> Iterator[bytes]:
    for table, size in sizes.items():
        stem = key_stem(prefix, bundle, table)
        yield from (b"%s%d" % (stem, row) for row in range(size))


def key_stem(prefix: str, bundle: str, table: str) -> bytes:
    """Return the beginning of the keys of a table; the number of the row follows."""
    return f"{prefix}:{bundle}:{table}:".encode()


def marker_key(prefix: str, bundle: str) -> str:
    """Return the key that exists while all tables of a bundle are loaded."""
    return f"{prefix}:{bundle}:loaded"


def _registry(prefix: str) -> str:
    return f"{prefix}:tables"
