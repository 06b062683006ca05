"""How workers know that an archiver is in use, and whether it keeps up.

Where one is they trim no events: it does, behind itself.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from app.state.store import Store

GROUP = "archive"
IN_USE_TTL = (
    7 * 86_400
)  # seconds without an archiver after which streams are trimmed by length again
UNLIMITED = 2**62  # entries


def archiver_key(prefix: str) -> str:
    """Name the key that is there as long as an archiver is in use."""
    return f"{prefix}:archiver"


def mark_archiver_in_use(link: Any, prefix: str) -> None:
    """Say that the streams are archived, by a client that waits for its answers."""
    name = archiver_key(prefix)
    if not link.expire(name, IN_USE_TTL):  # which a server whose memory is full takes as well
        link.set(name, GROUP, ex=IN_USE_TTL)


async def is_archiver_in_use(store: Store, prefix: str) -> bool:
    """Ask whether an archiver is in use.

    Raises:
        StageError: the store cannot answer.
    """
    return bool(await store.command("EXISTS", archiver_key(prefix)))


class ArchiverLag(NamedTuple):
    """How far the archiver is behind in one stream, in entries."""

    waiting: int  # not read yet
    lost: int  # trimmed before they were read, since its last round


async def read_archiver_lag(store: Store, keys: Mapping[str, str]) -> dict[str, ArchiverLag]:
    """Say how far the archiver is behind, for those of the streams, by name, that it has begun.

    What is lost shows until the archiver comes back: it says so once, and goes on after the gap.

    Raises:
        StageError: the store cannot answer.
    """
    there = await store.pipeline("archiver", [("EXISTS", key) for key in keys.values()])
    names = [name for name, is_there in zip(keys, there, strict=True) if is_there]
    asked = [("XINFO", about, keys[name]) for name in names for about in ("STREAM", "GROUPS")]
    told = await store.pipeline("archiver", asked) if asked else []
    found = {}
    for name, stream, groups in zip(names, told[::2], told[1::2], strict=True):
        group = next((g for g in map(_pairs, groups) if g[b"name"] == GROUP.encode()), None)
        if group and group[b"entries-read"] is not None:  # None: the server cannot tell
            found[name] = _behind(_pairs(stream), group[b"entries-read"])
    return found


def _behind(stream: Mapping[bytes, Any], read: int) -> ArchiverLag:
    """Compare counts: were entries lost, then all that were read are gone from the stream too."""
    unread = max(0, stream[b"entries-added"] - read)
    lost = max(0, unread - stream[b"length"])
    return ArchiverLag(unread - lost, lost)


def _pairs(told: Sequence[Any]) -> dict[bytes, Any]:
    return dict(zip(told[::2], told[1::2], strict=True))
