"""The store's data of each user: the keys, the format of the values, reading and writing.

All keys of a user carry the user's hash tag, so that they are on one server of a cluster. The mark
of an erasure is the exception: it must not contain the user's id. A change of what a user must not
be shown is announced to all workers; see ``app.state.shared_exclusions``.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Any
from urllib.parse import quote, unquote

import orjson

from app.contracts import NOTHING_BLOCKED, Blocked, StageError
from app.state.event_codec import decode_history
from app.state.store import CommandPart, Store

MAX_STORED_EVENTS = 500  # newest events that are kept of each user
MAX_FRIENDS = 500
MAX_ATTRIBUTES = 50
MAX_BLOCKED = 1_000  # items, providers and categories together
MAX_TRIES = 10  # attempts to change attributes while others change those of the same user
# KEYS: of a value. ARGV: the expected value ("": none), the new one ("": none).
SWAP_VALUE = """
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
if ARGV[2] == '' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[2]) end
return 1
"""
MAX_HIDDEN = 1_000  # newest hidden and restored items that are kept of each user
RECENTLY_SHOWN_TTL = 30 * 86_400  # seconds after the last list that a user was shown
MAX_ANNOUNCED = 10_000  # changes in the stream, about; a worker that missed more forgets all users
# First byte of a member of the shared set. The name of an item, provider or category follows, or
# the digest of an erased user.
ITEM, PROVIDER, CATEGORY, ERASED_USER = b"i", b"p", b"c", b"e"
HIDING_EVENTS = {"hide": "h", "unhide": "u"}  # event type: first letter of the stored member


class AttributeCountError(ValueError):
    """More attributes than a user can have."""


@lru_cache(16)  # a request asks for some keys of one user
def _key_start(prefix: str, user: str) -> str:
    return f"{prefix}:u:{{{quote(user, safe='')}}}:"


def user_key(prefix: str, user: str, part: str) -> str:
    """Return the key of one part of a user's data. Braces in the user's id are encoded."""
    return _key_start(prefix, user) + part


def _key_of(part: str) -> Callable[[str, str], str]:
    def key(prefix: str, user: str) -> str:
        return user_key(prefix, user, part)

    return key


# The key of each part of a user's data, from the prefix and the user's id.
history_key = _key_of("h")  # events: a sorted set by timestamp
attributes_key = _key_of("a")  # attributes: a JSON object
friends_key = _key_of("f")  # friends: a JSON array of ids
blocked_key = _key_of("b")  # what the user has blocked: a JSON array of three arrays
hidden_key = _key_of("x")  # items that the user hid or restored: a sorted set by timestamp
recently_shown_key = _key_of("s")  # items that the user was shown lately: a list, newest first
restored_key = _key_of("k")  # generation of the store into which the user's lost data was restored


LISTED_PARTS = "hafbx"  # a user is listed by the first of these parts that the store has


def erased_key(prefix: str, user: str) -> str:
    """Return the key of the mark that a user was erased.

    The key does not contain the user's id and has no hash tag. It must not be part of a command
    that also names other keys of the user.
    """
    return erased_key_start(prefix) + user_digest(user)


def erased_key_start(prefix: str) -> str:
    """Return what the keys of erased users begin with; the digest of the user follows."""
    return f"{prefix}:erased:"


def exclusions_key(prefix: str) -> str:
    """Return the key of the set of all that any user has hidden or blocked, and erased users."""
    return f"{prefix}:excluded"


def exclusion_log_key(prefix: str) -> str:
    """Return the key of the stream of changes of what users must not be shown."""
    return f"{prefix}:excluded:log"


def generation_key(prefix: str) -> str:
    """Return the key that exists as long as the store has not lost the users' data."""
    return f"{prefix}:{{users}}:generation"


def lost_key(prefix: str) -> str:
    """Return the key that exists while users' data is missing: unix seconds of the loss."""
    return f"{prefix}:{{users}}:lost"


def change_count_key(prefix: str) -> str:
    """Return the key of the number of announcements. It only falls when the store loses data."""
    return f"{prefix}:{{users}}:changes"


def state_keys(prefix: str) -> tuple[str, str, str]:
    """Return the keys that show whether the store has all data of users."""
    return generation_key(prefix), lost_key(prefix), change_count_key(prefix)


def announce(
    prefix: str, user: str, members: Sequence[bytes] = ()
) -> list[tuple[CommandPart, ...]]:
    """Return the commands that tell all workers of a change. The last replies its position.

    Args:
        prefix: of all keys.
        user: whose filters have changed.
        members: what the user must not be shown from now on; empty: less than before.
    """
    added = [part for member in members for part in (b"m", member)]
    log = ("XADD", exclusion_log_key(prefix), "MAXLEN", "~", MAX_ANNOUNCED, "*")
    commands: list[tuple[CommandPart, ...]] = [
        ("INCR", change_count_key(prefix)),
        (*log, "u", user_digest(user), *added),
    ]
    return [("SADD", exclusions_key(prefix), *members), *commands] if members else commands


