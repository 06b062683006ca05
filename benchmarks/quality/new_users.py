"""The new-user curve: models frozen before the users came, who then do more and more.

    python -m benchmarks.quality.new_users --data data/ml-100k

Libraries are set as ``benchmarks.quality.run`` chose them, so run that first.
"""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import orjson
import typer
from rich.console import Console
from rich.table import Table

from app.build import FunnelConfig
from app.contracts import Request
from app.cpu import Cpu
from app.deadline import NO_CHECKPOINTS
from app.funnel import Funnel
from app.recall.registry import CHANNELS
from benchmarks.quality import funnel_lists, libraries
from benchmarks.quality.first_events import (
    CUT,
    REVEALED_EVENTS,
    NewUsers,
    build_fold_in_task,
    select_new_users,
)
from benchmarks.quality.libraries import LIBRARIES, ROOT
from benchmarks.quality.run import RESULTS, TABLE_WIDTH
from benchmarks.quality.tasks import compute_digest
from benchmarks.quality.window_lists import MAX_LIST_LENGTH, SEED, K, compute_headline
from benchmarks.quality.windows import TEST_CUTS, selection_windows, test_windows
from offline.data.dataset import Dataset
from offline.data.errors import DataError
from offline.data.readers import MAX_BAD_SHARE, load_dataset
from offline.evaluate.baselines import popular_lists
from offline.evaluate.funnel_answers import pad_lists, user_ids
from offline.evaluate.intervals import Bootstrap
from offline.evaluate.metrics import Lists
from offline.job import JobConfig
from offline.training.replay import recommend_once

FOLD_IN_LIBRARIES = (
    "popularity",
    "recency_popularity",
    "ease",
    "rp3beta",
    "ials_irspack",
    "item_knn",
    "user_knn",
    "ials_lenskit",
)
console = Console()


def compute_curve(dataset: Dataset, found: NewUsers, own: bool) -> dict[str, Any]:  # noqa: FBT001
    """Give NDCG@10 of every method at every point, and the funnel against each."""
    lists = _of_libraries(dataset, found)
    if own:
        lists = _of_ours(dataset, found) | lists
    relevant = found.relevant
    scores = {name: compute_headline(rows, relevant) for name, rows in lists.items()}
    users = len(found.askers) // len(found.revealed_counts)
    points = [
        _point({name: found.split_by_point(values)[at] for name, values in scores.items()})
        for at in range(len(found.revealed_counts))
    ]
    return {
        "dataset": dataset.name,
        "cut": CUT,
        "users": users,
        "points": dict(zip(map(str, found.revealed_counts), points, strict=True)),
    }


def _point(scores: dict[str, Any]) -> dict[str, Any]:
    """Give means, and the difference of the funnel, or else of the first, to every method."""
    methods = list(scores)
    drawn = Bootstrap.of(np.stack(list(scores.values()), axis=1), SEED)
    return {
        name: {
            "ndcg@10": drawn.mean(at),
            "difference": drawn.difference(0, at),
            "ratio": drawn.ratio(0, at),
        }
        for at, name in enumerate(methods)
    }


def _of_libraries(dataset: Dataset, found: NewUsers) -> dict[str, Lists]:
    """Ask the tuned ones that can fold in; popular items stand in where they are mute."""
    selection, tests = selection_windows(dataset), test_windows(dataset, TEST_CUTS)
    folder = libraries.CACHE / f"{dataset.name}-{compute_digest(selection, tests)}"
    asked = folder / "newcomers.npz"
    known = [
        name
        for name in FOLD_IN_LIBRARIES
        if (libraries.result_folder(name, folder) / "told.json").exists()
    ]
    if not known:
        return {}
    build_fold_in_task(dataset, found).save(asked)
    lists = {name: _folded(name, folder, asked) for name in known}
    instead = lists["popularity"] if "popularity" in lists else _popular(dataset, found)
    return {name: np.where(rows[:, :1] < 0, instead, rows) for name, rows in lists.items()}


def _folded(name: str, folder: Path, asked: Path) -> Lists:
    library, place = LIBRARIES[name], libraries.result_folder(name, folder)
    out = place / "newcomers.npy"
    command = [
        *libraries.interpreter(library.environment),
        "-m",
        "benchmarks.quality.peers.fold_in",
        library.module,
    ]
    command += [name, *(str(path.resolve()) for path in (place / "told.json", asked, out))]
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT)  # noqa: S603
    lists: Lists = np.load(out, allow_pickle=False)[:, :MAX_LIST_LENGTH]
    return lists


def _popular(dataset: Dataset, found: NewUsers) -> Lists:
    counts = np.bincount(found.window.log.items, minlength=len(dataset.catalogue))
    order = np.argsort(-counts, kind="stable").astype(np.int64)
    return popular_lists(order, found.revealed_rows(), MAX_LIST_LENGTH)


def _of_ours(dataset: Dataset, found: NewUsers) -> dict[str, Lists]:
    """Ask the funnel, to which the events come with the request."""
    config = JobConfig()
    cpu = Cpu(threads=1)
    try:
        wiring = FunnelConfig(cpu, NO_CHECKPOINTS, config.sizes, config.policy)
        funnel = funnel_lists.train_funnel(dataset, found.window, config, wiring)
        return asyncio.run(_asked(funnel, dataset, found, config.seed))
    finally:
        cpu.close()


async def _asked(funnel: Funnel, dataset: Dataset, found: NewUsers, seed: int) -> dict[str, Lists]:
    slates = [
        await recommend_once(funnel, Request(name, K, seed, arrived=0.0, inline=asker.since))
        for name, asker in zip(user_ids(dataset, found.askers), found.askers, strict=True)
    ]
    lists = {funnel_lists.FUNNEL: pad_lists([slate.selection.pool.rows for slate in slates])}
    for column, channel in enumerate(CHANNELS):
        lists[funnel_lists.channel_method(channel)] = pad_lists(
            [slate.proposals[column].rows for slate in slates]
        )
    return lists


def table(result: dict[str, Any]) -> Table:
    """Show methods by points, best at the last but one first."""
    points = list(result["points"])
    shown = Table(title=f"{result['dataset']}: {result['users']} new users, NDCG@10 by events")
    shown.add_column("method")
    for point in points:
        shown.add_column(point, justify="right")
    order = result["points"][points[-2]]
    for name in sorted(order, key=lambda method: -order[method]["ndcg@10"]["mean"]):
        figures = [result["points"][point][name]["ndcg@10"] for point in points]
        shown.add_row(name, *(f"{f['mean']:.3f} ({f['low']:.3f}-{f['high']:.3f})" for f in figures))
    return shown


def main(
    data: Annotated[Path, typer.Option(help="Folder of the data set.")],
    own: Annotated[bool, typer.Option("--ours/--no-ours", help="Ask the funnel too.")] = True,  # noqa: FBT002
    out: Annotated[Path, typer.Option(help="Folder of the result.")] = RESULTS,
) -> None:
    """Draw the curve; write it and print it."""
    try:
        dataset = load_dataset(data, None, MAX_BAD_SHARE).dataset
        result = compute_curve(dataset, select_new_users(dataset, CUT, REVEALED_EVENTS), own)
    except DataError as error:
        console.print(str(error), markup=False)
        sys.exit(1)
    path = out / f"{dataset.name}-new-users.json"
    path.write_bytes(orjson.dumps(result, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY))
    Console(width=max(console.width, TABLE_WIDTH)).print(table(result))
    console.print(f"The whole result is in {path}", soft_wrap=True)


if __name__ == "__main__":
    typer.run(main)
