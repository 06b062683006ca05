"""The command ``recfunnel events import``: sends a file of events to a running service, each once.

Events go to ``POST /events`` in batches, so that the rules of the service apply. Each event has an
id, see ``event_files``. A progress file beside the file holds the number of events sent. A killed
import can therefore be started again: at most one batch is sent twice, and the service drops it.
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
import polars as pl
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from offline.data.atomic import atomic_path
from offline.data.errors import DataError
from offline.data.event_files import EventFile, read_event_file
from offline.data.readers import write_bad_rows
from offline.data.repeats import DUPLICATE
from offline.errors import CommandError

RETRY_SECONDS = 60.0  # for which a busy or unreachable service is tried again
RESPONSE_SECONDS = 30.0
SERVER_ERROR = 500  # and above: from the service or a proxy; the batch is sent again
PROGRESS_SUFFIX, BAD_ROWS_SUFFIX = ".imported.json", ".bad_rows.csv"  # after the file name


class IncompleteImportError(CommandError):
    """Rows of the file could not be used, or the service refused them."""

    exit_status = 4


@dataclass(slots=True)
class ImportResult:
    """The number of events sent so far, and their outcomes."""

    done: int = 0  # events of the file that the service answered
    accepted: int = 0
    duplicates: int = 0
    trained: int = 0  # of the data that the bundle in service was trained on
    refused: Counter[str] = field(default_factory=Counter)  # events by reason


def import_events(
    file: EventFile, url: str, console: Console, retry_seconds: float = RETRY_SECONDS
) -> ImportResult:
    """Send the events that were not sent before. Save the progress after each batch.

    Raises:
        DataError: The service cannot be reached, or does not accept events.
    """
    _check_url(url)
    progress_file = file.path.with_name(file.path.name + PROGRESS_SUFFIX)
    result = ImportResult(_read_progress(progress_file, file, url))
    tenth = max(len(file.events) // 10, 1)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with (
        httpx.Client(base_url=url, timeout=RESPONSE_SECONDS, trust_env=False) as client,
        Progress(
            *columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal
        ) as progress,
    ):
        bar = progress.add_task("Importing", total=len(file.events), completed=result.done)
        for batch in file.batches(result.done):
            tenths = result.done // tenth
            _count(result, batch, _send(client, batch, retry_seconds))
            _write_progress(progress_file, file, url, result.done)
            progress.update(bar, completed=result.done)
            if not console.is_terminal and result.done // tenth > tenths:
                console.print(f"{result.done} of {len(file.events)} events are sent.")
    return result


def _check_url(url: str) -> None:
    try:
        is_web_address = httpx.URL(url).scheme in {"http", "https"}
    except httpx.InvalidURL:
        is_web_address = False
    if not is_web_address:
        raise DataError(f"{url} is not the address of a service: write http://127.0.0.1:8000")


def _send(
    client: httpx.Client, batch: Sequence[dict[str, Any]], retry_seconds: float
) -> dict[str, Any]:
    """Send one batch, repeatedly while the service is busy or unreachable.

    Raises:
        DataError: The service stays so, or refuses the whole batch.
    """
    deadline, body = time.monotonic() + retry_seconds, orjson.dumps(batch)
    headers = {"Content-Type": "application/json"}
    while True:
        try:
            response = client.post(
                "/events", params={"partial": True}, content=body, headers=headers
            )
        except httpx.TransportError as error:
            reason = f"{client.base_url} cannot be reached ({error})"
        else:
            reply, reason = _read_response(response)
            if reply and (response.is_success or response.status_code < SERVER_ERROR):
                return (
                    reply
                    if response.is_success
                    else {"refused": [{"message": reason}] * len(batch)}
                )
            if response.status_code < SERVER_ERROR:
                raise DataError(f"{reason}; is {client.base_url} the address of a service?")
        if time.monotonic() > deadline:
            raise DataError(f"{reason}; run the same command again to continue.")
        time.sleep(0.5)


def _read_response(response: httpx.Response) -> tuple[dict[str, Any], str]:
    """Return the response of the service, {} if it is from another server, and the reason."""
    with suppress(ValueError, LookupError, TypeError):
        reply: dict[str, Any] = response.json()
        if response.is_success:
            return {"accepted": reply["accepted"], **reply}, ""
        return reply, f"the service does not accept events: {reply['error']['message']}"
    return {}, f"{response.url.host} answers {response.status_code}, but not as the service does"


def _count(result: ImportResult, batch: Sequence[Any], reply: dict[str, Any]) -> None:
    result.done += len(batch)
    result.accepted += reply.get("accepted", 0)
    result.duplicates += reply.get("duplicates", 0)
    result.trained += reply.get("trained", 0)
    result.refused.update(one["message"] for one in reply.get("refused", []))


def _read_progress(progress_file: Path, source: EventFile, url: str) -> int:
    """Return how many events of this file were already sent to the service at ``url``."""
    try:
        progress = orjson.loads(progress_file.read_bytes())
        is_same = progress["file"] == source.digest and progress["url"] == url
        return int(progress["done"]) if is_same else 0
    except (FileNotFoundError, ValueError, LookupError, TypeError):
        return 0


def _write_progress(progress_file: Path, source: EventFile, url: str, done: int) -> None:
    with atomic_path(progress_file) as part:
        part.write_bytes(orjson.dumps({"file": source.digest, "url": url, "done": done}))


def run_import(path: Path, url: str, schema: Path | None) -> None:
    """Import a file and print the result.

    Raises:
        DataError: The file cannot be read, or the service cannot be reached.
        IncompleteImportError: Some rows were not imported; the others were.
    """
    console = Console()
    source = read_event_file(path, schema)
    if len(source.bad):
        bad_rows = source.path.with_name(source.path.name + BAD_ROWS_SUFFIX)
        write_bad_rows(source.bad, bad_rows)
        console.print(f"{len(source.bad)} rows cannot be used; see {bad_rows}", soft_wrap=True)
    if source.events["time"].is_null().all() and len(source.events):
        console.print(
            "The file has no times: its events count as of now, also if the service was trained "
            "on them before.",
            soft_wrap=True,
        )
    result = import_events(source, url.rstrip("/"), console)
    console.print(
        f"{result.accepted} events are new, {result.duplicates} were sent before, "
        f"{result.refused.total()} were refused."
    )
    if result.trained:
        console.print(
            f"{result.trained} are in the data that the bundle in service was trained on, and do "
            "not count again."
        )
    for reason, n in result.refused.most_common(5):
        console.print(f"  {n} refused: {reason}", soft_wrap=True, markup=False)
    n_bad = len(source.bad.filter(pl.col("reason") != DUPLICATE))
    if n_bad or result.refused:
        raise IncompleteImportError(
            f"{n_bad + result.refused.total()} rows were not imported: correct them and import "
            "them again. All other events are in the service."
        )
