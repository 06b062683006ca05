"""The memory of a user in the store, as the server reports it.

python -m benchmarks.memory
"""

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from app.contracts import Blocked
from app.process.embedded_server import embedded_server
from app.state.event_codec import Event
from app.state.event_writer import append_events, marks_keys
from app.state.store import Store
from app.state.user_store import (
    attributes_key,
    blocked_key,
    friends_key,
    hidden_key,
    history_key,
    recently_shown_commands,
    recently_shown_key,
    write_attributes,
    write_blocked,
    write_friends,
)

PREFIX, NOW, ITEMS, SEED = "recfunnel", 1_790_000_000.0, 100_000, 7
FRIENDS, SHOWN, HIDDEN = 20, 100, 3
GIB = 2**30
KEYS_OF_PART: dict[str, Callable[[str, str], list[str]]] = {
    "history": lambda prefix, user: [history_key(prefix, user)],
    "ids of events": marks_keys,
    "hidden items": lambda prefix, user: [hidden_key(prefix, user)],
    "attributes": lambda prefix, user: [attributes_key(prefix, user)],
    "friends": lambda prefix, user: [friends_key(prefix, user)],
    "blocked": lambda prefix, user: [blocked_key(prefix, user)],
    "shown lately": lambda prefix, user: [recently_shown_key(prefix, user)],
}


async def write_user(store: Store, user: str, events: int, random: np.random.Generator) -> None:
    """Write a user with something in every part."""
    items = [f"i{n}" for n in random.integers(0, ITEMS, events + SHOWN).tolist()]
    written = [
        Event(
            uuid4().hex,
            user,
            item,
            "hide" if n < HIDDEN else ("view", "click", "purchase")[n % 3],
            timestamp=NOW + 61.7 * n,
        )
        for n, item in enumerate(items[:events])
    ]
    await append_events(store, PREFIX, written)
    await write_attributes(store, PREFIX, user, {"age": "24", "gender": "F", "country": "AT"})
    await write_friends(store, PREFIX, user, [uuid4().hex for _ in range(FRIENDS)])
    await write_blocked(store, PREFIX, user, Blocked(("i1", "i2"), ("acme",), ("horror",)))
    await store.pipeline("shown", recently_shown_commands(PREFIX, user, items[events:], SHOWN))


async def measure_bytes(url: str, users: int, events: int) -> dict[str, float]:
    """Return the bytes of each part of a user, mean of ``users``, and the growth of the server.

    The growth is measured without the stream of events, whose size is bounded for all users.
    """
    random = np.random.default_rng(SEED)
    names = [uuid4().hex for _ in range(users)]
    async with Store.connect(url, timeout=30.0) as store:
        before = await _used(store)
        for name in names:
            await write_user(store, name, events, random)
        sizes = {
            part: sum([await _size(store, key) for user in names for key in keys(PREFIX, user)])
            / users
            for part, keys in KEYS_OF_PART.items()
        }
        await store.command("DEL", f"{PREFIX}:events")
        growth = (await _used(store) - before) / users
    return {
        **sizes,
        "all, by MEMORY USAGE": sum(sizes.values()),
        "all, by growth of the server": growth,
    }


async def _size(store: Store, key: str) -> int:
    return int(await store.command("MEMORY", "USAGE", key, "SAMPLES", 0) or 0)


async def _used(store: Store) -> int:
    info = await store.command("INFO", "memory")
    return int(info.split(b"used_memory:")[1].split()[0])


def main(
    users: Annotated[int, typer.Option(help="Users to write.", min=1)] = 500,
    events: Annotated[int, typer.Option(help="Events of each user.", min=HIDDEN)] = 200,
) -> None:
    """Write users to a server of our own, and print the bytes of each part."""
    with tempfile.TemporaryDirectory() as folder, embedded_server(Path(folder)) as url:
        sizes = asyncio.run(measure_bytes(url, users, events))
    table = Table("a user of", f"{events} events", title="Bytes in the store")
    for part, size in sizes.items():
        table.add_row(part, f"{size:,.0f}")
    table.add_row("users in 1 GiB", f"{GIB / sizes['all, by growth of the server']:,.0f}")
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
