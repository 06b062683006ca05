"""Find out whether an archiver is in use, and how many entries it has yet to read.

While one is in use, workers do not trim the stream of events: the archiver trims what it has
archived. Workers always limit the streams of impressions and answers.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from app.state.store import Store
from app.state.streams import count_unread

GROUP = "archive"
IN_USE_TTL = 7 * 86_400  # seconds without an archiver until events are trimmed by length again
UNLIMITED = 2**62  # entries


def archiver_key(prefix: str) -> str:
    """Return the key that exists as long as an archiver is in use."""
    return f"{prefix}:archiver"


def mark_archiver_in_use(client: Any, prefix: str) -> None:
    """Record that the streams are archived, with a synchronous Redis client."""
    name = archiver_key(prefix)
    if not client.expire(name, IN_USE_TTL):  # a server whose memory is full accepts this as well
        client.set(name, GROUP, ex=IN_USE_TTL)


async def is_archiver_in_use(store: Store, prefix: str) -> bool:
    """Return whether an archiver is in use."""
    return bool(await store.command("EXISTS", archiver_key(prefix)))


class ArchiverLag(NamedTuple):
    """The numbers of entries of one stream that the archiver has not read."""

    waiting: int  # not yet read
    lost: int  # trimmed since its last round, before they were read


async def read_archiver_lag(store: Store, keys: Mapping[str, str]) -> dict[str, ArchiverLag]:
    """Return the archiver's lag by stream, for those streams that it has started to read.

    Lost entries are reported until the archiver comes back. It then logs them once, and continues
    after the gap.

    Args:
        store: the store that holds the streams.
        keys: the key of each stream, by name.
    """
    exist = await store.pipeline("archiver", [("EXISTS", key) for key in keys.values()])
    names = [name for name, exists in zip(keys, exist, strict=True) if exists]
    commands = [("XINFO", about, keys[name]) for name in names for about in ("STREAM", "GROUPS")]
    replies = await store.pipeline("archiver", commands) if commands else []
    lags = {}
    for name, stream, groups in zip(names, replies[::2], replies[1::2], strict=True):
        info = _pairs(stream)
        group = next((g for g in map(_pairs, groups) if g[b"name"] == GROUP.encode()), None)
        if group and group[b"entries-read"] is not None:  # None: the server does not know
            counts = (info[b"entries-added"], info[b"length"], group[b"entries-read"])
            lags[name] = ArchiverLag(*count_unread(*counts))
    return lags


def _pairs(reply: Sequence[Any]) -> dict[bytes, Any]:
    return dict(zip(reply[::2], reply[1::2], strict=True))