def user_digest(user: str) -> str:
    """Return the digest that stands for an erased user. Trying all ids reveals whose it is."""
    return blake2b(user.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def decode_attributes(stored: bytes | None) -> dict[str, str]:
    """Read stored attributes; None means no attributes."""
    attributes: dict[str, str] = orjson.loads(stored) if stored else {}
    return attributes


def decode_friends(stored: bytes | None) -> tuple[str, ...]:
    """Read stored friends; None means no friends."""
    return tuple(orjson.loads(stored)) if stored else ()


def encode_blocked(blocked: Blocked) -> bytes:
    """Return the stored value of what a user has blocked."""
    return orjson.dumps([blocked.items, blocked.providers, blocked.categories])


def decode_blocked(stored: bytes | None) -> Blocked:
    """Read what a user has blocked; None means nothing."""
    if stored is None:
        return NOTHING_BLOCKED
    return Blocked(*map(tuple, orjson.loads(stored)))


def hidden_member(event_type: str, item: str) -> str:
    """Return the member that an event adds to the hidden items; "" if it hides nothing.

    A member is a letter and the item: ``h`` for hidden, ``u`` for restored. The later of the two
    members of an item holds. So the result is the same in any order of events.
    """
    letter = HIDING_EVENTS.get(event_type)
    return f"{letter}{item}" if letter else ""


def decode_hidden(reply: Sequence[bytes]) -> tuple[list[str], list[str]]:
    """Read alternating members and times; return the hidden items, and the restored ones."""
    times = dict(zip(reply[::2], map(float, reply[1::2]), strict=True))
    hidden = [m for m in times if m[:1] == b"h" and times[m] >= times.get(b"u" + m[1:], -1.0)]
    restored = [m for m in times if m[:1] == b"u" and times[m] > times.get(b"h" + m[1:], -1.0)]
    return [m[1:].decode() for m in hidden], [m[1:].decode() for m in restored]


def recently_shown_commands(
    prefix: str, user: str, items: Sequence[str], limit: int
) -> list[tuple[CommandPart, ...]]:
    """Return the commands that put these items in front and keep the newest ``limit``."""
    key = recently_shown_key(prefix, user)
    return [
        ("LPUSH", key, *reversed(items)),
        ("LTRIM", key, 0, limit - 1),
        ("EXPIRE", key, RECENTLY_SHOWN_TTL),
    ]


async def write_attributes(
    store: Store, prefix: str, user: str, attributes: Mapping[str, str]
) -> None:
    """Replace the user's attributes."""
    key = attributes_key(prefix, user)
    await _write(store, key, orjson.dumps(dict(attributes)) if attributes else None)


async def write_attributes_of_many(
    store: Store, prefix: str, attributes: Mapping[str, Mapping[str, str]]
) -> None:
    """Replace the attributes of several users, by id, in one round trip.

    Raises:
        StageError: the store did not confirm all of them. Some may be stored.
    """
    commands: list[tuple[CommandPart, ...]] = []
    for user, of_user in attributes.items():
        key = attributes_key(prefix, user)
        commands.append(("SET", key, orjson.dumps(dict(of_user))) if of_user else ("DEL", key))
    await store.pipeline("attributes", commands)


async def merge_attributes(
    store: Store, prefix: str, user: str, changes: Mapping[str, str | None]
) -> dict[str, str]:
    """Change some attributes of a user; None removes one. No concurrent change is lost.

    Returns:
        All attributes of the user.

    Raises:
        AttributeCountError: there would be too many; nothing is changed.
        StageError: the store did not confirm it, or others kept changing the user.
    """
    key = attributes_key(prefix, user)
    for _ in range(MAX_TRIES):
        stored = await store.command("GET", key)
        merged = {**decode_attributes(stored), **changes}
        attributes = {name: value for name, value in merged.items() if value is not None}
        if len(attributes) > MAX_ATTRIBUTES:
            raise AttributeCountError(
                f"the user would have {len(attributes)} attributes, at most {MAX_ATTRIBUTES} are "
                "allowed: set some to null"
            )
        new = orjson.dumps(attributes) if attributes else b""
        if await store.command("EVAL", SWAP_VALUE, 1, key, stored or b"", new):
            return attributes
    raise StageError(f"others are changing the user {user}; send it again")


async def find_users(
    store: Store, prefix: str, start: str, cursor: int, count: int
) -> tuple[list[str], int]:
    """Return some users of whom the store has data and whose ids begin with ``start``.

    Each user is in one answer alone, unless their data changes meanwhile.

    Args:
        store: of the users.
        prefix: of all keys.
        start: of the ids.
        cursor: of the answer before; 0 at first.
        count: how many keys the store looks at, about.

    Returns:
        The users, and the cursor of the next answer; 0: there are no more.
    """
    stem = f"{prefix}:u:{{"
    escaped = re.sub(r"([*?\[\]\\^-])", r"\\\1", stem + quote(start, safe=""))
    cursor_after, keys = await store.command("SCAN", cursor, "MATCH", f"{escaped}*", "COUNT", count)
    names = (key.decode()[len(stem) :].rpartition("}:") for key in keys)
    listed = [(unquote(user), part) for user, _, part in names if part in LISTED_PARTS]
    earlier: list[tuple[CommandPart, ...]] = [
        ("EXISTS", *(user_key(prefix, user, each) for each in LISTED_PARTS[: at + 1]))
        for user, part in listed
        for at in [LISTED_PARTS.index(part)]
    ]
    counts = await store.pipeline("users", earlier)
    firsts = [user for (user, _), n in zip(listed, counts, strict=True) if n == 1]
    return sorted(set(firsts)), int(cursor_after)


async def write_friends(store: Store, prefix: str, user: str, friends: Sequence[str]) -> None:
    """Replace the user's friends."""
    await _write(store, friends_key(prefix, user), orjson.dumps(list(friends)) if friends else None)


async def write_blocked(store: Store, prefix: str, user: str, blocked: Blocked) -> bytes:
    """Replace what the user has blocked; return the position of the announcement."""
    key, members = blocked_key(prefix, user), _blocked_members(blocked)
    write: tuple[CommandPart, ...] = ("SET", key, encode_blocked(blocked))
    commands = [write if blocked else ("DEL", key), *announce(prefix, user, members)]
    return bytes((await store.pipeline("block", commands))[-1])


def _blocked_members(blocked: Blocked) -> list[bytes]:
    names = ((ITEM, blocked.items), (PROVIDER, blocked.providers), (CATEGORY, blocked.categories))
    return [kind + name.encode() for kind, all_of_kind in names for name in all_of_kind]


def restoring_commands(
    prefix: str, user: str, reply: Sequence[Any]
) -> list[tuple[CommandPart, ...]]:
    """Return the commands that write a user's data again, as ``RedisHistories`` has read it.

    What is stored meanwhile is kept.
    """
    events, (blocked, attributes, friends, erased), hidden, *_ = reply
    values = (
        (blocked_key, blocked),
        (attributes_key, attributes),
        (friends_key, friends),
        (erased_key, erased),
    )
    commands: list[tuple[CommandPart, ...]] = [
        ("SET", key(prefix, user), value, "NX") for key, value in values if value is not None
    ]
    for key, stored in ((history_key, events), (hidden_key, hidden)):
        if stored:
            pairs = zip(stored[1::2], stored[::2], strict=True)
            scores = [part for pair in pairs for part in pair]
            commands.append(("ZADD", key(prefix, user), "GT", *scores))
    return commands


async def read_blocked(store: Store, prefix: str, user: str) -> Blocked:
    """Return what the user has blocked."""
    return decode_blocked(await store.command("GET", blocked_key(prefix, user)))


@dataclass(frozen=True, slots=True)
class UserData:
    """Everything that the store has of one user."""

    events: list[dict[str, Any]]  # newest first, at most as many as requested
    history_length: int  # events in the history
    attributes: Mapping[str, str]
    friends: tuple[str, ...]
    blocked: Blocked
    hidden: list[str]
    shown: list[str]  # lately, newest first; only kept if a policy uses it
    erased_at: float  # unix seconds by the wall clock; -inf: never

    def __bool__(self) -> bool:
        other = (self.attributes, self.friends, self.blocked, self.hidden, self.shown)
        return bool(self.history_length or any(other))


async def read_user_data(store: Store, prefix: str, user: str, newest: int) -> UserData:
    """Read everything that the store has of a user, with the ``newest`` events of the history."""
    history = history_key(prefix, user)
    values = [key(prefix, user) for key in (attributes_key, friends_key, blocked_key)]
    events, length, (attributes, friends, blocked), erased, hidden, shown = await store.pipeline(
        "user_data",
        [
            ("ZREVRANGE", history, 0, max(newest, 1) - 1, "WITHSCORES"),
            ("ZCARD", history),
            ("MGET", *values),
            ("GET", erased_key(prefix, user)),
            ("ZRANGE", hidden_key(prefix, user), 0, -1, "WITHSCORES"),
            ("LRANGE", recently_shown_key(prefix, user), 0, -1),
        ],
    )
    return UserData(
        _events(events)[:newest],
        int(length),
        decode_attributes(attributes),
        decode_friends(friends),
        decode_blocked(blocked),
        decode_hidden(hidden)[0],
        [item.decode() for item in shown],
        float(erased) if erased else -math.inf,
    )


def _events(reply: Sequence[bytes]) -> list[dict[str, Any]]:
    ids, types, items, values = decode_history(reply[::2])
    names = ("event_id", "item_id", "type", "value", "timestamp")
    columns = (ids, items, types, values, map(float, reply[1::2]))
    return [dict(zip(names, event, strict=True)) for event in zip(*columns, strict=True)]


async def _write(store: Store, key: str, stored: bytes | None) -> None:
    if stored is None:
        await store.command("DEL", key)
    else:
        await store.command("SET", key, stored)
