"""``make quality``: the funnel and the libraries on the same windows; one table, one JSON file.

python -m benchmarks.quality.run --data data/ml-100k [--peers NAMES|none] [--windows 0.5] [...]
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.quality import cross_check, funnel_lists, libraries
from benchmarks.quality.evaluation import evaluate
from benchmarks.quality.libraries import LIBRARIES, RULE_BASED, LibraryResult
from benchmarks.quality.table import tables
from benchmarks.quality.tasks import compute_digest, write_tasks
from benchmarks.quality.window_lists import HEADLINE, SEED, WindowLists
from benchmarks.quality.windows import (
    TEST_CUTS,
    WIDTH,
    BenchmarkWindow,
    selection_windows,
    test_windows,
)
from offline.data.dataset import Dataset
from offline.data.errors import DataError
from offline.data.readers import MAX_BAD_SHARE, load_dataset
from offline.evaluate.comparison import OBVIOUS
from offline.evaluate.metrics import Lists
from offline.job import JobConfig

RESULTS = Path(__file__).parent / "results"
TABLE_WIDTH = 180  # characters that the table needs
OWN_VERSIONS = ("numpy", "scipy", "lightgbm", "faiss-cpu", "implicit", "scikit-learn")
CUTS = ",".join(f"{cut:g}" for cut in TEST_CUTS)
console = Console()
wide = Console(width=max(console.width, TABLE_WIDTH))


@dataclass(frozen=True, slots=True)
class QualityOptions:
    """What is asked, and of whom."""

    peers: list[str]
    cuts: tuple[float, ...]
    with_funnel: bool
    tuning_seconds: float = libraries.TUNING_SECONDS
    fixed_settings: dict[str, dict[str, Any]] = field(
        default_factory=dict
    )  # settings of an earlier run


@dataclass(frozen=True, slots=True, eq=False)
class MethodLists:
    """What came back: lists of every method for every window, and how they were made."""

    lists: list[dict[str, Lists]]
    details: dict[str, dict[str, Any]]


def run(dataset: Dataset, choice: QualityOptions, schema: str = "") -> dict[str, Any]:
    """Ask everyone, judge all with one code, and give the whole result.

    Raises:
        DataError: a window has nobody to ask.
    """
    selection, tests = selection_windows(dataset), test_windows(dataset, choice.cuts)
    folder = libraries.CACHE / f"{dataset.name}-{compute_digest(selection, tests)}"
    write_tasks(dataset, selection, tests, folder)
    answers = _answers(dataset, tests, choice, folder)
    answered = [
        WindowLists.of(dataset, window, lists)
        for window, lists in zip(tests, answers.lists, strict=True)
    ]
    worst = cross_check.largest_difference(answered)
    best = best_library(answered, answers.details)
    reference = funnel_lists.FUNNEL if choice.with_funnel else best
    return {
        "dataset": _facts(dataset),
        "protocol": {
            "cuts": list(choice.cuts) if dataset.traits.has_times else None,
            "width": WIDTH,
            "seed": SEED,
            "patience": choice.tuning_seconds,
            "headline": HEADLINE,
            "ranx_difference": worst,
        },
        "reference": reference,
        "best_library": best,
        **evaluate(answered, reference),
        "told": answers.details,
        "versions": {name: version(name) for name in OWN_VERSIONS},
        "schema": schema,
    }


def best_library(answered: Sequence[WindowLists], told: dict[str, dict[str, Any]]) -> str:
    """Name the library with the highest headline among warm users, chosen after the fact."""
    result = evaluate(answered, OBVIOUS)["warm"]["methods"]
    named = [
        name for name in told if name in LIBRARIES and name not in RULE_BASED and name in result
    ]
    return max(named, key=lambda name: result[name][HEADLINE]["mean"], default=OBVIOUS)


def _answers(
    dataset: Dataset, tests: Sequence[BenchmarkWindow], choice: QualityOptions, folder: Path
) -> MethodLists:
    timed = dataset.traits.has_times
    names = [name for name in choice.peers if timed or not LIBRARIES[name].needs_times]
    lists: list[dict[str, Lists]] = [{} for _ in tests]
    told: dict[str, dict[str, Any]] = {}
    with _progress() as bar:
        steps = bar.add_task("libraries", total=len(names) + choice.with_funnel * len(tests))

        def done(name: str, answer: LibraryResult) -> None:
            bar.update(steps, advance=1, description=f"{name}: {_outcome(answer)}")

        for name, answer in libraries.run_libraries(
            names, folder, done, choice.tuning_seconds, choice.fixed_settings
        ).items():
            told[name] = answer.details
            for held, rows in zip(lists, answer.lists, strict=False):
                held[name] = rows
        for held, window in zip(lists, tests if choice.with_funnel else (), strict=False):
            bar.update(steps, description=f"the funnel, {window.name}")
            found = funnel_lists.compute_funnel_lists(dataset, window, JobConfig())
            held.update(found.lists)
            told.setdefault(funnel_lists.FUNNEL, {"seconds": []})["seconds"].append(found.seconds)
            bar.update(steps, advance=1)
    return MethodLists(lists, told)


def _outcome(answer: LibraryResult) -> str:
    return "failed" if answer.has_failed else f"selection {answer.details['selection_ndcg']:.4f}"


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


def _chosen(peers: str, windows: str, *, own: bool) -> QualityOptions:
    names = list(LIBRARIES) if peers == "all" else [p for p in peers.split(",") if p != "none"]
    if unknown := set(names) - LIBRARIES.keys():
        raise typer.BadParameter(f"no peers {sorted(unknown)}; there are {', '.join(LIBRARIES)}")
    cuts = tuple(float(cut) for cut in windows.split(","))
    return QualityOptions(names, cuts, own)


def main(  # noqa: PLR0913, PLR0917 (options of a command)
    data: Annotated[Path, typer.Option(help="Folder of the data set.")],
    peers: Annotated[str, typer.Option(help="Their names, or all, or none.")] = "all",
    windows: Annotated[str, typer.Option(help="Cuts, as shares of the interactions.")] = CUTS,
    own: Annotated[bool, typer.Option("--ours/--no-ours", help="Ask the funnel too.")] = True,  # noqa: FBT002
    patience: Annotated[
        float, typer.Option(help="Processor seconds of tuning, then no further trial is begun.")
    ] = libraries.TUNING_SECONDS,
    settings: Annotated[
        Path | None, typer.Option(help="An earlier result: libraries as set there, not tuned anew.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the result.")] = RESULTS,
) -> None:
    """Compare the funnel with the libraries; write the result and print it."""
    choice = replace(_chosen(peers, windows, own=own), tuning_seconds=patience)
    if settings:
        choice = replace(choice, fixed_settings=orjson.loads(settings.read_bytes())["told"])
    try:
        dataset = load_dataset(data, None, MAX_BAD_SHARE).dataset
        result = run(dataset, choice)
    except DataError as error:
        console.print(str(error), markup=False)
        sys.exit(1)
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{dataset.name}.json"
    path.write_bytes(orjson.dumps(result, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY))
    for shown in tables(result):
        wide.print(shown)
    for name, told in result["told"].items():
        if "error" in told:
            console.print(f"{name} gave nothing: {told['error']}", markup=False)
    console.print(f"The whole result is in {path}", soft_wrap=True)


if __name__ == "__main__":
    typer.run(main)
