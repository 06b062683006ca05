"""The feedback of Gorse's API: a row for each type, user and item, with a value that adds up.

The rows of a user are a hash under the user's hash tag; it is erased with the user, and so are the
items that the rows exclude from lists. The other keys are indexes: the users of each type, the
users of each item, and the types. An index may name a user whose last row is gone, and never lacks
one; ``withdraw_user`` removes a user from all of them.
"""

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import orjson

from app.state.feedback_scripts import DELETE_ROWS, MOVE_ROWS, WRITE_ROWS
from app.state.gorse_records import gorse_users_key
from app.state.store import CommandPart, Store
from app.state.user_store import user_key

FeedbackKey: TypeAlias = tuple[str, str, str]  # type, user, item
ExcludingRules: TypeAlias = Sequence[tuple[str, str, float]]  # type, sign of a comparison, bound
SLICE = 500  # rows in one round trip
MAX_TYPES = 256  # of all users together; each costs a look-up when feedback is read or deleted
MAX_EXCLUDED = 5_000  # items with the latest times that are kept of each user
MAX_EXCLUDED_READ = 1_000  # of them that a list leaves out, as many as a request may exclude
PAIRS_PER_READ = 100  # of a type and a user, whose rows are read at a time
MICROSECONDS = 1_000_000  # of a second
SEPARATOR = "\0"  # which no id and no type has


@dataclass(frozen=True, slots=True)
class FeedbackRow:
    """One row of feedback. Times are microseconds since 1970; the year 1 stands for no time."""

    kind: str
    user: str
    item: str
    value: float
    at: int
    updated: int
    comment: str = ""

    @property
    def key(self) -> FeedbackKey:
        return self.kind, self.user, self.item


def feedback_key(prefix: str, user: str) -> str:
    """Return the key of a user's rows: a hash by type and item."""
    return user_key(prefix, user, "gf")


def erased_feedback_key(prefix: str, user: str) -> str:
    """Return the key of a user's rows while they are being erased."""
    return user_key(prefix, user, "ge")


def excluded_items_key(prefix: str, user: str) -> str:
    """Return the key of the items that a user's rows exclude: a sorted set by the time from when.

    The scripts that write and delete rows keep it.
    """
    return user_key(prefix, user, "gx")


def raters_key(prefix: str) -> str:
    """Return the key of the users of each type: a sorted set of both."""
    return f"{prefix}:gorse:raters"


def feedback_types_key(prefix: str) -> str:
    """Return the key of the set of all types."""
    return f"{prefix}:gorse:types"


def item_raters_start(prefix: str) -> str:
    """Return what the key of the set of an item's users begins with; the item follows."""
    return f"{prefix}:gorse:raters_of:"


def has_indexed_users(prefix: str, key: bytes) -> bool:
    """Return whether a key is one of the indexes whose members name users."""
    names = (gorse_users_key(prefix).encode(), raters_key(prefix).encode())
    return key in names or key.startswith(item_raters_start(prefix).encode())


def indexed_user(member: bytes) -> str:
    """Return the user whom a member of an index names: alone, or after a feedback type."""
    return member.decode(errors="replace").rpartition(SEPARATOR)[2]


async def write_feedback(
    store: Store,
    prefix: str,
    rows: Sequence[FeedbackRow],
    how: Literal["add", "put"],
    rules: ExcludingRules,
) -> None:
    """Store rows, and the items that they exclude by the rules.

    ``add`` adds the value to that of a row that exists, ``put`` replaces the row.

    Raises:
        StageError: the store did not confirm all of them. Some may be stored.
    """
    for start in range(0, len(rows), SLICE):
        by_user: dict[str, list[CommandPart]] = {}
        for row in rows[start : start + SLICE]:
            parts = (row.kind, row.item, repr(row.value), row.at, row.updated, row.comment)
            by_user.setdefault(row.user, []).extend(parts)
        shared = (raters_key(prefix), feedback_types_key(prefix))
        commands: list[tuple[CommandPart, ...]] = [
            (
                *("EVAL", WRITE_ROWS, 4, *_own_keys(prefix, user), *shared),
                *(*_rules_and_now(rules), MAX_EXCLUDED, user, how, item_raters_start(prefix)),
                *arguments,
            )
            for user, arguments in by_user.items()
        ]
        await store.pipeline("feedback", commands)


async def read_user_feedback(
    store: Store, prefix: str, user: str, kind: str = ""
) -> list[FeedbackRow]:
    """Return the rows of a user, of one type or of all, in the order of type and item."""
    reply = await store.command("HGETALL", feedback_key(prefix, user))
    return sorted(_decode_all(user, reply, kind), key=_order)


