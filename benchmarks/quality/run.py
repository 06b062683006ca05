"""``make quality``: the funnel and the libraries on the same windows; a table and a JSON file.

python -m benchmarks.quality.run --data data/ml-100k [--peers NAMES|none] [--windows 0.5] [...]
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.quality import funnel_lists, libraries
from benchmarks.quality.evaluation import evaluate
from benchmarks.quality.libraries import (
    DEFAULT_TUNING,
    LIBRARIES,
    PEER_FOLDERS,
    RULE_BASED,
    LibraryResult,
    PeerFolders,
    Tuning,
)
from benchmarks.quality.result_file import read_settings, summarise, tables, write_result
from benchmarks.quality.tasks import compute_digest, write_tasks
from benchmarks.quality.windows import (
    HEADLINE,
    SEED,
    TEST_CUTS,
    WIDTH,
    BenchmarkWindow,
    WindowLists,
    selection_windows,
    test_windows,
)
from offline.cli.errors import errors_as_sentences
from offline.config import JobConfig
from offline.data.dataset import Dataset
from offline.data.readers import MAX_BAD_SHARE, load_dataset
from offline.evaluate.comparison import OBVIOUS
from offline.evaluate.metrics import Lists

RESULTS = Path(__file__).parent / "results"
TABLE_WIDTH = 180  # characters that the table needs
OWN_VERSIONS = ("numpy", "scipy", "lightgbm", "faiss-cpu", "implicit", "scikit-learn")
CUTS = ",".join(f"{cut:g}" for cut in TEST_CUTS)
console = Console()
wide = Console(width=max(console.width, TABLE_WIDTH))


@dataclass(frozen=True, slots=True)
class QualityOptions:
    """Which methods run, on which windows, and how they are tuned."""

    peers: list[str]
    cuts: tuple[float, ...]
    with_funnel: bool
    tuning: Tuning = DEFAULT_TUNING
    folders: PeerFolders = PEER_FOLDERS


@dataclass(frozen=True, slots=True, eq=False)
class MethodLists:
    """The lists of every method for every window, and how each method was run."""

    lists: list[dict[str, Lists]]
    details: dict[str, dict[str, Any]]


def run(dataset: Dataset, options: QualityOptions) -> dict[str, Any]:
    """Run every method, evaluate all with the same code, and return the whole result.

    Raises:
        DataError: a window has no users.
    """
    selection, tests = selection_windows(dataset), test_windows(dataset, options.cuts)
    folder = options.folders.cache / f"{dataset.name}-{compute_digest(selection, tests)}"
    write_tasks(dataset, selection, tests, folder)
    methods = _collect_lists(dataset, tests, options, folder)
    window_lists = [
        WindowLists.of(dataset, window, lists)
        for window, lists in zip(tests, methods.lists, strict=True)
    ]
    worst = libraries.largest_difference(window_lists, options.folders)
    best = best_library(window_lists, methods.details)
    reference = funnel_lists.FUNNEL if options.with_funnel else best
    return {
        "dataset": _facts(dataset),
        "protocol": {
            "cuts": list(options.cuts) if dataset.traits.has_times else None,
            "width": WIDTH,
            "seed": SEED,
            "tuning_seconds": options.tuning.seconds,
            "headline": HEADLINE,
            "ranx_difference": worst,
        },
        "reference": reference,
        "best_library": best,
        **evaluate(window_lists, reference),
        "details": methods.details,
        "versions": {name: version(name) for name in OWN_VERSIONS},
    }


def best_library(window_lists: Sequence[WindowLists], details: dict[str, dict[str, Any]]) -> str:
    """Return the library with the highest headline of warm users, chosen after the fact."""
    result = evaluate(window_lists, OBVIOUS)["warm"]["methods"]
    names = (details.keys() & LIBRARIES.keys() & result.keys()) - set(RULE_BASED)
    return max(sorted(names), key=lambda name: result[name][HEADLINE]["mean"], default=OBVIOUS)


def _collect_lists(
    dataset: Dataset, tests: Sequence[BenchmarkWindow], options: QualityOptions, folder: Path
) -> MethodLists:
    has_times = dataset.traits.has_times
    names = [name for name in options.peers if has_times or not LIBRARIES[name].needs_times]
    lists: list[dict[str, Lists]] = [{} for _ in tests]
    details: dict[str, dict[str, Any]] = {}
    with _progress() as bar:
        steps = bar.add_task("libraries", total=len(names) + options.with_funnel * len(tests))

        def show_step(name: str, result: LibraryResult) -> None:
            bar.update(steps, advance=1, description=f"{name}: {_outcome(result)}")

        for name, result in libraries.run_libraries(
            names, folder, show_step, options.tuning, options.folders
        ).items():
            details[name] = result.details
            for of_window, rows in zip(lists, result.lists, strict=False):
                of_window[name] = rows
        for of_window, window in zip(lists, tests if options.with_funnel else (), strict=False):
            bar.update(steps, description=f"the funnel, {window.name}")
            funnel = funnel_lists.compute_funnel_lists(dataset, window, JobConfig())
            of_window.update(funnel.lists)
            seconds = details.setdefault(funnel_lists.FUNNEL, {"seconds": []})["seconds"]
            seconds.append(funnel.seconds)
            bar.update(steps, advance=1)
    return MethodLists(lists, details)


def _outcome(result: LibraryResult) -> str:
    return "failed" if result.has_failed else f"selection {result.details['selection_ndcg']:.4f}"


def _facts(dataset: Dataset) -> dict[str, Any]:
    return {
        "name": dataset.name,
        "users": len(dataset.users),
        "items": len(dataset.catalogue),
        "interactions": len(dataset.log),
        "explicit": dataset.traits.is_explicit,
        "positive_at": dataset.traits.positive_at if dataset.traits.is_explicit else None,
        "timed": dataset.traits.has_times,
    }


def _progress() -> Progress:
    return Progress(
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
        console=Console(stderr=True),
    )


def _options(peers: str, windows: str, *, own: bool) -> QualityOptions:
    names = list(LIBRARIES) if peers == "all" else [p for p in peers.split(",") if p != "none"]
    if unknown := set(names) - LIBRARIES.keys():
        raise typer.BadParameter(f"no peers {sorted(unknown)}; there are {', '.join(LIBRARIES)}")
    cuts = tuple(float(cut) for cut in windows.split(","))
    return QualityOptions(names, cuts, own)


def main(  # noqa: PLR0913, PLR0917 (options of a command)
    data: Annotated[Path, typer.Option(help="Folder of the data set.")],
    peers: Annotated[str, typer.Option(help="Names of libraries, or all, or none.")] = "all",
    windows: Annotated[str, typer.Option(help="Cuts, as shares of the interactions.")] = CUTS,
    own: Annotated[bool, typer.Option("--ours/--no-ours", help="Run the funnel too.")] = True,  # noqa: FBT002
    patience: Annotated[
        float, typer.Option(help="Processor seconds of tuning; then no further trial begins.")
    ] = libraries.TUNING_SECONDS,
    settings: Annotated[
        Path | None,
        typer.Option(help="An earlier result: its settings are used, and nothing is tuned."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the result.")] = RESULTS,
) -> None:
    """Compare the funnel with the libraries; write the result and print it."""
    tuning = Tuning(patience, read_settings(settings) if settings else {})
    options = replace(_options(peers, windows, own=own), tuning=tuning)
    with errors_as_sentences():
        dataset = load_dataset(data, None, MAX_BAD_SHARE).dataset
        result = run(dataset, options)
    show_result(result, out / f"{dataset.name}.json")


def show_result(result: dict[str, Any], path: Path) -> None:
    """Write a result to ``path`` and print it."""
    write_result(path, summarise(result))
    for shown in tables(result):
        wide.print(shown)
    for name, details in result["details"].items():
        if "error" in details:
            console.print(f"{name} failed: {details['error']}", markup=False)
    console.print(f"The result is in {path}", soft_wrap=True)


if __name__ == "__main__":
    typer.run(main)
