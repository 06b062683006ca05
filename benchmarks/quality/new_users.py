"""The new-user curve: the models are fitted before the users come, then events are revealed.

    python -m benchmarks.quality.new_users --data data/ml-100k

The libraries have the settings that ``benchmarks.quality.run`` chose, so run that first.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from app.contracts import Request
from app.funnel import Funnel
from app.recall.registry import CHANNELS
from benchmarks.quality import funnel_lists, libraries
from benchmarks.quality.exchange import DETAILS_FILE
from benchmarks.quality.first_events import (
    CUT,
    REVEALED_EVENTS,
    NewUsers,
    build_fold_in_task,
    select_new_users,
)
from benchmarks.quality.libraries import LIBRARIES, PEER_FOLDERS, PeerFolders
from benchmarks.quality.result_file import write_result
from benchmarks.quality.run import RESULTS, TABLE_WIDTH
from benchmarks.quality.tasks import compute_digest
from benchmarks.quality.windows import (
    MAX_LIST_LENGTH,
    SEED,
    TEST_CUTS,
    K,
    compute_headline,
    selection_windows,
    test_windows,
)
from offline.cli.errors import errors_as_sentences
from offline.config import JobConfig
from offline.data.dataset import Dataset
from offline.data.readers import MAX_BAD_SHARE, load_dataset
from offline.evaluate.baselines import popular_lists
from offline.evaluate.funnel_answers import pad_lists, user_ids
from offline.evaluate.intervals import Bootstrap
from offline.evaluate.metrics import Lists
from offline.training.past_requests import recommend_once

FOLD_IN_LIBRARIES = (
    *("popularity", "recency_popularity", "ease", "rp3beta"),
    *("ials_irspack", "item_knn", "user_knn", "ials_lenskit"),
)
console = Console()


def compute_curve(
    dataset: Dataset, new_users: NewUsers, lists: Mapping[str, Lists]
) -> dict[str, Any]:
    """Return NDCG@10 of every method at every point, and the first method against each."""
    relevant = new_users.relevant
    scores = {name: compute_headline(rows, relevant) for name, rows in lists.items()}
    users = len(new_users.users) // len(new_users.revealed_counts)
    points = [
        _point({name: new_users.split_by_point(values)[at] for name, values in scores.items()})
        for at in range(len(new_users.revealed_counts))
    ]
    return {
        "dataset": dataset.name,
        "cut": CUT,
        "users": users,
        "points": dict(zip(map(str, new_users.revealed_counts), points, strict=True)),
    }


def _point(scores: dict[str, Any]) -> dict[str, Any]:
    """Return the means of one point, and the first method compared with every method."""
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


def collect_library_lists(
    dataset: Dataset, new_users: NewUsers, folders: PeerFolders = PEER_FOLDERS
) -> dict[str, Lists]:
    """Compute the lists of the tuned libraries that fold in; popular items replace empty lists."""
    selection, tests = selection_windows(dataset), test_windows(dataset, TEST_CUTS)
    folder = folders.cache / f"{dataset.name}-{compute_digest(selection, tests)}"
    task = folder / "new-users.npz"
    tuned = [
        name
        for name in FOLD_IN_LIBRARIES
        if (libraries.result_folder(name, folder) / DETAILS_FILE).exists()
    ]
    if not tuned:
        return {}
    build_fold_in_task(dataset, new_users).save(task)
    lists = {name: _fold_in(name, folder, task, folders) for name in tuned}
    popular = lists["popularity"] if "popularity" in lists else _popular(dataset, new_users)
    return {name: np.where(rows[:, :1] < 0, popular, rows) for name, rows in lists.items()}


def _fold_in(name: str, folder: Path, task: Path, folders: PeerFolders) -> Lists:
    library, results = LIBRARIES[name], libraries.result_folder(name, folder)
    out = results / "new-users.npy"
    paths = (str(path.resolve()) for path in (results / DETAILS_FILE, task, out))
    folders.run(library.environment, "fold_in", library.module, name, *paths).check_returncode()
    lists: Lists = np.load(out, allow_pickle=False)[:, :MAX_LIST_LENGTH]
    return lists


def _popular(dataset: Dataset, new_users: NewUsers) -> Lists:
    counts = np.bincount(new_users.window.log.items, minlength=len(dataset.catalogue))
    order = np.argsort(-counts, kind="stable").astype(np.int64)
    return popular_lists(order, new_users.revealed_rows(), MAX_LIST_LENGTH)


def collect_funnel_lists(
    dataset: Dataset, new_users: NewUsers, train: funnel_lists.TrainFunction | None = None
) -> dict[str, Lists]:
    """Compute the lists of the funnel; each request carries the revealed events."""
    config = JobConfig()
    with funnel_lists.run_funnel(dataset, new_users.window, config, train) as funnel:
        return asyncio.run(_collect_lists(funnel, dataset, new_users, config.seed))


async def _collect_lists(
    funnel: Funnel, dataset: Dataset, new_users: NewUsers, seed: int
) -> dict[str, Lists]:
    runs = [
        await recommend_once(funnel, Request(name, K, seed, arrived=0.0, inline=user.since))
        for name, user in zip(user_ids(dataset, new_users.users), new_users.users, strict=True)
    ]
    lists = {funnel_lists.FUNNEL: pad_lists([run.slate.pool.rows for run in runs])}
    for column, channel in enumerate(CHANNELS):
        lists[funnel_lists.channel_method(channel)] = pad_lists(
            [run.proposals[column].rows for run in runs]
        )
    return lists


def table(result: dict[str, Any]) -> Table:
    """Build a table of methods by points, the best at the last but one first."""
    points = list(result["points"])
    title = f"{result['dataset']}: {result['users']} new users, NDCG@10 by events"
    shown = Table("method", title=title)
    for point in points:
        shown.add_column(point, justify="right")
    order = result["points"][points[-2]]
    for name in sorted(order, key=lambda method: -order[method]["ndcg@10"]["mean"]):
        figures = [result["points"][point][name]["ndcg@10"] for point in points]
        shown.add_row(name, *(f"{f['mean']:.3f} ({f['low']:.3f}-{f['high']:.3f})" for f in figures))
    return shown


def main(
    data: Annotated[Path, typer.Option(help="Folder of the data set.")],
    own: Annotated[bool, typer.Option("--ours/--no-ours", help="Run the funnel too.")] = True,  # noqa: FBT002
    out: Annotated[Path, typer.Option(help="Folder of the result.")] = RESULTS,
) -> None:
    """Compute the curve, write it and print it."""
    with errors_as_sentences():
        dataset = load_dataset(data, None, MAX_BAD_SHARE).dataset
        new_users = select_new_users(dataset, CUT, REVEALED_EVENTS)
        lists = collect_library_lists(dataset, new_users)
        if own:
            lists = collect_funnel_lists(dataset, new_users) | lists
        result = compute_curve(dataset, new_users, lists)
    path = out / f"{dataset.name}-new-users.json"
    write_result(path, result)
    Console(width=max(console.width, TABLE_WIDTH)).print(table(result))
    console.print(f"The result is in {path}", soft_wrap=True)


if __name__ == "__main__":
    typer.run(main)
