"""A file of events, read as ``POST /events`` takes them: for ``recfunnel events import``.

Columns are found as training finds them, and what only the service can judge, such as types, is
left to it. Each event has an id of its own or one made of what it says.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from offline.data.interactions import read_raw_events
from offline.data.layouts import find_layout
from offline.data.loading import load_file
from offline.data.schema import InteractionsFile
from offline.data.table import LINE, TextTable

BATCH = 1_000
EVENT_ID, REQUEST_ID, POSITION, CONTEXT = "event_id", "request_id", "position", "context"
JSON_COLUMNS = (POSITION, CONTEXT)  # JSON, where a column of that name holds it
OPTIONAL_COLUMNS = (
    EVENT_ID,
    REQUEST_ID,
    *JSON_COLUMNS,
)  # columns of these names are taken for what they are


@dataclass(frozen=True, slots=True, eq=False)
class EventFile:
    """The events of one file, in its order, and what cannot be used."""

    path: Path
    events: pl.DataFrame  # user, item, kind, value, time, line, and OWN as text; null: not told
    bad: pl.DataFrame  # file, line, reason, text
    digest: str  # of the file's content

    def batches(self, start: int) -> Iterator[list[dict[str, Any]]]:
        """Give the events from ``start`` on as the service takes them."""
        for at in range(start, len(self.events), BATCH):
            yield [_body(row) for row in self.events[at : at + BATCH].iter_rows(named=True)]


def read_event_file(path: Path, schema: Path | None) -> EventFile:
    """Read a file or folder of interactions.

    Raises:
        DataError: there is nothing to read, or we do not understand how it is laid out.
    """
    folder, layout = find_layout(path, schema)
    table, part = load_file(folder, layout.interactions)
    sound = read_raw_events(table, part)
    frame = sound.frame.select("user", "item", "kind", "value", "time", LINE)
    events = frame.join(_own(table, part), on=LINE, how="left", maintain_order="left")
    names = [
        name or _digest(row, line)
        for name, line, *row in events.select(
            EVENT_ID, LINE, "user", "item", "kind", "value", "time", REQUEST_ID, *JSON_COLUMNS
        ).rows()
    ]
    file = folder / (part.file or "")
    named = events.with_columns(pl.Series(EVENT_ID, names, pl.String))
    digest = blake2b(file.read_bytes(), digest_size=16).hexdigest()
    return EventFile(file, named, sound.bad, digest)


def _own(table: TextTable, part: InteractionsFile) -> pl.DataFrame:
    """Give the columns of OWN as text, null where the file has none or uses it otherwise."""
    free = set(table.columns) - set(part.model_dump(include={"user", "item", "value"}).values())
    return table.frame.select(
        LINE,
        *(pl.col(c) if c in free else pl.lit(None, pl.String).alias(c) for c in OPTIONAL_COLUMNS),
    )


def _digest(row: list[Any], line: int) -> str:
    """Make an event's id: of all that it says, and where it says no time of its line."""
    *says, time, request, position, context = row
    said = [*says, line if time is None else time]
    shown = [one for one in (request, position, context) if one is not None]
    return blake2b(repr((*said, *shown)).encode(), digest_size=16).hexdigest()


def _body(row: dict[str, Any]) -> dict[str, Any]:
    told = {
        EVENT_ID: row[EVENT_ID],
        "user_id": row["user"],
        "item_id": row["item"],
        "type": row["kind"],
        "value": row["value"],
        "timestamp": row["time"],
        REQUEST_ID: row[REQUEST_ID],
        **{name: _plain(row[name]) for name in JSON_COLUMNS},
    }
    return {name: value for name, value in told.items() if value is not None}


def _plain(text: str | None) -> Any:
    """Read JSON; what is none goes as it is, for the service to say what is wrong with it."""
    if text is None:
        return None
    with suppress(orjson.JSONDecodeError):
        found = orjson.loads(text)
        if isinstance(found, dict):  # a Parquet struct has a null for each name that is not told
            return {name: value for name, value in found.items() if value is not None}
        return found
    return text
