"""Train and serve catalogues of several sizes; print time, memory, latency, load and quality.

python -m benchmarks.scale.run --items 10000 --items 100000 --made-up 1000000 --made-up 10000000

A size of ``--items`` is trained on a made-up log. A size of ``--made-up`` is a bundle without
training, with the rankers of the largest trained one. The result and the plot are written again
after each size, so that a size that memory or disk is too small for takes nothing with it.
"""

import resource
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter, process_time
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.table import Table

from app.bundle.bundle import find_current_bundle, load_bundle
from app.bundle.manifest import read_manifest
from benchmarks.scale.bundle import write_made_up_bundle
from benchmarks.scale.figures import scale_plot, serving_table
from benchmarks.scale.generate import EVENTS_PER_USER, write_world
from benchmarks.scale.serve import Serving, ServingPlan, measure_serving
from benchmarks.scale.world import World
from offline.phases import peak_memory
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
    gate: str  # the verdict of the gate on the bundle


@dataclass(frozen=True, slots=True)
class Writing:
    """What writing a bundle without training took."""

    items: int
    seconds: float
    cpu_seconds: float
    peak_bytes: int  # resident, with the pages of mapped files


@dataclass(frozen=True, slots=True)
class Figures:
    """The results so far."""

    trainings: list[Training] = field(default_factory=list)
    writings: list[Writing] = field(default_factory=list)
    servings: list[Serving] = field(default_factory=list)

    def write(self, result: Path | None, plot: Path | None) -> None:
        """Write the figures as JSON, and the plot as SVG, where a file is named."""
        if result:
            result.write_bytes(orjson.dumps(self, option=orjson.OPT_INDENT_2))
        if plot:
            plot.write_text(scale_plot(self.servings))


def made_up_events(items: int) -> int:
    """Return the events of a bundle that is not trained: those of training, but bounded."""
    return min(EVENTS_PER_ITEM * items, MADE_UP_EVENTS + items)


def make_up(items: int, rankers: Path, out: Path) -> Writing:
    """Write a bundle of a size into ``out``, with the rankers of the bundle in ``rankers``."""
    began = perf_counter()
    events = made_up_events(items)
    world = World(items, events // EVENTS_PER_USER, seed=7)
    write_made_up_bundle(world, events, load_bundle(find_current_bundle(rankers)), out)
    return Writing(items, perf_counter() - began, process_time(), peak_memory())


def make_up_apart(items: int, rankers: Path, out: Path) -> Writing:
    """Do the same in a process of its own, which leaves no memory behind."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(make_up, items, rankers, out).result()


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
    gate = read_manifest(find_current_bundle(folder / "out")).gate
    verdict = gate.verdict if gate else "none"
    return Training(items, report["timings"], _child_seconds() - before, sum(tables), verdict)


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
    table.add_row("gate", *(training.gate for training in trainings))
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
    scratch: Annotated[
        Path | None, typer.Option(help="Folder for logs and bundles: 30 GB for 10,000,000 items.")
    ] = None,
) -> None:
    """Train, make up and serve catalogues, and print what each took."""
    plan, console, figures = ServingPlan(seconds, 4 * seconds), Console(), Figures()
    with tempfile.TemporaryDirectory(dir=scratch) as base:
        for size in sorted(items or ([] if made_up else [10_000, 100_000])):
            folder = Path(base) / f"trained-{size}"
            figures.trainings.append(train(size, folder, config))
            rankers = folder / "out"
            figures.servings.append(measure_serving(rankers, plan))
            figures.write(result, plot)
        for size in sorted(made_up or []):
            if rankers is None:
                raise typer.BadParameter("train one size with --items, or pass --rankers FOLDER")
            out = Path(base) / f"made-up-{size}"
            figures.writings.append(make_up_apart(size, rankers, out))
            figures.servings.append(measure_serving(out, plan))
            figures.write(result, plot)
            shutil.rmtree(out)
    if figures.trainings:
        console.print(build_table(figures.trainings))
    for one in figures.writings:
        console.print(
            f"{one.items:,} items without training: written in {one.seconds:.0f} s, "
            f"{one.cpu_seconds:.0f} s of CPU, {one.peak_bytes / 1e9:.1f} GB with mapped files",
            soft_wrap=True,
        )
    console.print(serving_table(figures.servings))


if __name__ == "__main__":
    typer.run(main)
