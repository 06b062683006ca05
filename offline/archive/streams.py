"""The archived streams. Convert their entries to rows of a table, and back.

A row has all data of its entry, so that the entry can be restored from it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import orjson
import polars as pl

from app.request_log.answer_record import (
    ARRAY_NAMES,
    LogEntry,
    LogEntryError,
    from_stored,
    to_stored,
)
from app.request_log.writer import request_log_key
from app.state.event_codec import (
    EventEntry,
    Impression,
    decode_entries,
    decode_event,
    decode_impression,
    encode_event,
    encode_impression,
    events_key,
    impressions_key,
)

RawEntry: TypeAlias = tuple[bytes, Mapping[bytes, bytes]]  # id and fields, as redis-py returns them
ArchiveRow: TypeAlias = Mapping[str, Any]

MATRIX_NAMES = ARRAY_NAMES[3:]  # arrays with several numbers for each item
DTYPES = ("<i4", "|i1", "<f4", "<f4", "<i2", "<f4", "<f4")
LISTS_PER_FILE = 200  # entries of the request log: up to 10 MB before they are compressed
EVENTS_PER_FILE = 10_000
EVENT_COLUMNS = {
    "stream_id": pl.String,
    "event_id": pl.String,
    "user": pl.String,
    "item": pl.String,
    "type": pl.String,
    "value": pl.Float64,
    "timestamp": pl.Float64,
    "request_id": pl.String,
    "position": pl.Int32,
    "context": pl.String,  # JSON
    "attributes": pl.String,  # JSON: those of the user at that time that the bundle had segments of
}
IMPRESSION_COLUMNS = {
    "stream_id": pl.String,
    "request_id": pl.String,
    "user": pl.String,
    "items": pl.List(pl.String),
    "scene": pl.String,  # null in files of old releases, as is the next
    "at": pl.Float64,  # unix seconds, when the list was shown
}
REQUEST_LOG_COLUMNS = {
    "stream_id": pl.String,
    "request_id": pl.String,
    "user": pl.String,
    "at": pl.Float64,
    "bundle": pl.String,
    "variant": pl.String,
    "scene": pl.String,
    "items": pl.List(pl.String),
    "rows": pl.List(pl.Int32),
    "slots": pl.List(pl.Int8),
    "propensities": pl.List(pl.Float32),
    "scores": pl.List(pl.Float32),  # item after item, as are the next three
    "ranks": pl.List(pl.Int16),
    "signals": pl.List(pl.Float32),
    "features": pl.List(pl.Float32),
    "told": pl.String,  # JSON: the rest of the entry's head; the name is that of the first release
}
HEAD_COLUMNS = ("request_id", "at", "bundle", "variant", "items")  # fields with their own column


@dataclass(frozen=True, slots=True, eq=False)
class ArchivedStream:
    """One stream of the service, and its table."""

    name: str
    key: Callable[[str], str]  # from the prefix
    columns: Mapping[str, Any]
    decode: Callable[[str, Mapping[bytes, bytes]], ArchiveRow | None]  # None: a foreign entry
    identity: tuple[str, ...]  # columns that are equal when an entry repeats
    max_read: int  # entries in one file

    def frame(self, rows: Sequence[ArchiveRow]) -> pl.DataFrame:
        return pl.DataFrame(list(rows), schema=dict(self.columns), orient="row")


def _decode_event(name: str, fields: Mapping[bytes, bytes]) -> ArchiveRow | None:
    (event,) = decode_entries([fields.get(b"e", b"")], decode_event)
    if event is None:
        return None
    texts = [_json(event.context), _json(event.attributes)]
    return dict(zip(EVENT_COLUMNS, (name, *event[:-2], *texts), strict=True))


def _decode_impression(name: str, fields: Mapping[bytes, bytes]) -> ArchiveRow | None:
    (shown,) = decode_entries([fields.get(b"e", b"")], decode_impression)
    return shown and dict(zip(IMPRESSION_COLUMNS, (name, *shown), strict=True))


def _decode_log_entry(name: str, fields: Mapping[bytes, bytes]) -> ArchiveRow | None:
    try:
        entry = LogEntry.unpack(fields.get(b"e", b""))
    except LogEntryError:
        return None
    head, request = dict(entry.head), entry.head["request"]
    top = {key: head.pop(key) for key in HEAD_COLUMNS}
    flat = {name: entry.arrays[name].ravel().tolist() for name in ARRAY_NAMES}
    head["widths"] = [entry.arrays[name].shape[1] for name in MATRIX_NAMES]
    request_columns = {"stream_id": name, "user": request["user"], "scene": request["scene"]}
    return {**request_columns, **top, **flat, "told": orjson.dumps(to_stored(head)).decode()}


def _json(fields: Mapping[str, Any]) -> str | None:
    return orjson.dumps(dict(fields)).decode() if fields else None


EVENTS = ArchivedStream(
    "events", events_key, EVENT_COLUMNS, _decode_event, ("user", "event_id"), EVENTS_PER_FILE
)
IMPRESSIONS = ArchivedStream(
    "shown",
    impressions_key,
    IMPRESSION_COLUMNS,
    _decode_impression,
    ("request_id",),
    EVENTS_PER_FILE,
)
REQUEST_LOG = ArchivedStream(
    "served",
    request_log_key,
    REQUEST_LOG_COLUMNS,
    _decode_log_entry,
    ("request_id",),
    LISTS_PER_FILE,
)
STREAMS = (EVENTS, IMPRESSIONS, REQUEST_LOG)


def log_head(row: ArchiveRow) -> dict[str, Any]:
    """Return the fields of a request log entry that have no column of their own."""
    return from_stored(orjson.loads(row["told"]))


def log_entry(row: ArchiveRow) -> LogEntry:
    """Return the request log entry of a row.

    Rows of old releases do not contain the widths of their arrays: these stay flat.
    """
    head = log_head(row)
    head |= {key: row[key] for key in HEAD_COLUMNS}
    arrays = {
        name: np.array(row[name], dtype) for name, dtype in zip(ARRAY_NAMES, DTYPES, strict=True)
    }
    for name, width in zip(MATRIX_NAMES, head.pop("widths", None) or (), strict=False):
        arrays[name] = arrays[name].reshape(len(row["items"]), width)
    return LogEntry(head, arrays)


def encode_row(stream: ArchivedStream, row: ArchiveRow) -> bytes:
    """Return the stream entry of a row of events or impressions, for the stream consumer."""
    values = [row[name] for name in stream.columns][1:]
    if stream is not EVENTS:
        request_id, user, items, scene, at = values
        return encode_impression(Impression(request_id, user, items, scene or "", at))
    *event, context, attributes = values
    fields = [orjson.loads(text) if text else {} for text in (context, attributes)]
    return encode_event(EventEntry(*event, *fields))
