"""What is archived: each stream, and how its entries become the rows of a table.

A row has all that its entry says, so that the entry can be made of it again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import orjson
import polars as pl

from app.request_log.answer_record import ARRAY_NAMES
from app.request_log.entry_codec import LogEntry, LogEntryError
from app.request_log.writer import request_log_key
from app.state.event_codec import events_key
from app.state.impressions import impressions_key
from app.state.stream_consumer import EVENT_SHAPE, IMPRESSION_SHAPE, EntryShape, entry_attributes

RawEntry: TypeAlias = tuple[bytes, Mapping[bytes, bytes]]  # id, and fields, as the server says them
ArchiveRow: TypeAlias = Mapping[str, Any]

WIDE = ARRAY_NAMES[3:]  # those that have several numbers an item
KINDS = ("<i4", "|i1", "<f4", "<f4", "<i2", "<f4", "<f4")
LISTS_AT_ONCE = 200  # served lists in one file: up to 10 MB before they are compressed
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
    "context": pl.String,
    "attributes": pl.String,  # JSON: those of the user by then that the bundle had segments of
}
SHOWN_COLUMNS = {
    "stream_id": pl.String,
    "request_id": pl.String,
    "user": pl.String,
    "items": pl.List(pl.String),
    "scene": pl.String,  # null in files of before it was kept
    "at": pl.Float64,  # unix seconds, when it was shown; the same
}
SERVED_COLUMNS = {
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
    "scores": pl.List(pl.Float32),  # those of one item after the other, as are the next three
    "ranks": pl.List(pl.Int16),
    "signals": pl.List(pl.Float32),
    "features": pl.List(pl.Float32),
    "told": pl.String,  # JSON: all the rest
}


@dataclass(frozen=True, slots=True, eq=False)
class ArchivedStream:
    """One stream of the service, and its table."""

    name: str
    key: Callable[[str], str]  # from the prefix
    columns: Mapping[str, Any]
    row: Callable[
        [str, Mapping[bytes, bytes]], ArchiveRow | None
    ]  # None: the entry is none of ours
    identity: tuple[str, ...]  # columns that are the same when an entry repeats
    at_once: int  # entries in one file

    def frame(self, entries: Sequence[ArchiveRow]) -> pl.DataFrame:
        """Make a table of rows."""
        return pl.DataFrame(list(entries), schema=dict(self.columns), orient="row")


def _event(name: str, fields: Mapping[bytes, bytes]) -> ArchiveRow | None:
    said = _parsed(fields, EVENT_SHAPE)
    if said is None:
        return None
    position, context = (*said[7:9], None, None)[:2]
    texts = [_json(context), _json(entry_attributes(said))]
    return dict(zip(EVENT_COLUMNS, (name, *said[:7], position, *texts), strict=True))


def _json(told: Mapping[str, Any] | None) -> str | None:
    return orjson.dumps(told).decode() if told else None


def _shown(name: str, fields: Mapping[bytes, bytes]) -> ArchiveRow | None:
    said = _parsed(fields, IMPRESSION_SHAPE)
    if said is None:
        return None
    scene = said[3] if len(said) > 3 and isinstance(said[3], str) else ""  # noqa: PLR2004
    at = said[4] if len(said) > 4 and isinstance(said[4], float) else None  # noqa: PLR2004
    return dict(zip(SHOWN_COLUMNS, (name, *said[:3], scene, at), strict=True))


def _parsed(fields: Mapping[bytes, bytes], shape: EntryShape) -> list[Any] | None:
    try:
        said = orjson.loads(fields.get(b"e", b""))
    except orjson.JSONDecodeError:
        return None
    ours = isinstance(said, list) and len(said) >= len(shape)
    return said if ours and all(map(isinstance, said, shape)) else None


def _served(name: str, fields: Mapping[bytes, bytes]) -> ArchiveRow | None:
    try:
        entry = LogEntry.unpack(fields.get(b"e", b""))
    except LogEntryError:
        return None
    told, asked = dict(entry.head), entry.head["asked"]
    top = {key: told.pop(key) for key in ("request_id", "at", "bundle", "variant", "items")}
    flat = {name: entry.arrays[name].ravel().tolist() for name in ARRAY_NAMES}
    told["widths"] = [entry.arrays[name].shape[1] for name in WIDE]
    users = {"stream_id": name, "user": asked["user"], "scene": asked["scene"]}
    return {**users, **top, **flat, "told": orjson.dumps(told).decode()}


EVENTS = ArchivedStream("events", events_key, EVENT_COLUMNS, _event, ("user", "event_id"), 10_000)
SHOWS = ArchivedStream("shown", impressions_key, SHOWN_COLUMNS, _shown, ("request_id",), 10_000)
SERVED = ArchivedStream(
    "served", request_log_key, SERVED_COLUMNS, _served, ("request_id",), LISTS_AT_ONCE
)
STREAMS = (EVENTS, SHOWS, SERVED)


def entry_of(row: ArchiveRow) -> LogEntry:
    """Make a served list's entry of its row again.

    Of a row that does not say how wide its arrays are, which old ones do not, they stay flat.
    """
    told = orjson.loads(row["told"])
    told |= {key: row[key] for key in ("request_id", "at", "bundle", "variant", "items")}
    arrays = {
        name: np.array(row[name], kind) for name, kind in zip(ARRAY_NAMES, KINDS, strict=True)
    }
    for name, width in zip(WIDE, told.pop("widths", None) or (), strict=False):
        arrays[name] = arrays[name].reshape(len(row["items"]), width)
    return LogEntry(told, arrays)


def said_of(stream: ArchivedStream, row: ArchiveRow) -> bytes:
    """Give what the entry of an event or of a shown list says to those who follow."""
    said = [row[name] for name in stream.columns][1:]
    if stream is not EVENTS:
        return orjson.dumps(said[:4])
    *event, context, attributes = said
    kept = [orjson.loads(text) if text else {} for text in (context, attributes)]
    return orjson.dumps([*event, *(kept if attributes else kept[:1])])
