"""Helpers of all stream readers: ids, pages, the reading loop, lost entries."""

import asyncio
from collections.abc import Sequence
from typing import Any, NoReturn, Protocol, TypeAlias

from app.contracts import StageError
from app.state.store import CommandPart, Store

Command: TypeAlias = tuple[str, *tuple[CommandPart, ...]]  # its name, then its arguments
StreamEntry: TypeAlias = tuple[bytes, list[bytes]]  # id; names and values of the fields in turn
EntryId: TypeAlias = tuple[int, int]  # milliseconds by the server's clock; number within them

MAX_READ = 1_000  # entries of each stream in one read: about 5 ms of a worker's time
BLOCK_MS = 1_000  # the longest time that the server holds a read without new entries
FIRST_PAUSE = 0.05  # seconds before the next attempt after a failure; doubled at each further one


def parse_id(name: str | bytes) -> EntryId:
    """Read an entry's id. The number may be absent: it is 0 then."""
    text = name.decode() if isinstance(name, bytes) else name
    milliseconds, _, number = text.partition("-")
    return int(milliseconds), int(number or 0)


def next_id(name: str | bytes) -> str:
    """Return the lowest id after this one."""
    milliseconds, number = parse_id(name)
    return f"{milliseconds}-{number + 1}"


def seconds_of(name: bytes) -> float:
    """Return when an entry was written, unix seconds by the server's clock."""
    return parse_id(name)[0] / 1000.0


class StreamPages:
    """The position in a stream that is read page by page, in either direction.

    It sends nothing: a caller runs ``command`` with a client of its choice, hands the entries to
    ``advance``, and ends at the first empty page.
    """

    def __init__(
        self, key: str, size: int, *, start: str = "-", end: str = "+", backwards: bool = False
    ) -> None:
        self._key, self._size, self._backwards = key, size, backwards
        self._start, self._end = start, end

    def command(self) -> Command:
        """Return the command that reads the next page."""
        name, bounds = "XRANGE", (self._start, self._end)
        if self._backwards:
            name, bounds = "XREVRANGE", (self._end, self._start)
        return (name, self._key, *bounds, "COUNT", self._size)

    def advance(self, entries: Sequence[tuple[bytes, Any]]) -> None:
        """Continue after the last of these entries."""
        if entries and self._backwards:
            self._end = f"({entries[-1][0].decode()}"
        elif entries:
            self._start = f"({entries[-1][0].decode()}"


class StreamHandler(Protocol):
    """Handles the entries that ``follow_streams`` reads."""

    offsets: dict[bytes, bytes]  # key of each stream: id of the newest entry that was read

    async def prepare(self, connection: Store, /) -> None:
        """Run before the first read, and again after each failure."""
        ...

    def apply_stream(self, key: bytes, entries: Sequence[StreamEntry], /) -> None:
        """Apply the entries of one read of a stream, at least one, in their order."""
        ...

    async def after_read(self, connection: Store, longest: int, /) -> None:
        """Run after each read; ``longest`` is the largest number of entries of one stream."""
        ...

    def record_failure(self, error: StageError) -> None:
        """Record that the store did not answer; the loop tries again after a pause."""
        ...


async def follow_streams(
    store: Store,
    handler: StreamHandler,
    *,
    read_timeout: float,
    max_pause: float,
    block_ms: int = BLOCK_MS,
) -> NoReturn:
    """Read streams from the handler's offsets on, as they grow, until cancelled.

    Args:
        store: of the streams; a connection of its own is used.
        handler: receives the entries; its offsets move on with each read.
        read_timeout: seconds that one read may take, ``block_ms`` included.
        max_pause: seconds between two attempts, at most, while the server fails.
        block_ms: milliseconds for which the server holds a read until there is a new entry.
    """
    pause = FIRST_PAUSE
    async with store.dedicated(read_timeout) as connection:
        while True:
            try:
                await handler.prepare(connection)
                while True:
                    await _read(connection, handler, block_ms)
                    pause = FIRST_PAUSE
            except StageError as error:
                handler.record_failure(error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, max_pause)


async def _read(connection: Store, handler: StreamHandler, block_ms: int) -> None:
    offsets = handler.offsets
    limits: tuple[CommandPart, ...] = ("COUNT", MAX_READ, "BLOCK", block_ms)
    reply = await connection.command("XREAD", *limits, "STREAMS", *offsets, *offsets.values())
    for key, entries in reply or []:
        offsets[key] = entries[-1][0]
        handler.apply_stream(key, entries)
    longest = max((len(entries) for _, entries in reply or []), default=0)
    await handler.after_read(connection, longest)


def count_unread(added: int, length: int, entries_read: int) -> tuple[int, int]:
    """Return how many entries a consumer group has yet to read, and how many it has lost.

    Lost entries were trimmed before the group read them. Then everything that the group has read
    is gone from the stream as well, so that counts alone tell the two apart.

    Args:
        added: entries that were ever added to the stream.
        length: entries that the stream has.
        entries_read: entries that the group has read.
    """
    unread = max(0, added - entries_read)
    lost = max(0, unread - length)
    return unread - lost, lost