async def read_excluded_items(store: Store, prefix: str, user: str) -> tuple[str, ...]:
    """Return the items that a user's rows exclude by now, those of the latest times first.

    There are at most ``MAX_EXCLUDED_READ``.
    """
    due = ("BYSCORE", "REV", "LIMIT", 0, MAX_EXCLUDED_READ)
    key, now = excluded_items_key(prefix, user), round(time.time() * MICROSECONDS)
    return tuple(item.decode() for item in await store.command("ZRANGE", key, now, "-inf", *due))


async def count_types_with(store: Store, prefix: str, kinds: Collection[str]) -> int:
    """Return how many feedback types there would be if these had rows too."""
    if not kinds:
        return 0
    key = feedback_types_key(prefix)
    count, is_stored = await store.pipeline(
        "feedback", [("SCARD", key), ("SMISMEMBER", key, *kinds)]
    )
    return int(count) + int(is_stored.count(0))


async def count_feedback(store: Store, prefix: str, *, user: str = "", item: str = "") -> int:
    """Return how many rows a user has, or how many users have rows about an item."""
    if user:
        return int(await store.command("HLEN", feedback_key(prefix, user)))
    return int(await store.command("SCARD", item_raters_start(prefix) + item))


async def read_item_feedback(
    store: Store, prefix: str, item: str, kind: str = ""
) -> list[FeedbackRow]:
    """Return the rows of all users about an item, in the order of type and user."""
    users, kinds = await _raters_and_types(store, prefix, item)
    return await _read_pairs(store, prefix, users, item, [kind] if kind else kinds)


async def read_feedback(
    store: Store, prefix: str, user: str, item: str, kind: str = ""
) -> list[FeedbackRow]:
    """Return the rows of one user about one item, of one type or of all, in the order of type."""
    kinds = [kind] if kind else await _types(store, prefix)
    return await _read_pairs(store, prefix, [user], item, kinds)


async def list_feedback(
    store: Store, prefix: str, start: FeedbackKey, n: int, kind: str = ""
) -> list[FeedbackRow]:
    """Return the first ``n`` rows from ``start`` on, of one type or of all.

    The order is that of the type, the user and the item as bytes.
    """
    rows: list[FeedbackRow] = []
    key = raters_key(prefix)
    first = b"[" + _joined(*start[:2]) if start[0] else b"-"
    if kind and not start[0]:
        first = b"[" + _joined(kind, "")
    last = b"(" + kind.encode() + b"\x01" if kind else b"+"
    while len(rows) < n:
        pairs = await store.command("ZRANGEBYLEX", key, first, last, "LIMIT", 0, PAIRS_PER_READ)
        named = [tuple(pair.decode().split(SEPARATOR, 1)) for pair in pairs]
        reads: list[tuple[CommandPart, ...]] = [
            ("HGETALL", feedback_key(prefix, user)) for _, user in named
        ]
        for (of_kind, user), reply in zip(
            named, await store.pipeline("feedback", reads), strict=True
        ):
            of_type = _decode_all(user, reply, of_kind)
            rows += sorted((row for row in of_type if _is_at_or_after(row, start)), key=_order)
        if len(pairs) < PAIRS_PER_READ:
            break
        first = b"(" + pairs[-1]
    return rows[:n]


async def delete_feedback(
    store: Store, prefix: str, keys: Collection[FeedbackKey], rules: ExcludingRules
) -> list[FeedbackRow]:
    """Delete rows; return those that existed."""
    fields: dict[str, list[tuple[str, str]]] = {}
    for kind, user, item in keys:
        fields.setdefault(user, []).append((kind, item))
    return await _delete(store, prefix, fields, rules)


async def delete_item_feedback(
    store: Store, prefix: str, item: str, rules: ExcludingRules
) -> list[FeedbackRow]:
    """Delete the rows of all users about an item; return them."""
    users, kinds = await _raters_and_types(store, prefix, item)
    fields = {user: [(kind, item) for kind in kinds] for user in users}
    return await _delete(store, prefix, fields, rules)


async def withdraw_user(store: Store, prefix: str, user: str) -> None:
    """Remove a user from all indexes, and move the rows to the key that is to be deleted.

    The rows show which indexes have the user. They are deleted last, so a repeated call finishes
    what one that failed has begun. No command spans the keys of two servers.
    """
    rows, excluded = _own_keys(prefix, user)
    moved = (rows, erased_feedback_key(prefix, user), excluded)
    kinds: tuple[CommandPart, ...] = ("SMEMBERS", feedback_types_key(prefix))
    fields, types = await store.pipeline("feedback", [("EVAL", MOVE_ROWS, 3, *moved), kinds])
    items = {field.decode().split(SEPARATOR, 1)[1] for field in fields}
    start, raters = item_raters_start(prefix), raters_key(prefix)
    commands: list[tuple[CommandPart, ...]] = [("ZREM", gorse_users_key(prefix), user)]
    commands += [("ZREM", raters, _joined(kind.decode(), user)) for kind in types]
    commands += [("SREM", start + item, user) for item in items]
    await store.pipeline("feedback", commands)


