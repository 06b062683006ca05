"""How workers know that an archiver is in use: then they trim no events, it does, behind itself."""

from typing import Any

from app.state.store import Store

GROUP = "archive"
PATIENCE = 7 * 86_400  # seconds without an archiver after which streams are trimmed by length again
UNLIMITED = 2**62  # entries


def archiver_key(prefix: str) -> str:
    """Name the key that is there as long as an archiver is in use."""
    return f"{prefix}:archiver"


def say_in_use(link: Any, prefix: str) -> None:
    """Say that the streams are archived, by a client that waits for its answers."""
    name = archiver_key(prefix)
    if not link.expire(name, PATIENCE):  # which a server whose memory is full takes as well
        link.set(name, GROUP, ex=PATIENCE)


async def is_in_use(store: Store, prefix: str) -> bool:
    """Ask whether an archiver is in use.

    Raises:
        StageError: the store cannot answer.
    """
    return bool(await store.command("EXISTS", archiver_key(prefix)))
