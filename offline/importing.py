"""``recfunnel events import``: what users did, from a file into a running service, each once.

Events go to ``POST /events`` in batches, so the service's own rules hold, with its embedded store
too. Each has an id made of what it says; a note beside the file says how far the import came. Both
together make that a killed import can be started again: at most a batch is sent twice, and known.
"""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

import httpx
import orjson
import polars as pl
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from offline.data.atomic import replacing
from offline.data.errors import DataError
from offline.data.interactions import check
from offline.data.layouts import find_layout
from offline.data.loading import load
from offline.data.readers import write_bad
from offline.data.table import LINE

BATCH = 1_000
PATIENCE = 60.0  # seconds for which a service that is busy or away is asked again
ANSWER_WITHIN = 30.0  # seconds
BUSY = 503
NOTE, BAD = ".imported.json", ".bad_rows.csv"  # behind the file's name
EVENT_ID = "event_id"  # a column of this name is taken for what it is


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """The events of one file, in its order, and what cannot be used."""

    path: Path
    events: pl.DataFrame  # event_id, user, item, kind, value, time (null: none)
    bad: pl.DataFrame  # file, line, reason, text
    digest: str  # of the file's content

    def batches(self, start: int) -> Iterator[list[dict[str, Any]]]:
        """Give the events from ``start`` on as the service takes them."""
        for at in range(start, len(self.events), BATCH):
            yield [
                {
                    "event_id": name,
                    "user_id": user,
                    "item_id": item,
                    "type": kind,
                    "value": value,
                    **({} if moment is None else {"timestamp": moment}),
                }
                for name, user, item, kind, value, moment in self.events[at : at + BATCH].rows()
            ]


@dataclass(slots=True)
class Outcome:
    """What became of the events so far."""

    done: int = 0  # events of the file that were answered
    accepted: int = 0
    duplicates: int = 0
    refused: Counter[str] = field(default_factory=Counter)  # by reason


def read_source(path: Path, schema: Path | None) -> Source:
    """Read a file or folder of interactions, as ``train`` would.

    Raises:
        DataError: there is nothing to read, or we do not understand how it is laid out.
    """
    folder, layout = find_layout(path, schema)
    table, part = load(folder, layout.interactions)
    checked = check(table, part, layout)
    frame, file = checked.table.frame, folder / (part.file or "")
    told = [pl.col(name) for name in ("user", "item", "kind", "value")]
    moment = pl.col("time") if checked.timed else pl.lit(None, pl.Float64)
    names = [
        blake2b(repr(row).encode(), digest_size=16).hexdigest()
        for row in frame.select(*told, "time" if checked.timed else LINE).rows()
    ]
    events = frame.select(pl.Series(EVENT_ID, names, pl.String), *told, moment.alias("time"), LINE)
    if EVENT_ID in table.columns:
        own = table.frame.select(LINE, pl.col(EVENT_ID).alias("own"))
        events = events.join(own, on=LINE, how="left", maintain_order="left")
        events = events.with_columns(pl.coalesce("own", EVENT_ID).alias(EVENT_ID)).drop("own")
    digest = blake2b(file.read_bytes(), digest_size=16).hexdigest()
    return Source(file, events.drop(LINE), checked.table.bad, digest)


def import_events(source: Source, url: str, console: Console) -> Outcome:
    """Send what was not sent before, and note after each batch how far it came.

    Raises:
        DataError: the service cannot be reached, or does not take events.
    """
    note = source.path.with_name(source.path.name + NOTE)
    outcome = Outcome(_noted(note, source, url))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with (
        httpx.Client(base_url=url, timeout=ANSWER_WITHIN, trust_env=False) as client,
        Progress(*columns, TimeRemainingColumn(), console=console) as progress,
    ):
        bar = progress.add_task("Importing", total=len(source.events), completed=outcome.done)
        for batch in source.batches(outcome.done):
            _count(outcome, batch, _sent(client, batch))
            _write_note(note, source, url, outcome.done)
            progress.update(bar, completed=outcome.done)
    return outcome


def _sent(client: httpx.Client, batch: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Send one batch, again while the service is busy or away.

    Raises:
        DataError: it stays so, or refuses all of it.
    """
    give_up, body = time.monotonic() + PATIENCE, orjson.dumps(batch)
    said = {"Content-Type": "application/json"}
    while True:
        try:
            answer = client.post("/events", params={"partial": True}, content=body, headers=said)
        except httpx.TransportError as error:
            why = f"{client.base_url} cannot be reached ({error})"
        else:
            told: dict[str, Any] = answer.json()
            if answer.is_success:
                return told
            why = f"the service does not take events: {told['error']['message']}"
            if answer.status_code != BUSY:
                return {"refused": [{"message": told["error"]["message"]}] * len(batch)}
        if time.monotonic() > give_up:
            raise DataError(f"{why}; run the same command again to go on.")
        time.sleep(0.5)


def _count(outcome: Outcome, batch: Sequence[Any], told: dict[str, Any]) -> None:
    outcome.done += len(batch)
    outcome.accepted += told.get("accepted", 0)
    outcome.duplicates += told.get("duplicates", 0)
    outcome.refused.update(one["message"] for one in told.get("refused", []))


def _noted(note: Path, source: Source, url: str) -> int:
    """Give how many events of this file the service at ``url`` has had."""
    try:
        told = orjson.loads(note.read_bytes())
        is_same = told["file"] == source.digest and told["url"] == url
        return int(told["done"]) if is_same else 0
    except (FileNotFoundError, ValueError, LookupError, TypeError):
        return 0


def _write_note(note: Path, source: Source, url: str, done: int) -> None:
    with replacing(note) as part:
        part.write_bytes(orjson.dumps({"file": source.digest, "url": url, "done": done}))


def command(path: Path, url: str, schema: Path | None) -> None:
    """Import a file and print what became of it.

    Raises:
        DataError: it cannot be read, or the service cannot be reached.
    """
    console = Console()
    source = read_source(path, schema)
    if len(source.bad):
        aside = source.path.with_name(source.path.name + BAD)
        write_bad(source.bad, aside)
        console.print(f"{len(source.bad)} rows cannot be used; see {aside}", soft_wrap=True)
    outcome = import_events(source, url.rstrip("/"), console)
    console.print(
        f"{outcome.accepted} events are new, {outcome.duplicates} the service has had, "
        f"{outcome.refused.total()} it refused."
    )
    for reason, n in outcome.refused.most_common(5):
        console.print(f"  {n} refused: {reason}", soft_wrap=True, markup=False)
