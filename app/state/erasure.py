"""Remove users from the store, and count what was removed.

It has two parts. ``delete_user_keys`` takes one round trip: from then on nobody is shown anything
that is made of the user's data. ``erase_from_others`` then reads the streams and the lists of
friends in small steps, for several users at once, so that lists are not slowed.
``app.service.erasure_runner`` runs the second part, and resumes it after a crash.

No value is decoded that need not be: a damaged value does not make a user unerasable.
A worker's memory holds counts without names, lists that are written within about 50 ms, and what
the store last replied about a user, which the announcement of the erasure removes.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeAlias

import orjson

from app.state.erasure_journal import RemovedCounts
from app.state.event_codec import (
    decode_impression_time,
    events_key,
    impressions_key,
    user_and_context,
    without_context_of,
)
from app.state.event_writer import marks_keys
from app.state.gorse_feedback import erased_feedback_key, withdraw_user
from app.state.gorse_records import gorse_user_key
from app.state.store import CommandPart, Store
from app.state.streams import StreamEntry, StreamPages, seconds_of
from app.state.user_store import (
    ERASED_USER,
    announce,
    attributes_key,
    blocked_key,
    erased_key,
    friends_key,
    hidden_key,
    history_key,
    recently_shown_key,
    restored_key,
    user_digest,
)

Cutoffs: TypeAlias = Mapping[str, float]  # user: unix seconds; later entries stay
FindUsers: TypeAlias = Callable[[Sequence[StreamEntry]], list[str | None]]  # None: entry stays

PAGE = 500  # entries of a stream, or keys, in one read: about 1 ms of a worker's time
REST = 0.002  # seconds between two reads, for the requests of others
READ_TIMEOUT = 10.0  # seconds for one read
WRITE_DELAY = 0.3  # seconds in which the lists that were shown just now are written
PARTS = {
    "history": history_key,
    "hidden": hidden_key,
    "attributes": attributes_key,
    "friends": friends_key,
    "blocked": blocked_key,
    "shown": recently_shown_key,
    "restored": restored_key,
    "gorse_record": gorse_user_key,
    "gorse_feedback": erased_feedback_key,
}
# KEYS: of one user. Deletes them; the reply has the size of each, or its value if it is a string.
COUNT_AND_DELETE = """
local measures = {zset = 'ZCARD', set = 'SCARD', list = 'LLEN', hash = 'HLEN', stream = 'XLEN'}
local sizes = {}
for n, key in ipairs(KEYS) do
  local kind = redis.call('TYPE', key).ok
  if kind == 'none' then sizes[n] = 0
  elseif kind == 'string' then sizes[n] = redis.call('GET', key)
  else sizes[n] = redis.call(measures[kind] or 'EXISTS', key) end
end
redis.call('DEL', unpack(KEYS))
return sizes
"""
# KEYS: a value. ARGV: the value as it must be, its new value ("": delete it).
COMPARE_AND_SET = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '' then redis.call('DEL', KEYS[1])
else redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL') end
return 1
"""
# KEYS: a stream, the mark of the entry's user. ARGV: an entry's id, its new content, when it was
# written. Its copy is the newest entry. Consumers recognise the event by its id. It has no copy if
# its user was erased since: the copy would be newer than the erasure, and stay.
REPLACE_ENTRY = """
if redis.call('XDEL', KEYS[1], ARGV[1]) == 0 then return 0 end
local erased = redis.call('GET', KEYS[2])
if erased and tonumber(erased) and tonumber(erased) >= tonumber(ARGV[3]) then return 0 end
redis.call('XADD', KEYS[1], '*', 'e', ARGV[2])
return 1
"""


async def erase_user(store: Store, prefix: str, user: str, now: float) -> RemovedCounts:
    """Remove a user from the store, the request log excepted, in one go.

    From ``now`` on, unix seconds, a bundle without later data treats the user as unknown.

    Raises:
        StageError: the store did not confirm it. Some may be removed; call again.
    """
    removed, cutoff = await delete_user_keys(store, prefix, user, now)
    await asyncio.sleep(WRITE_DELAY)
    others = await erase_from_others(store, prefix, {user: max(cutoff, now)})
    return removed | others[user]


async def delete_user_keys(
    store: Store, prefix: str, user: str, now: float
) -> tuple[RemovedCounts, float]:
    """Delete a user's keys, and announce to all workers that the user is erased.

    Returns:
        What was removed, and the time of the erasure by the store's clock, unix seconds.

    Raises:
        StageError: the store did not confirm it. Call again.
    """
    marks = marks_keys(prefix, user)
    keys = [*(key(prefix, user) for key in PARTS.values()), *marks]
    mark_erased = ("SET", erased_key(prefix, user), repr(now))
    member = ERASED_USER + user_digest(user).encode()
    delete: tuple[CommandPart, ...] = ("EVAL", COUNT_AND_DELETE, len(keys), *keys)
    announcement = announce(prefix, user, [member])
    async with store.dedicated(READ_TIMEOUT) as connection:
        await withdraw_user(connection, prefix, user)
        _, sizes, *_, position = await connection.pipeline(
            "erase", [mark_erased, delete, *announcement]
        )
    removed = dict(zip(PARTS, map(_count, sizes), strict=False))
    del removed["restored"]
    return removed | {"event_ids": sum(map(_count, sizes[len(PARTS) :]))}, seconds_of(position)


