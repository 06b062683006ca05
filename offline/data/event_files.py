"""Read a file of events for ``recfunnel events import``, in the form of ``POST /events``.

Columns are resolved as in training. Only the service checks event types. An event without an id
gets one that is computed from its content.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from offline.data.errors import DataError
from offline.data.formats.sources import read_sources
from offline.data.interactions import read_raw_events
from offline.data.layouts import find_layout
from offline.data.logs import load_logs
from offline.data.repeats import EVENT_ID
from offline.data.schema import InteractionsFile
from offline.data.table import FILE, LINE, TextTable

BATCH = 1_000
REQUEST_ID, POSITION, CONTEXT = "request_id", "position", "context"
JSON_COLUMNS = (POSITION, CONTEXT)  # their text is read as JSON
OPTIONAL_COLUMNS = (
    EVENT_ID,
    REQUEST_ID,
    *JSON_COLUMNS,
)  # columns with these names are read


@dataclass(frozen=True, slots=True, eq=False)
class EventFile:
    """The events of one file, in its order, and the rows that cannot be used."""

    path: Path
    events: pl.DataFrame  # user, item, kind, value, time, line, and OWN as text; null: none
    bad: pl.DataFrame  # file, line, reason, text
    digest: str  # digest of the file's content

    def batches(self, start: int) -> Iterator[list[dict[str, Any]]]:
        """Yield batches of the events from ``start`` on, as the service accepts them."""
        for at in range(start, len(self.events), BATCH):
            yield [_event_body(row) for row in self.events[at : at + BATCH].iter_rows(named=True)]


def read_event_file(
    path: Path, schema: Path | None, now: Callable[[], float] = time.time
) -> EventFile:
    """Read a file or folder of interactions. Rows later than ``now``, unix seconds, are bad.

    Raises:
        DataError: There is nothing to read, or the layout is unknown.
    """
    folder, layout = find_layout(path, schema)
    if layout.interactions.file is None:
        raise DataError(f"{path} has items and no interactions: there are no events to send.")
    moment, part = now(), layout.interactions
    logs = [_read_log(table, resolved, moment) for table, resolved in load_logs(folder, part)]
    digest = blake2b(digest_size=16)
    for name in part.files:
        for source in read_sources(folder, name):
            digest.update(source.content)
    return EventFile(
        folder / part.files[0],
        pl.concat([events for events, _ in logs]),
        pl.concat([bad for _, bad in logs]),
        digest.hexdigest(),
    )


def _read_log(
    table: TextTable, part: InteractionsFile, now: float
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the events of one log, each with an id, and its bad rows."""
    sound = read_raw_events(table, part, now)
    row = [LINE, *(FILE for _ in range(FILE in table.frame.columns))]  # they name a row
    frame = sound.frame.select("user", "item", "kind", "value", "time", *row)
    events = frame.join(
        _optional_columns(table, part, row), on=row, how="left", maintain_order="left"
    )
    content = ("user", "item", "kind", "value", "time", REQUEST_ID, *JSON_COLUMNS)
    earlier = pl.int_range(pl.len()).over(content).alias("#earlier")  # equal events before it
    place = pl.concat_str(*row, separator=" ").alias("#place") if len(row) > 1 else pl.col(LINE)
    names = [
        name or _event_id(fields, line, earlier)
        for name, line, earlier, *fields in events.select(EVENT_ID, place, earlier, *content).rows()
    ]
    named = events.with_columns(pl.Series(EVENT_ID, names, pl.String))
    return named.drop(FILE, strict=False), sound.bad


def _optional_columns(table: TextTable, part: InteractionsFile, row: list[str]) -> pl.DataFrame:
    """Return OPTIONAL_COLUMNS as text; null where the file has none or another use for it."""
    free = set(table.columns) - set(part.model_dump(include={"user", "item", "value"}).values())
    return table.frame.select(
        *row,
        *(pl.col(c) if c in free else pl.lit(None, pl.String).alias(c) for c in OPTIONAL_COLUMNS),
    )


def _event_id(row: list[Any], line: int | str, earlier: int) -> str:
    """Compute the id of an event from its content, and from its line if it has no time.

    Two purchases of one item on one day have different ids if the file has only dates: ``earlier``
    is the number of equal events before this one.
    """
    *content, time, request, position, context = row
    content += [line if time is None else time]
    optional = [value for value in (request, position, context) if value is not None]
    optional += [f"again {earlier}"] if earlier and time is not None else []
    return blake2b(repr((*content, *optional)).encode(), digest_size=16).hexdigest()


def _event_body(row: dict[str, Any]) -> dict[str, Any]:
    body = {
        EVENT_ID: row[EVENT_ID],
        "user_id": row["user"],
        "item_id": row["item"],
        "type": row["kind"],
        "value": row["value"],
        "timestamp": row["time"],
        REQUEST_ID: row[REQUEST_ID],
        **{name: _parse_json(row[name]) for name in JSON_COLUMNS},
    }
    return {name: value for name, value in body.items() if value is not None}


def _parse_json(text: str | None) -> Any:
    """Parse JSON. Return other text unchanged, so that the service can report it."""
    if text is None:
        return None
    with suppress(orjson.JSONDecodeError):
        parsed = orjson.loads(text)
        if isinstance(parsed, dict):  # a Parquet struct has null for each missing name
            return {name: value for name, value in parsed.items() if value is not None}
        return parsed
    return text
