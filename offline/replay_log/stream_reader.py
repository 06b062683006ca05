"""The streams as they were: read from the archive, and from what the server still has."""

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis

from app.live_catalogue.item_store import decode_item, item_log_key
from app.live_catalogue.live_items import ItemRecord
from app.request_log.answer_record import LogEntry, LogEntryError
from app.request_log.writer import request_log_key
from app.state.streams import EntryId, StreamEntry, StreamPages, parse_id
from offline.archive.files import IdRanges, StreamFiles
from offline.archive.streams import (
    EVENTS,
    IMPRESSIONS,
    REQUEST_LOG,
    ArchivedStream,
    encode_row,
    log_entry,
)

EVENT_PAGE = 5_000  # entries in one read
LOG_PAGE = 500
CONSUMED = {stream.name: stream for stream in (EVENTS, IMPRESSIONS)}


@dataclass(slots=True, eq=False)
class StreamReader:
    """Reads what was written to the streams. It changes nothing."""

    client: redis.Redis
    prefix: str
    archive: Path
    _entries: dict[str, list[StreamEntry]] = field(default_factory=dict, init=False)

    def between(
        self, stream: str, first: str, last: str, after: str | None = None
    ) -> list[StreamEntry]:
        """Return the entries from ``first`` to ``last``, or only those of them after ``after``."""
        entries = self._all_entries(CONSUMED[stream])
        start = bisect_left(entries, parse_id(first), key=_entry_id)
        start = bisect_right(entries, parse_id(after), key=_entry_id) if after else start
        return entries[start : bisect_right(entries, parse_id(last), key=_entry_id)]

    def log_entries(self, limit: int | None = None) -> Iterator[LogEntry]:
        """Yield the request log, newest first: the server's entries, then those archived only."""
        requests: set[str] = set()
        for entry in itertools.islice(self._all_log_entries(), limit):
            if entry.head["request_id"] not in requests:
                requests.add(entry.head["request_id"])
                yield entry

    def find(self, request_id: str) -> LogEntry | None:
        """Return the entry of one answer; None if it is not, or no longer, in the log."""
        entries = (e for e in self.log_entries() if e.head["request_id"] == request_id)
        return next(entries, None)

    def item_changes(self, last: str) -> list[ItemRecord]:
        """Return the changes of items up to ``last`` that the server still has."""
        reply: Any = self.client.xrange(item_log_key(self.prefix), max=last)
        items = (decode_item(fields.get(b"e", b"")) for _, fields in reply)
        return [item for item in items if item]

    def _all_log_entries(self) -> Iterator[LogEntry]:
        oldest = None
        for name, stored in self._server_entries(
            request_log_key(self.prefix), LOG_PAGE, newest=True
        ):
            oldest = parse_id(name)
            entry = _unpack(stored)
            if entry:
                yield entry
        files = StreamFiles(self.archive / REQUEST_LOG.name, REQUEST_LOG)
        for file in reversed(files.files()):
            if oldest is None or file.first < oldest:
                (table,) = files.read([file])
                for row in reversed(table.to_dicts()):
                    if oldest is None or parse_id(row["stream_id"]) < oldest:
                        yield log_entry(row)

    def _all_entries(self, stream: ArchivedStream) -> list[StreamEntry]:
        """Return all entries of a stream, oldest first. They are read once."""
        if stream.name not in self._entries:
            files = StreamFiles(self.archive / stream.name, stream)
            archived = files.files()
            entries = [
                (row["stream_id"].encode(), [b"e", encode_row(stream, row)])
                for table in files.read(archived)
                for row in table.to_dicts()
            ]
            ranges = IdRanges(archived)
            entries += [
                (name, [b"e", stored])
                for name, stored in self._server_entries(stream.key(self.prefix), EVENT_PAGE)
                if parse_id(name) not in ranges
            ]
            self._entries[stream.name] = entries
        return self._entries[stream.name]

    def _server_entries(
        self, key: str, page: int, *, newest: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield id and stored content of the server's entries; the newest first, if requested."""
        pages = StreamPages(key, page, backwards=newest)
        send: Callable[..., Any] = self.client.execute_command
        while entries := send(*pages.command()):
            pages.advance(entries)
            for name, fields in entries:
                yield name, (fields or {}).get(b"e", b"")


def _entry_id(entry: StreamEntry) -> EntryId:
    return parse_id(entry[0])


def _unpack(stored: bytes) -> LogEntry | None:
    try:
        return LogEntry.unpack(stored)
    except LogEntryError:
        return None
