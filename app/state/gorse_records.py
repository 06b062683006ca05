"""What Gorse's API stores of users and items beyond what the product has: a record each.

A record is JSON: labels of any form, the comment, and of an item its time. The record of a user
has the user's hash tag, and is erased with the user; the index of all users is, too.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeAlias

import orjson

from app.contracts import StageError
from app.state.store import CommandPart, Store
from app.state.user_store import MAX_TRIES, SWAP_VALUE, user_key

GorseRecord: TypeAlias = dict[str, Any]  # by Gorse's names of the fields
SLICE = 500  # records in one round trip


def gorse_user_key(prefix: str, user: str) -> str:
    """Return the key of a user's record."""
    return user_key(prefix, user, "g")


def gorse_users_key(prefix: str) -> str:
    """Return the key of the sorted set of all users with a record."""
    return f"{prefix}:gorse:users"


def gorse_item_key(prefix: str, item: str) -> str:
    """Return the key of an item's record."""
    return f"{prefix}:gorse:item:{item}"


def item_times_key(prefix: str) -> str:
    """Return the key of the sorted set of items with a time, unix seconds."""
    return f"{prefix}:gorse:item_times"


async def write_users(store: Store, prefix: str, records: Mapping[str, GorseRecord]) -> None:
    """Replace the records of users, by id."""
    commands: list[tuple[CommandPart, ...]] = []
    for user, record in records.items():
        commands.append(("SET", gorse_user_key(prefix, user), orjson.dumps(record)))
        commands.append(("ZADD", gorse_users_key(prefix), 0, user))
    await _send_in_slices(store, "gorse_users", commands)


async def add_users(store: Store, prefix: str, users: Collection[str], empty: GorseRecord) -> None:
    """Store an ``empty`` record of each user who has none."""
    commands: list[tuple[CommandPart, ...]] = []
    for user in users:
        commands.append(("SET", gorse_user_key(prefix, user), orjson.dumps(empty), "NX"))
        commands.append(("ZADD", gorse_users_key(prefix), 0, user))
    await _send_in_slices(store, "gorse_users", commands)


async def write_items(
    store: Store, prefix: str, records: Mapping[str, GorseRecord], times: Mapping[str, float]
) -> None:
    """Replace the records of items, by id.

    Args:
        store: to write to.
        prefix: of all keys.
        records: by item.
        times: of those items that have one, unix seconds.
    """
    commands: list[tuple[CommandPart, ...]] = []
    for item, record in records.items():
        at = times.get(item, -math.inf)
        commands.append(("SET", gorse_item_key(prefix, item), orjson.dumps(record)))
        if at == -math.inf:
            commands.append(("ZREM", item_times_key(prefix), item))
        else:
            commands.append(("ZADD", item_times_key(prefix), at, item))
    await _send_in_slices(store, "gorse_items", commands)


async def write_item_time(store: Store, prefix: str, item: str, at: float | None) -> None:
    """Store the time of an item, unix seconds; None for no time."""
    key = item_times_key(prefix)
    await (store.command("ZREM", key, item) if at is None else store.command("ZADD", key, at, item))


async def merge_record(
    store: Store, key: str, changes: GorseRecord, first: GorseRecord
) -> GorseRecord:
    """Set some fields of a record, and keep the others; no concurrent change is lost.

    A record that does not exist begins as ``first``.

    Raises:
        StageError: the store did not confirm it, or others kept changing the record.
    """
    for _ in range(MAX_TRIES):
        stored = await store.command("GET", key)
        record: GorseRecord = (orjson.loads(stored) if stored else first) | changes
        if await store.command("EVAL", SWAP_VALUE, 1, key, stored or b"", orjson.dumps(record)):
            return record
    raise StageError("others are changing the same record; send it again")


async def read_records(store: Store, keys: Sequence[str]) -> list[GorseRecord | None]:
    """Return the record of each key; None where there is none."""
    records: list[GorseRecord | None] = []
    for start in range(0, len(keys), SLICE):
        stored = await store.command("MGET", *keys[start : start + SLICE])
        records += [orjson.loads(text) if text else None for text in stored]
    return records


async def list_users(store: Store, prefix: str, start: str, n: int) -> list[str]:
    """Return the first ``n`` users with a record, in the order of bytes, from ``start`` on."""
    reply = await store.command(
        "ZRANGEBYLEX", gorse_users_key(prefix), b"[" + start.encode(), "+", "LIMIT", 0, n
    )
    return [user.decode() for user in reply]


async def read_item_times(store: Store, prefix: str, items: Sequence[str]) -> list[float | None]:
    """Return the time of each item, unix seconds; None where there is none."""
    if not items:
        return []
    reply = await store.command("ZMSCORE", item_times_key(prefix), *items)
    return [None if score is None else float(score) for score in reply]


async def delete_item_record(store: Store, prefix: str, item: str) -> None:
    """Delete the record of an item."""
    commands: list[tuple[CommandPart, ...]] = [
        ("DEL", gorse_item_key(prefix, item)),
        ("ZREM", item_times_key(prefix), item),
    ]
    await store.pipeline("gorse_items", commands)


async def _send_in_slices(
    store: Store, name: str, commands: Sequence[tuple[CommandPart, ...]]
) -> None:
    for start in range(0, len(commands), SLICE):
        await store.pipeline(name, commands[start : start + SLICE])
