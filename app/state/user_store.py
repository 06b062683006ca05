"""What is told of each user beside events: attributes, friends, and that they were erased."""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

import orjson

from app.state.keys import user_key
from app.state.store import Store

MAX_FRIENDS = 500
MAX_ATTRIBUTES = 50


def attributes_key(prefix: str, user: str) -> str:
    """Name a user's attributes."""
    return user_key(prefix, user, "a")


def friends_key(prefix: str, user: str) -> str:
    """Name a user's friends."""
    return user_key(prefix, user, "f")


def erased_key(prefix: str, user: str) -> str:
    """Name the note that a user was erased; it does not say who it was.

    So it is not under the user's hash tag, and is never in one command with keys that are.
    """
    return f"{prefix}:erased:{user_digest(user)}"


def user_digest(user: str) -> str:
    """Give what stands for a user who was erased. Whoever tries every id finds whose it is."""
    return blake2b(user.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def decode_attributes(value: bytes | None) -> dict[str, str]:
    """Read kept attributes; None has none."""
    found: dict[str, str] = orjson.loads(value) if value else {}
    return found


def decode_friends(value: bytes | None) -> tuple[str, ...]:
    """Read kept friends; None has none."""
    return tuple(orjson.loads(value)) if value else ()


async def write_attributes(
    store: Store, prefix: str, user: str, attributes: Mapping[str, str]
) -> None:
    """Replace what is known of the user.

    Raises:
        StageError: the store did not confirm it.
    """
    await _write(store, attributes_key(prefix, user), dict(attributes))


async def write_friends(store: Store, prefix: str, user: str, friends: Sequence[str]) -> None:
    """Replace the user's friends.

    Raises:
        StageError: the store did not confirm it.
    """
    await _write(store, friends_key(prefix, user), list(friends))


async def _write(store: Store, key: str, told: Any) -> None:
    if told:
        await store.command("SET", key, orjson.dumps(told))
    else:
        await store.command("DEL", key)
