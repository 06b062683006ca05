"""``make chaos``: every fault against a running service under load.

The exit code is 1 if an acknowledged event is lost or doubled, a forbidden item is shown, or the
service does not become whole again.
"""

import logging
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.chaos.faults import SHORT, Length
from benchmarks.chaos.run import FaultResult, run

COLUMNS = (
    "fault",
    "lists",
    "degraded",
    "503",
    "other or none",
    "forbidden shown",
    "events",
    "lost",
    "doubled",
    "whole after",
)


def row_of(result: FaultResult) -> tuple[str, ...]:
    """Return the cells of one fault, in the order of ``COLUMNS``."""
    tally = result.tally
    failed = ", ".join(f"{n} {kind}" for kind, n in sorted(tally.failed.items())) or "0"
    numbers = (len(tally.acknowledged), result.lost, result.doubled)
    counts = (tally.lists, tally.degraded, tally.refused, failed, tally.forbidden, *numbers)
    return (result.name, *map(str, counts), f"{result.recovery:.1f} s")


def write_markdown(results: Sequence[FaultResult], path: Path) -> None:
    """Write the table as Markdown."""
    lines = [COLUMNS, tuple("---" for _ in COLUMNS), *map(row_of, results)]
    path.write_text("".join(f"| {' | '.join(cells)} |\n" for cells in lines))


def show(results: Sequence[FaultResult]) -> None:
    """Print the table. What is not sound is red."""
    table = Table(*COLUMNS)
    for result in results:
        table.add_row(*row_of(result), style=None if result.is_sound else "red")
    Console(width=160).print(table)


def main(
    out: Annotated[Path, typer.Option(help="Folder of bundles.")] = Path("out"),
    workers: Annotated[int, typer.Option(help="Processes of the service.", min=2)] = 2,
    write: Annotated[Path, typer.Option(help="File for the table.")] = Path("out/chaos.md"),
    *,
    short: Annotated[bool, typer.Option("--short", help="Each fault briefly, 2 min.")] = False,
) -> None:
    """Inject every fault under load, and print what clients saw."""
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.INFO)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="recfunnel-chaos-") as folder:
        results = []
        try:
            for result in run(out, Path(folder), SHORT if short else Length(), workers):
                results.append(result)  # noqa: PERF402 - kept when a later one fails
        finally:
            show(results)
            write_markdown(results, write)
    if not all(result.is_sound for result in results):
        sys.exit(1)


if __name__ == "__main__":
    typer.run(main)
