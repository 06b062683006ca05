"""Train and serve catalogues of several sizes; print time, memory, latency, load and quality.

python -m benchmarks.scale.run --items 10000 --items 100000 --made-up 1000000 --made-up 10000000

A size of ``--items`` is trained on a made-up log. A size of ``--made-up`` is a bundle without
training, with the rankers of the largest trained one.
"""

import resource
import shutil
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

from app.bundle.bundle import find_current_bundle, load_bundle
from benchmarks.scale.bundle import write_made_up_bundle
from benchmarks.scale.figures import scale_plot, serving_table
from benchmarks.scale.generate import EVENTS_PER_USER, write_world
from benchmarks.scale.serve import ServingPlan, measure_serving
from benchmarks.scale.world import World
from offline.report.report_figures import PhaseTime

EVENTS_PER_ITEM = 12
MADE_UP_EVENTS = 5_000_000  # and one for each item


@dataclass(frozen=True, slots=True)
class Training:
    """What the training of one log took."""

    items: int
    timings: list[PhaseTime]
    cpu_seconds: float
    table_bytes: int  # of all neighbour tables


def made_up_events(items: int) -> int:
    """Return the events of a bundle that is not trained: those of training, but bounded."""
    return min(EVENTS_PER_ITEM * items, MADE_UP_EVENTS + items)


def make_up(items: int, rankers: Path, out: Path) -> None:
    """Write a bundle of a size into ``out``, with the rankers of the bundle in ``rankers``."""
    events = made_up_events(items)
    world = World(items, events // EVENTS_PER_USER, seed=7)
    write_made_up_bundle(world, events, load_bundle(find_current_bundle(rankers)), out)


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


def main(  # noqa: PLR0913, PLR0917 - options of a command
    items: Annotated[
        list[int] | None, typer.Option(help="Items of a catalogue to train; 12 events each.")
    ] = None,
    made_up: Annotated[
        list[int] | None, typer.Option(help="Items of a catalogue that is not trained.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="Settings of the training.")] = None,
    rankers: Annotated[
        Path | None, typer.Option(help="Folder with a trained bundle, instead of training one.")
    ] = None,
    seconds: Annotated[float, typer.Option(help="Length of each loop.", min=0.1)] = 5.0,
    result: Annotated[Path | None, typer.Option(help="File for the result, as JSON.")] = None,
    plot: Annotated[Path | None, typer.Option(help="File for the plot, as SVG.")] = None,
) -> None:
    """Train, make up and serve catalogues, and print what each took."""
    plan, console = ServingPlan(seconds, 4 * seconds), Console()
    trainings, servings = [], []
    with tempfile.TemporaryDirectory() as base:
        for size in sorted(items or ([] if made_up else [10_000, 100_000])):
            folder = Path(base) / f"trained-{size}"
            trainings.append(train(size, folder, config))
            rankers = folder / "out"
            servings.append(measure_serving(rankers, plan))
        for size in sorted(made_up or []):
            if rankers is None:
                raise typer.BadParameter("train one size with --items, or pass --rankers FOLDER")
            out = Path(base) / f"made-up-{size}"
            make_up(size, rankers, out)
            servings.append(measure_serving(out, plan))
            shutil.rmtree(out)
    if trainings:
        console.print(build_table(trainings))
    console.print(serving_table(servings))
    if result:
        facts = {"trainings": trainings, "servings": servings}
        result.write_bytes(orjson.dumps(facts, option=orjson.OPT_INDENT_2))
    if plot:
        plot.write_text(scale_plot(servings))


if __name__ == "__main__":
    typer.run(main)
