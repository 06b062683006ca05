"""Removes a user from the store, and counts what was removed.

What workers hold of a user is counts that name nobody, and lists that wait some 50 ms to be noted.
What else keeps users' data has a function like ``erase``; ``app.api.users`` calls them all.
"""

import asyncio
from collections.abc import Callable
from typing import Any, TypeAlias

import orjson

from app.state.event_codec import events_key, history_key
from app.state.event_writer import marks_keys
from app.state.hidden_items import hidden_key
from app.state.impressions import impressions_key
from app.state.shown_items import recently_shown_key
from app.state.store import Store
from app.state.user_blocks import blocked_key
from app.state.user_record import read_user_data
from app.state.user_store import attributes_key, decode_friends, erased_key, friends_key

ErasureReceipt: TypeAlias = dict[str, int]  # what was removed, and how many

PAGE = 2_000  # entries of a stream, or keys, in one look
WITHIN = 10.0  # seconds for one look
LINGER = 0.3  # seconds in which lists that were given just now are noted
EVERY_KEY = (history_key, hidden_key, attributes_key, friends_key, blocked_key, recently_shown_key)
REPLACE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[2]) end
return 1
"""  # a value, should it still be the old one


async def erase_user(store: Store, prefix: str, user: str, now: float) -> ErasureReceipt:
    """Remove a user's state, entries in the streams of events and impressions, and from friends.

    From ``now`` on, unix seconds, bundles that know of nothing later take the user for a stranger.

    Raises:
        StageError: the store did not confirm it. Some may be removed; call again.
    """
    async with store.dedicated(WITHIN) as link:
        receipt = await _forget(link, prefix, user, now)
        receipt["events_stream"] = await delete_matching(
            link, events_key(prefix), lambda e: e[1] == user
        )
        receipt["others_friends"] = await _unfriend(link, prefix, user)
        await asyncio.sleep(LINGER)
        receipt["impressions"] = await delete_matching(
            link, impressions_key(prefix), lambda e: e[1] == user
        )
        await link.command("DEL", recently_shown_key(prefix, user))
    return receipt


async def _forget(link: Store, prefix: str, user: str, now: float) -> ErasureReceipt:
    known = await read_user_data(link, prefix, user, 0)
    marks = marks_keys(prefix, user)
    counted: list[int] = await link.pipeline("erase", [("SCARD", key) for key in marks])
    keys = [*marks, *(named(prefix, user) for named in EVERY_KEY)]
    note = ("SET", erased_key(prefix, user), repr(now))
    await link.pipeline("erase", [note, ("DEL", *keys)])
    blocked = known.blocked
    return {
        "history": known.history_length,
        "event_ids": sum(counted),
        "hidden": len(known.hidden),
        "attributes": len(known.attributes),
        "friends": len(known.friends),
        "blocked": len(blocked.items) + len(blocked.providers) + len(blocked.categories),
        "shown": len(known.shown),
    }


async def delete_matching(link: Store, key: str, is_of: Callable[[Any], bool]) -> int:
    """Delete a stream's entries of which ``is_of`` is true; what is not ours is left alone.

    Raises:
        StageError: the store cannot answer.
    """
    position, removed = b"-", 0
    while entries := await link.command("XRANGE", key, position, "+", "COUNT", PAGE):
        gone = [name for name, fields in entries if _is_true(is_of, fields[-1])]
        if gone:
            removed += int(await link.command("XDEL", key, *gone))
        position = b"(" + entries[-1][0]
    return removed


def _is_true(is_of: Callable[[Any], bool], entry: bytes) -> bool:
    try:
        return is_of(orjson.loads(entry))
    except (ValueError, LookupError, TypeError):
        return False


async def _unfriend(link: Store, prefix: str, user: str) -> int:
    """Take a user from everybody's friends."""
    changed, cursor, pattern = 0, b"0", f"{_literal(prefix)}:u:{{*}}:f"
    while True:
        cursor, keys = await link.command("SCAN", cursor, "MATCH", pattern, "COUNT", PAGE)
        values = await link.command("MGET", *keys) if keys else []
        for key, value in zip(keys, values, strict=True):
            changed += await _left_out(link, key, value, user)
        if cursor == b"0":
            return changed


async def _left_out(link: Store, key: bytes, value: bytes | None, user: str) -> bool:
    """Take a user from one list of friends; what is told of it meanwhile stands."""
    while user in (friends := decode_friends(value)):
        left = [friend for friend in friends if friend != user]
        new = orjson.dumps(left) if left else b""
        if await link.command("EVAL", REPLACE, 1, key, value or b"", new):
            return True
        value = await link.command("GET", key)
    return False


def _literal(text: str) -> str:
    """Take the meaning from what SCAN's patterns give one."""
    return "".join(f"\\{c}" if c in "*?[]\\^" else c for c in text)