async def _delete(
    store: Store,
    prefix: str,
    fields: Mapping[str, Sequence[tuple[str, str]]],
    rules: ExcludingRules,
) -> list[FeedbackRow]:
    """Delete rows by their users, types and items; return those that existed."""
    users = [user for user, of_user in fields.items() if of_user]
    commands: list[tuple[CommandPart, ...]] = [
        (
            *("EVAL", DELETE_ROWS, 3, *_own_keys(prefix, user), feedback_types_key(prefix)),
            *(*_rules_and_now(rules), user, item_raters_start(prefix)),
            *(part for both in fields[user] for part in both),
        )
        for user in users
    ]
    rows: list[FeedbackRow] = []
    for start in range(0, len(commands), SLICE):
        part = commands[start : start + SLICE]
        replies = await store.pipeline("feedback", part)
        for user, reply in zip(users[start : start + SLICE], replies, strict=True):
            rows += _decode_found(user, fields[user], reply)
    return rows


def _own_keys(prefix: str, user: str) -> tuple[str, str]:
    return feedback_key(prefix, user), excluded_items_key(prefix, user)


def _rules_and_now(rules: ExcludingRules) -> tuple[bytes, int]:
    return orjson.dumps(rules), round(time.time() * MICROSECONDS)


async def _raters_and_types(store: Store, prefix: str, item: str) -> tuple[list[str], list[str]]:
    raters: tuple[CommandPart, ...] = ("SMEMBERS", item_raters_start(prefix) + item)
    types: tuple[CommandPart, ...] = ("SMEMBERS", feedback_types_key(prefix))
    replies = await store.pipeline("feedback", [raters, types])
    users, kinds = ([each.decode() for each in reply] for reply in replies)
    return sorted(users), sorted(kinds)


async def _types(store: Store, prefix: str) -> list[str]:
    reply = await store.command("SMEMBERS", feedback_types_key(prefix))
    return sorted(kind.decode() for kind in reply)


async def _read_pairs(
    store: Store, prefix: str, users: Sequence[str], item: str, kinds: Sequence[str]
) -> list[FeedbackRow]:
    """Return the rows of some users about one item, in the order of type and user."""
    if not kinds:
        return []
    fields = [(kind, item) for kind in kinds]
    names = [_joined(kind, item) for kind in kinds]
    rows: list[FeedbackRow] = []
    for start in range(0, len(users), SLICE):
        some = users[start : start + SLICE]
        reads: list[tuple[CommandPart, ...]] = [
            ("HMGET", feedback_key(prefix, user), *names) for user in some
        ]
        for user, reply in zip(some, await store.pipeline("feedback", reads), strict=True):
            rows += _decode_found(user, fields, reply)
    return sorted(rows, key=_order)


def _decode_found(
    user: str, fields: Iterable[tuple[str, str]], reply: Sequence[bytes | None]
) -> list[FeedbackRow]:
    pairs = zip(fields, reply, strict=True)
    return [_decode(kind, user, item, stored) for (kind, item), stored in pairs if stored]


def _decode_all(user: str, reply: Sequence[bytes], kind: str) -> list[FeedbackRow]:
    """Read alternating fields and rows of one user, those of one type or of all."""
    start = _joined(kind, "") if kind else b""
    rows = []
    for name, stored in zip(reply[::2], reply[1::2], strict=True):
        if name.startswith(start):
            of_kind, item = name.decode().split(SEPARATOR, 1)
            rows.append(_decode(of_kind, user, item, stored))
    return rows


def _decode(kind: str, user: str, item: str, stored: bytes) -> FeedbackRow:
    value, at, updated, comment = stored.decode().split(SEPARATOR, 3)
    return FeedbackRow(kind, user, item, float(value), int(at), int(updated), comment)


def _joined(first: str, second: str) -> bytes:
    return f"{first}{SEPARATOR}{second}".encode()


def _order(row: FeedbackRow) -> tuple[bytes, ...]:
    return tuple(part.encode() for part in row.key)


def _is_at_or_after(row: FeedbackRow, start: FeedbackKey) -> bool:
    return _order(row) >= tuple(part.encode() for part in start)
