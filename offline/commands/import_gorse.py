"""The command ``recfunnel import gorse``: brings the data of Gorse into a running service.

Rows go to the service's own Gorse API, so that its rules apply. A file holds how far the import has
come. A killed one can therefore be started again: at most one batch is sent twice, which changes
nothing.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, count
from pathlib import Path
from typing import Any

import httpx
import orjson
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn

from app.event_weights import TYPE_WEIGHTS
from app.feedback_types import FeedbackTypes
from app.state.private_files import create_private_file
from offline.commands.import_events import IncompleteImportError
from offline.data.errors import DataError
from offline.gorse_import.patience import Patience
from offline.gorse_import.progress import ImportProgress
from offline.gorse_import.sender import GorseTarget, RefusedRow
from offline.gorse_import.source import (
    KINDS,
    FaultyLine,
    GorseFiles,
    GorseRow,
    GorseServer,
    GorseSource,
    RowKind,
)

NOUNS: Mapping[RowKind, str] = {
    "users": "users",
    "items": "items",
    "feedback": "rows of feedback",
}
RESPONSE_SECONDS = 60.0
MAX_NAMED = 20  # refused rows that are printed; the file has all


@dataclass(frozen=True, slots=True)
class GorseImportOptions:
    """From where, and to where."""

    source: str  # an address, a file or a folder
    key: str
    target: str
    target_key: str
    progress_file: Path


@dataclass(slots=True)
class GorseFacts:
    """What was in the rows of this run that lists do not depend on."""

    labels: Counter[str] = field(default_factory=Counter)  # rows of items by the label's name
    shapeless: int = 0  # items whose labels have no names
    comments: int = 0  # of users and of feedback
    types: Counter[tuple[str, str]] = field(default_factory=Counter)  # feedback and event type

    def add(self, kind: RowKind, rows: Sequence[GorseRow], types: FeedbackTypes) -> None:
        """Count the facts of some rows."""
        for row in rows:
            if kind == "items":
                labels = row.get("Labels")
                self.labels.update(labels if isinstance(labels, dict) else ())
                self.shapeless += bool(labels) and not isinstance(labels, dict)
                continue
            self.comments += bool(row.get("Comment"))
            if kind == "feedback":
                self._add_type(row, types)

    def _add_type(self, row: GorseRow, types: FeedbackTypes) -> None:
        name, value = str(row.get("FeedbackType")), row.get("Value")
        number = float(value) if isinstance(value, int | float) else 0.0
        self.types[name, types.event_type(name, number, TYPE_WEIGHTS) or ""] += 1


def import_gorse(options: GorseImportOptions, types: FeedbackTypes, console: Console) -> None:
    """Bring users, items and feedback over, and print what became of them.

    Raises:
        DataError: The source cannot be read, or the service takes no rows.
        IncompleteImportError: Some rows were refused; the others are in the service.
    """
    facts = GorseFacts()
    with ExitStack() as stack:
        client = stack.enter_context(_client(options.target, options.target_key))
        report = partial(console.print, soft_wrap=True, markup=False)
        target = GorseTarget(client, Patience(str(client.base_url), report))
        source = _source(options, stack, report)
        names = without_password(options.source), without_password(options.target)
        progress = ImportProgress.load(options.progress_file, *names, source.fingerprint())
        _print_beginning(progress, options.progress_file, console)
        _send_all(source, target, progress, _Run(options, types, facts, console))
        columns = target.attribute_names() if facts.labels else set()
    kept = [str(path) for kind in KINDS if (path := _keep_refused(options, kind))]
    options.progress_file.unlink(missing_ok=True)
    _print_result(progress, facts, columns, console)
    if progress.refused:
        raise IncompleteImportError(
            f"{progress.refused} rows were refused: correct them in "
            f"{', '.join(kept) or 'the files of refused rows'} and import these files. All others "
            "are in the service."
        )


def _print_beginning(progress: ImportProgress, file: Path, console: Console) -> None:
    """Print where the import begins if there was an earlier run."""
    if progress.has_begun and progress.remaining:
        console.print(
            f"The import goes on with {progress.step}. What is said below of event types, labels "
            "and comments is about the rows from here on.",
            soft_wrap=True,
        )
    elif file.exists() and not progress.has_begun:
        console.print(
            f"{file} is of another import, or the files have changed since: the import begins anew",
            soft_wrap=True,
        )


@dataclass(frozen=True, slots=True)
class _Run:
    options: GorseImportOptions
    types: FeedbackTypes
    facts: GorseFacts
    console: Console


def _send_all(
    source: GorseSource, target: GorseTarget, progress: ImportProgress, run: _Run
) -> None:
    """Send what was not sent before; save the progress after each batch."""
    if not progress.has_begun:
        for kind in KINDS:
            _part_path(run.options, kind).unlink(missing_ok=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=run.console, disable=not run.console.is_terminal) as bar:
        task = bar.add_task("Importing")
        for kind in progress.remaining:
            place = progress.place if kind == progress.step else ""
            for batch in source.batches(kind, place):
                refused = target.send(kind, batch.rows)
                _write_refused(run, kind, refused, batch.faults, progress.refused)
                run.facts.add(kind, batch.rows, run.types)
                n_refused = len(refused) + len(batch.faults)
                progress.done[kind] += len(batch.rows) - len(refused)
                progress.refused += n_refused
                progress.advance(kind, batch.next_place)
                progress.save(run.options.progress_file)
                bar.update(task, description=f"{progress.done[kind]:,} {NOUNS[kind]}")
            if not run.console.is_terminal:
                run.console.print(f"{progress.done[kind]} {NOUNS[kind]} are in the service.")


def _write_refused(
    run: _Run,
    kind: RowKind,
    refused: Sequence[RefusedRow],
    faults: Sequence[FaultyLine],
    n_before: int,
) -> None:
    """Print the first refused rows, and append all to the file, lines that are no rows too."""
    sentences = [*(one.reason for one in faults), *(f"{one.name}: {one.reason}" for one in refused)]
    for sentence in sentences[: max(MAX_NAMED - n_before, 0)]:
        run.console.print(f"  refused: {sentence}", soft_wrap=True, markup=False)
    if sentences:
        part = _part_path(run.options, kind)
        create_private_file(part)
        with part.open("ab") as file:
            file.writelines(one.line.rstrip(b"\r\n") + b"\n" for one in faults)
            file.writelines(orjson.dumps(one.row) + b"\n" for one in refused)


def _keep_refused(options: GorseImportOptions, kind: RowKind) -> Path | None:
    """Move the refused rows to a file with a new name, and return it; None if there are none."""
    part = _part_path(options, kind)
    if not part.exists():
        return None
    numbers = chain([""], (f".{n}" for n in count(2)))
    stem = options.progress_file
    paths = (stem.with_suffix(f".refused.{kind}{number}.jsonl") for number in numbers)
    path = next(path for path in paths if not path.exists())
    part.rename(path)
    return path


def _part_path(options: GorseImportOptions, kind: str) -> Path:
    """Return where refused rows are until the end."""
    return options.progress_file.with_suffix(f".refused.{kind}.part")


def _print_result(
    progress: ImportProgress, facts: GorseFacts, columns: set[str] | None, console: Console
) -> None:
    """Print what lists depend on, and what is only kept."""

    def show(sentence: str) -> None:
        console.print(sentence, soft_wrap=True, markup=False)

    done = progress.done
    show(
        f"{done['users']} users, {done['items']} items and {done['feedback']} rows of feedback are "
        f"in the service; {progress.refused} were refused."
    )
    events = sorted({f"{name} as {event}" for (name, event) in facts.types if event})
    if events:
        show(f"Feedback counts as events: {', '.join(events)}.")
    silent = sorted(name for (name, event) in facts.types if not event)
    if silent:
        n = sum(count for (_, event), count in facts.types.items() if not event)
        show(
            f"{n} rows are kept, but are no events: {', '.join(dict.fromkeys(silent))}. Name their "
            "event types in gorse_event_types before the import, where they should be."
        )
    without_place = sorted(set(facts.labels) - columns) if columns is not None else []
    if without_place:
        show(
            f"These labels of items are kept, and their words are text of the item, but they are "
            f"no attributes of the bundle: {', '.join(without_place)}."
        )
    if facts.shapeless:
        show(f"Labels of {facts.shapeless} items have no names: their words are text of the item.")
    if facts.comments:
        show(f"{facts.comments} comments of users and feedback are kept, and used for nothing.")
    show("Next: recfunnel archive --once, then recfunnel train --from-archive.")


def _source(
    options: GorseImportOptions, stack: ExitStack, report: Callable[[str], None]
) -> GorseSource:
    if _is_address(options.source):
        client = stack.enter_context(_client(options.source, options.key))
        return GorseServer(client, Patience(f"Gorse at {client.base_url}", report))
    path = Path(options.source)
    if path.resolve() in {_part_path(options, kind).resolve() for kind in KINDS}:
        raise DataError(f"{path} is where this import writes refused rows: rename it first")
    return GorseFiles.of(path)


def _client(url: str, key: str) -> httpx.Client:
    """Return a client of an address.

    Raises:
        DataError: It is no address.
    """
    if not _is_address(url):
        raise DataError(
            f"{without_password(url)} is not the address of a service: write http://127.0.0.1:8000"
        )
    headers = {"X-API-Key": key} if key else {}
    arguments: dict[str, Any] = {"timeout": RESPONSE_SECONDS, "trust_env": False}
    address = httpx.URL(url)
    if address.userinfo:
        arguments["auth"] = (address.username, address.password)
    base = without_password(url).rstrip("/")  # it is part of sentences
    return httpx.Client(base_url=base, headers=headers, **arguments)


def without_password(address: str) -> str:
    """Return an address without its user and password, which are neither printed nor stored."""
    return re.sub(r"(?<=//)[^/?#]*@", "", address)


def _is_address(text: str) -> bool:
    try:
        return httpx.URL(text).scheme in {"http", "https"}
    except httpx.InvalidURL:
        return False
