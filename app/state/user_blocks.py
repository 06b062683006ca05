"""What each user never wants to see, as the store keeps it: one value under the user's hash tag."""

import orjson

from app.contracts import NOTHING_BLOCKED, Blocked
from app.state.keys import user_key
from app.state.store import Store

MAX_BLOCKED = 1_000  # items, providers and categories together


def blocked_key(prefix: str, user: str) -> str:
    """Name what a user has blocked; under the user's hash tag."""
    return user_key(prefix, user, "b")


def encode_blocked(blocked: Blocked) -> bytes:
    """Give the value to keep."""
    return orjson.dumps([blocked.items, blocked.providers, blocked.categories])


def decode_blocked(value: bytes | None) -> Blocked:
    """Read a kept value; None has nothing blocked."""
    if value is None:
        return NOTHING_BLOCKED
    return Blocked(*map(tuple, orjson.loads(value)))


async def write_blocked(store: Store, prefix: str, user: str, blocked: Blocked) -> None:
    """Replace what the user has blocked.

    Raises:
        StageError: the store did not confirm it.
    """
    key = blocked_key(prefix, user)
    if blocked:
        await store.command("SET", key, encode_blocked(blocked))
    else:
        await store.command("DEL", key)


async def read_blocked(store: Store, prefix: str, user: str) -> Blocked:
    """Give what the user has blocked.

    Raises:
        StageError: the store cannot answer.
    """
    return decode_blocked(await store.command("GET", blocked_key(prefix, user)))
