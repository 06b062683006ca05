"""Remove a user from the store, and count what was removed.

A worker's memory holds counts without names, lists that are written within about 50 ms, and what
the store last replied about a user, which the announcement of the erasure removes.
Every other place that stores users' data has a function like ``erase_user``. ``app.api.users``
calls all of them.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeAlias

import orjson

from app.state.event_codec import decode_user, events_key, impressions_key
from app.state.event_writer import marks_keys
from app.state.store import Store
from app.state.streams import StreamPages
from app.state.user_store import (
    ERASED_USER,
    announce,
    attributes_key,
    blocked_key,
    decode_friends,
    erased_key,
    friends_key,
    hidden_key,
    history_key,
    read_user_data,
    recently_shown_key,
    restored_key,
    user_digest,
)

ErasureReceipt: TypeAlias = dict[str, int]  # what was removed, and how many

PAGE = 2_000  # entries of a stream, or keys, in one read
READ_TIMEOUT = 10.0  # seconds for one read
WRITE_DELAY = 0.3  # seconds in which the lists that were shown just now are written
USER_KEYS = (
    *(history_key, hidden_key, attributes_key, friends_key, blocked_key, recently_shown_key),
    restored_key,
)
# KEYS: a value. ARGV: the value as it must be, its new value ("": delete it).
COMPARE_AND_SET = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[2]) end
return 1
"""


async def erase_user(store: Store, prefix: str, user: str, now: float) -> ErasureReceipt:
    """Remove a user's data, entries in the streams of events and impressions, and friendships.

    From ``now`` on, unix seconds, a bundle without later data treats the user as unknown.

    Raises:
        StageError: the store did not confirm it. Some may be removed; call again.
    """
    async with store.dedicated(READ_TIMEOUT) as connection:
        receipt = await _delete_keys(connection, prefix, user, now)

        def is_of_user(fields: Sequence[bytes]) -> bool:
            return decode_user(fields[-1]) == user

        events, impressions = events_key(prefix), impressions_key(prefix)
        receipt["events_stream"] = await delete_entries(connection, events, is_of_user, PAGE)
        receipt["others_friends"] = await _remove_friend(connection, prefix, user)
        await asyncio.sleep(WRITE_DELAY)
        receipt["impressions"] = await delete_entries(connection, impressions, is_of_user, PAGE)
        await connection.command("DEL", recently_shown_key(prefix, user))
    return receipt


async def delete_entries(
    connection: Store, key: str, is_deleted: Callable[[Sequence[bytes]], bool], page: int
) -> int:
    """Delete the entries of a stream for whose fields ``is_deleted`` is true; return how many."""
    pages, deleted = StreamPages(key, page), 0
    while entries := await connection.command(*pages.command()):
        pages.advance(entries)
        names = [name for name, fields in entries if is_deleted(fields)]
        if names:
            deleted += int(await connection.command("XDEL", key, *names))
    return deleted


async def _delete_keys(connection: Store, prefix: str, user: str, now: float) -> ErasureReceipt:
    data = await read_user_data(connection, prefix, user, 0)
    marks = marks_keys(prefix, user)
    sizes: list[int] = await connection.pipeline("erase", [("SCARD", key) for key in marks])
    keys = [*marks, *(key(prefix, user) for key in USER_KEYS)]
    mark_erased = ("SET", erased_key(prefix, user), repr(now))
    member = ERASED_USER + user_digest(user).encode()
    announcement = announce(prefix, user, [member])
    await connection.pipeline("erase", [mark_erased, ("DEL", *keys), *announcement])
    blocked = data.blocked
    return {
        "history": data.history_length,
        "event_ids": sum(sizes),
        "hidden": len(data.hidden),
        "attributes": len(data.attributes),
        "friends": len(data.friends),
        "blocked": len(blocked.items) + len(blocked.providers) + len(blocked.categories),
        "shown": len(data.shown),
    }


async def _remove_friend(connection: Store, prefix: str, user: str) -> int:
    """Remove a user from the friends of all users; return how many lists changed."""
    changed, cursor, pattern = 0, b"0", f"{escape_pattern(prefix)}:u:{{*}}:f"
    while True:
        cursor, keys = await connection.command("SCAN", cursor, "MATCH", pattern, "COUNT", PAGE)
        values = await connection.command("MGET", *keys) if keys else []
        for key, value in zip(keys, values, strict=True):
            changed += await _remove_from(connection, key, value, user)
        if cursor == b"0":
            return changed


async def _remove_from(connection: Store, key: bytes, value: bytes | None, user: str) -> bool:
    """Remove a user from one list of friends. A change by others in the meantime is kept."""
    while user in (friends := decode_friends(value)):
        others = [friend for friend in friends if friend != user]
        new = orjson.dumps(others) if others else b""
        if await connection.command("EVAL", COMPARE_AND_SET, 1, key, value or b"", new):
            return True
        value = await connection.command("GET", key)
    return False


def escape_pattern(text: str) -> str:
    """Return a pattern for SCAN that matches only this text."""
    return "".join(f"\\{c}" if c in "*?[]\\^" else c for c in text)
