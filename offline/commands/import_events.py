"""``recfunnel events import``: what users did, from a file into a running service, each once.

Events go to ``POST /events`` in batches, so the service's own rules hold, with its embedded store
too. Each has an id, see ``event_files``; a note beside the file says how far the import came.
With both a killed import can be started again: at most a batch is sent twice, and known.
"""

import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from offline.data.atomic import atomic_path
from offline.data.errors import DataError
from offline.data.event_files import EventFile, read_event_file
from offline.data.readers import write_bad_rows

PATIENCE = 60.0  # seconds for which a service that is busy or away is asked again
ANSWER_WITHIN = 30.0  # seconds
FAILED = 500  # and above: of the service, or of what stands before it; asked again
NOTE, BAD = ".imported.json", ".bad_rows.csv"  # behind the file's name


@dataclass(slots=True)
class ImportResult:
    """What became of the events so far."""

    done: int = 0  # events of the file that were answered
    accepted: int = 0
    duplicates: int = 0
    refused: Counter[str] = field(default_factory=Counter)  # by reason


def import_events(file: EventFile, url: str, console: Console) -> ImportResult:
    """Send what was not sent before, and note after each batch how far it came.

    Raises:
        DataError: the service cannot be reached, or does not take events.
    """
    note = file.path.with_name(file.path.name + NOTE)
    outcome = ImportResult(_noted(note, file, url))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with (
        httpx.Client(base_url=url, timeout=ANSWER_WITHIN, trust_env=False) as client,
        Progress(*columns, TimeRemainingColumn(), console=console) as progress,
    ):
        bar = progress.add_task("Importing", total=len(file.events), completed=outcome.done)
        for batch in file.batches(outcome.done):
            _count(outcome, batch, _sent(client, batch))
            _write_note(note, file, url, outcome.done)
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
            told, why = _read(answer)
            if told and (answer.is_success or answer.status_code < FAILED):
                return told if answer.is_success else {"refused": [{"message": why}] * len(batch)}
            if answer.status_code < FAILED:
                raise DataError(f"{why}; is {client.base_url} the address of a service?")
        if time.monotonic() > give_up:
            raise DataError(f"{why}; run the same command again to go on.")
        time.sleep(0.5)


def _read(answer: httpx.Response) -> tuple[dict[str, Any], str]:
    """Give what the service says, nothing where it was not the service, and why it refuses."""
    with suppress(ValueError, LookupError, TypeError):
        told: dict[str, Any] = answer.json()
        if answer.is_success:
            return {"accepted": told["accepted"], **told}, ""
        return told, f"the service does not take events: {told['error']['message']}"
    return {}, f"{answer.url.host} answers {answer.status_code} with what is not the service's"


def _count(outcome: ImportResult, batch: Sequence[Any], told: dict[str, Any]) -> None:
    outcome.done += len(batch)
    outcome.accepted += told.get("accepted", 0)
    outcome.duplicates += told.get("duplicates", 0)
    outcome.refused.update(one["message"] for one in told.get("refused", []))


def _noted(note: Path, source: EventFile, url: str) -> int:
    """Give how many events of this file the service at ``url`` has had."""
    try:
        told = orjson.loads(note.read_bytes())
        is_same = told["file"] == source.digest and told["url"] == url
        return int(told["done"]) if is_same else 0
    except (FileNotFoundError, ValueError, LookupError, TypeError):
        return 0


def _write_note(note: Path, source: EventFile, url: str, done: int) -> None:
    with atomic_path(note) as part:
        part.write_bytes(orjson.dumps({"file": source.digest, "url": url, "done": done}))


def run_import(path: Path, url: str, schema: Path | None) -> None:
    """Import a file and print what became of it.

    Raises:
        DataError: it cannot be read, or the service cannot be reached.
    """
    console = Console()
    source = read_event_file(path, schema)
    if len(source.bad):
        aside = source.path.with_name(source.path.name + BAD)
        write_bad_rows(source.bad, aside)
        console.print(f"{len(source.bad)} rows cannot be used; see {aside}", soft_wrap=True)
    outcome = import_events(source, url.rstrip("/"), console)
    console.print(
        f"{outcome.accepted} events are new, {outcome.duplicates} the service has had, "
        f"{outcome.refused.total()} it refused."
    )
    for reason, n in outcome.refused.most_common(5):
        console.print(f"  {n} refused: {reason}", soft_wrap=True, markup=False)
