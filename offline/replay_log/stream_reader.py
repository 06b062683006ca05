"""The streams as they were, from the archive and from what the server still has."""

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis

from app.catalogue.item_store import decode_item, item_log_key
from app.catalogue.live_items import ItemRecord
from app.request_log.entry_codec import LogEntry as ServedEntry
from app.request_log.entry_codec import LogEntryError
from app.request_log.writer import request_log_key
from app.state.stream_consumer import StreamEntry
from offline.archive.files import Id, IdRanges, StreamFiles, id_of
from offline.archive.streams import EVENTS, SERVED, SHOWS, ArchivedStream, entry_of, said_of

AT_ONCE = 5_000  # entries of the server in one look
FOLLOWED = {stream.name: stream for stream in (EVENTS, SHOWS)}


@dataclass(slots=True, eq=False)
class StreamReader:
    """Reads what was written to the streams; nothing is changed."""

    link: redis.Redis
    prefix: str
    archive: Path
    _entries: dict[str, list[StreamEntry]] = field(default_factory=dict, init=False)

    def between(
        self, stream: str, first: str, last: str, after: str | None = None
    ) -> list[StreamEntry]:
        """Give the entries from ``first`` to ``last``, or only those of them after ``after``."""
        entries = self._followed(FOLLOWED[stream])
        start = bisect_left(entries, id_of(first), key=_id)
        start = bisect_right(entries, id_of(after), key=_id) if after else start
        return entries[start : bisect_right(entries, id_of(last), key=_id)]

    def served(self, limit: int | None = None) -> Iterator[ServedEntry]:
        """Give the served lists, newest first: those of the server, then those archived only."""
        known: set[str] = set()
        for entry in itertools.islice(self._all_served(), limit):
            if entry.head["request_id"] not in known:
                known.add(entry.head["request_id"])
                yield entry

    def items(self, last: str) -> list[ItemRecord]:
        """Give the changes of items up to ``last``, those that the server still has."""
        reply: Any = self.link.xrange(item_log_key(self.prefix), max=last)
        found = (decode_item(fields.get(b"e", b"")) for _, fields in reply)
        return [item for item in found if item]

    def find(self, request_id: str) -> ServedEntry | None:
        """Give the entry of one answer; None: it is not, or no longer, there."""
        for entry in self.served():
            if entry.head["request_id"] == request_id:
                return entry
        return None

    def _all_served(self) -> Iterator[ServedEntry]:
        oldest, end = None, "+"
        while found := self._page(end):
            for name, fields in found:
                oldest = id_of(name.decode())
                entry = _unpacked(fields.get(b"e", b""))
                if entry:
                    yield entry
            end = f"({found[-1][0].decode()}"
        shelf = StreamFiles(self.archive / SERVED.name, SERVED)
        for part in reversed(shelf.parts()):
            if oldest is None or part.first < oldest:
                (table,) = shelf.read([part])
                for row in reversed(table.to_dicts()):
                    if oldest is None or id_of(row["stream_id"]) < oldest:
                        yield entry_of(row)

    def _page(self, end: str) -> list[tuple[bytes, dict[bytes, bytes]]]:
        reply: Any = self.link.xrevrange(request_log_key(self.prefix), max=end, count=500)
        return list(reply)

    def _followed(self, stream: ArchivedStream) -> list[StreamEntry]:
        """Give all entries of a stream, oldest first; read once."""
        if stream.name not in self._entries:
            shelf = StreamFiles(self.archive / stream.name, stream)
            parts = shelf.parts()
            archived = [
                (row["stream_id"].encode(), [b"e", said_of(stream, row)])
                for table in shelf.read(parts)
                for row in table.to_dicts()
            ]
            self._entries[stream.name] = archived + list(self._after(stream, IdRanges(parts)))
        return self._entries[stream.name]

    def _after(self, stream: ArchivedStream, archived: IdRanges) -> Iterator[StreamEntry]:
        """Give the server's entries that are not archived."""
        start = "-"
        while True:
            reply: Any = self.link.xrange(stream.key(self.prefix), min=start, count=AT_ONCE)
            for name, fields in reply:
                if id_of(name.decode()) not in archived:
                    yield name, [b"e", fields.get(b"e", b"")]
            if len(reply) < AT_ONCE:
                return
            start = f"({reply[-1][0].decode()}"


def _id(entry: StreamEntry) -> Id:
    return id_of(entry[0].decode())


def _unpacked(packed: bytes) -> ServedEntry | None:
    try:
        return ServedEntry.unpack(packed)
    except LogEntryError:
        return None
