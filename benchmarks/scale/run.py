"""Train on made-up logs of several sizes, and print the time and the memory of each phase.

python -m benchmarks.scale.run --items 10000 --items 100000
"""

import resource
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.scale.generate import EVENTS_PER_USER, write_world
from benchmarks.scale.world import World
from offline.report.report_figures import PhaseTime

EVENTS_PER_ITEM = 12


@dataclass(frozen=True, slots=True)
class Training:
    """What the training of one log took."""

    items: int
    timings: list[PhaseTime]
    cpu_seconds: float
    table_bytes: int  # of all neighbour tables


def train(items: int, folder: Path, config: Path | None) -> Training:
    """Generate a log, train on it in a process of its own, and return what that took."""
    events = EVENTS_PER_ITEM * items
    write_world(World(items, events // EVENTS_PER_USER, seed=7), events, folder / "data")
    options = ["--config", str(config)] if config else []
    before = _child_seconds()
    subprocess.run(  # noqa: S603 - no shell
        [
            *(sys.executable, "-m", "offline.cli", "train", "--force", *options),
            *("--data", str(folder / "data"), "--out", str(folder / "out")),
        ],
        check=True,
        stdout=sys.stderr,
    )
    report = orjson.loads((folder / "out" / "report.json").read_bytes())
    tables = [size for name, size in report["sizes"].items() if name.startswith("table ")]
    return Training(items, report["timings"], _child_seconds() - before, sum(tables))


def _child_seconds() -> float:
    use = resource.getrusage(resource.RUSAGE_CHILDREN)
    return use.ru_utime + use.ru_stime


def build_table(trainings: list[Training]) -> Table:
    """Return a row for each phase, with a column of seconds and memory for each training."""
    table = Table("phase", *(f"{training.items:,} items" for training in trainings))
    for phases in zip(*(training.timings for training in trainings), strict=True):
        cells = [f"{one['seconds']:.1f} s, {one['peak_bytes'] / 1e6:,.0f} MB" for one in phases]
        table.add_row(phases[0]["phase"], *cells)
    totals = [sum(one["seconds"] for one in training.timings) for training in trainings]
    table.add_row("all", *(f"{total:.0f} s" for total in totals))
    table.add_row("CPU time", *(f"{training.cpu_seconds:.0f} s" for training in trainings))
    shares = [training.table_bytes / training.items for training in trainings]
    table.add_row("neighbour tables", *(f"{share:,.0f} bytes an item" for share in shares))
    return table


def main(
    items: Annotated[
        list[int] | None, typer.Option(help="Items of a catalogue; 12 events each.", min=1_000)
    ] = None,
    config: Annotated[Path | None, typer.Option(help="Settings of the training.")] = None,
) -> None:
    """Train at each size, and print phases, seconds, peak memory and bytes an item."""
    trainings = []
    for size in items or [10_000, 100_000]:
        with tempfile.TemporaryDirectory() as folder:
            trainings.append(train(size, Path(folder), config))
    Console().print(build_table(trainings))


if __name__ == "__main__":
    typer.run(main)