async def erase_from_others(
    store: Store, prefix: str, cutoffs: Cutoffs
) -> dict[str, RemovedCounts]:
    """Remove users from the streams of events and impressions, and from the friends of others.

    An event of another user whose context names one of these users stays, without that value.

    Args:
        store: to read and to write.
        prefix: of all keys.
        cutoffs: the users, and the time up to which their entries are removed.

    Returns:
        What was removed of each user.

    Raises:
        StageError: the store did not confirm it. Some may be removed; call again.
    """
    removed: dict[str, Counter[str]] = {user: Counter() for user in cutoffs}

    def find_impressions(entries: Sequence[StreamEntry]) -> list[str | None]:
        return [_shown_to(entry, cutoffs) for entry in entries]

    async with store.dedicated(READ_TIMEOUT) as connection:
        await _erase_events(connection, prefix, cutoffs, removed)
        await _erase_friends(connection, prefix, removed)
        shown = await delete_entries(connection, impressions_key(prefix), find_impressions, PAGE)
    names = ("events_stream", "others_context", "others_friends")
    return {
        user: {name: counts[name] for name in names} | {"impressions": shown[user]}
        for user, counts in removed.items()
    }


async def delete_entries(
    connection: Store, key: str, find_users: FindUsers, page: int
) -> Counter[str]:
    """Delete the entries of a stream for which a user is found; return how many of each user.

    ``find_users`` runs in a thread.
    """
    pages, deleted = StreamPages(key, page), Counter[str]()
    while entries := await connection.command(*pages.command()):
        pages.advance(entries)
        users = await asyncio.to_thread(find_users, entries)
        matches = [(name, user) for (name, _), user in zip(entries, users, strict=True) if user]
        if matches:
            await connection.command("XDEL", key, *(name for name, _ in matches))
            deleted.update(user for _, user in matches)
        await asyncio.sleep(REST)
    return deleted


async def _erase_events(
    connection: Store, prefix: str, cutoffs: Cutoffs, removed: Mapping[str, Counter[str]]
) -> None:
    key = events_key(prefix)
    changed: list[tuple[bytes, str, bytes, str]] = []  # id, its user, new content, erased user

    def find_users(entries: Sequence[StreamEntry]) -> list[str | None]:
        users: list[str | None] = []
        for name, fields in entries:
            user, context = user_and_context(fields[-1])
            at = seconds_of(name)
            users.append(user if user and at <= cutoffs.get(user, 0.0) else None)
            named = {each for each in context.values() if isinstance(each, str) and each in cutoffs}
            named = {each for each in named if at <= cutoffs[each]}
            if named and users[-1] is None:
                content = without_context_of(fields[-1], named)
                changed.append((name, user or "", content, min(named)))
        return users

    deleted = await delete_entries(connection, key, find_users, PAGE)
    for user, n in deleted.items():
        removed[user]["events_stream"] += n
    for name, owner, content, user in changed:
        keys, at = (2, key, erased_key(prefix, owner)), repr(seconds_of(name))
        script = ("EVAL", REPLACE_ENTRY, *keys, name, content, at)
        removed[user]["others_context"] += int(await connection.command(*script))


def _shown_to(entry: StreamEntry, cutoffs: Cutoffs) -> str | None:
    """Return the user of an impression if it was shown before the user's erasure."""
    name, fields = entry
    user, _ = user_and_context(fields[-1])
    if user is None or user not in cutoffs:
        return None
    return user if decode_impression_time(fields[-1], seconds_of(name)) <= cutoffs[user] else None


async def _erase_friends(
    connection: Store, prefix: str, removed: Mapping[str, Counter[str]]
) -> None:
    """Remove the users from the friends of all users, and count how many lists changed."""
    cursor, pattern = b"0", f"{escape_pattern(prefix)}:u:{{*}}:f"
    while True:
        cursor, keys = await connection.command("SCAN", cursor, "MATCH", pattern, "COUNT", PAGE)
        values = await connection.command("MGET", *keys) if keys else []
        for key, value in zip(keys, values, strict=True):
            for user in await _remove_friends(connection, key, value, removed):
                removed[user]["others_friends"] += 1
        if cursor == b"0":
            return
        await asyncio.sleep(REST)


async def _remove_friends(
    connection: Store, key: bytes, value: bytes | None, users: Collection[str]
) -> set[str]:
    """Remove users from one list of friends; return those who were in it.

    A change by others in the meantime is kept. A damaged list that names one of the users is
    deleted.
    """
    while value is not None:
        friends, is_damaged = _friends(value, users)
        erased = friends & set(users)
        if not erased:
            return erased
        rest = [] if is_damaged else [one for one in orjson.loads(value) if one not in erased]
        new = orjson.dumps(rest) if rest else b""
        if await connection.command("EVAL", COMPARE_AND_SET, 1, key, value, new):
            return erased
        value = await connection.command("GET", key)
    return set()


def _friends(value: bytes, users: Collection[str]) -> tuple[set[str], bool]:
    """Return the friends in a stored list, and whether it is damaged."""
    try:
        stored = orjson.loads(value)
    except orjson.JSONDecodeError:
        stored = None
    if isinstance(stored, list):
        return {each for each in stored if isinstance(each, str)}, False
    return {user for user in users if orjson.dumps(user) in value}, True


def _count(stored: Any) -> int:
    """Return how many parts a deleted value had; a damaged one counts as one."""
    if isinstance(stored, int):
        return stored
    try:
        stored = orjson.loads(stored)
    except orjson.JSONDecodeError:
        return 1
    if isinstance(stored, list) and all(isinstance(part, list) for part in stored):
        return sum(map(len, stored))  # what a user has blocked
    return len(stored) if isinstance(stored, list | dict) else 1


def escape_pattern(text: str) -> str:
    """Return a pattern for SCAN that matches only this text."""
    return "".join(f"\\{c}" if c in "*?[]\\^" else c for c in text)
