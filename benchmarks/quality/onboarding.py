"""What asking newcomers is worth: the lists of those who answered, and of the same, not asked.

    python -m benchmarks.quality.onboarding --data data/ml-100k

The models are frozen before the users come. Every list, by popularity too, leaves out whatever any
way of choosing would have asked the user about, and none of it counts as a hit: so all are judged
on the same items, and an answer is worth only what it says of others.
"""

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import orjson
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from app.build import FunnelConfig
from app.contracts import NO_HISTORY, History, Request
from app.cpu import Cpu
from app.deadline import NO_CHECKPOINTS
from app.funnel import Funnel
from benchmarks.quality import funnel_lists
from benchmarks.quality.onboarding_answers import (
    LENGTHS,
    POPULAR,
    OnboardingUsers,
    build_history,
    select_onboarding_users,
)
from benchmarks.quality.run import RESULTS, TABLE_WIDTH
from benchmarks.quality.window_lists import SEED, K, compute_headline
from benchmarks.quality.windows import BenchmarkWindow, rolling_window
from offline.data.dataset import Dataset
from offline.data.errors import DataError
from offline.data.readers import MAX_BAD_SHARE, LoadedData, load_dataset
from offline.evaluate.baselines import ALL_TIME, popular_lists, popularity_order
from offline.evaluate.funnel_answers import pad_lists
from offline.evaluate.intervals import Bootstrap
from offline.evaluate.metrics import Lists, PerUser
from offline.evaluate.rowsets import RowSets
from offline.job import JobConfig
from offline.training.replay import recommend_once

CUT = 0.8  # share of the interactions that the models know
NOTHING, POPULARITY = "nothing", "nothing: popularity"
console = Console()


def measure(reading: LoadedData, window: BenchmarkWindow) -> dict[str, Any]:
    """Give NDCG@10 and the answers by way of choosing and number of questions."""
    config, cpu = JobConfig(), Cpu(threads=1)
    try:
        wiring = FunnelConfig(cpu, NO_CHECKPOINTS, config.sizes, config.policy)
        funnel = funnel_lists.train_funnel(reading.dataset, window, config, wiring)
        found = select_onboarding_users(reading.dataset, window, funnel.query_builder.models)
        scores = asyncio.run(compute_scores(funnel, reading, window, found))
    finally:
        cpu.close()
    asked = {"cut": CUT, "seed": SEED, "users": len(found.users)}
    return {"dataset": reading.dataset.name, **asked, "asked": _figures(scores, found)}


async def compute_scores(
    funnel: Funnel, reading: LoadedData, window: BenchmarkWindow, found: OnboardingUsers
) -> dict[tuple[str, int], PerUser]:
    """Give NDCG@10 of each user, (u,), by what they were asked about, and how many items."""
    unasked = [NO_HISTORY] * len(found.users)
    lists = {
        (NOTHING, 0): await _lists(funnel, reading.dataset, found, unasked),
        (POPULARITY, 0): _popular(funnel, found),
    }
    for way, rows in found.questions.items():
        for n in LENGTHS:
            pairs = zip(rows[:, :n], found.answers_to(way, n), strict=True)
            said = [
                build_history(reading.dataset, reading.event_weights, asked, answers, window.cut)
                for asked, answers in pairs
            ]
            lists[way, n] = await _lists(funnel, reading.dataset, found, said)
    return {key: compute_headline(rows, found.relevant) for key, rows in lists.items()}


async def _lists(
    funnel: Funnel, dataset: Dataset, found: OnboardingUsers, said: list[History]
) -> Lists:
    """Ask the funnel for every user, with what they said sent along."""
    users, excluded = dataset.users.names(found.users), found.all_questions()
    asked = [
        Request(user, K, SEED, arrived=0.0, inline=events, exclude=rows)
        for user, events, rows in zip(users, said, excluded, strict=True)
    ]
    slates = [await recommend_once(funnel, request) for request in asked]
    return pad_lists([slate.selection.pool.rows for slate in slates])


def _popular(funnel: Funnel, found: OnboardingUsers) -> Lists:
    order = popularity_order(funnel.query_builder.models.popularity, ALL_TIME)
    return popular_lists(order, RowSets.of(list(found.all_questions())), K)


def _figures(
    scores: Mapping[tuple[str, int], PerUser], found: OnboardingUsers
) -> list[dict[str, Any]]:
    """Give a line for everything asked: means, and what the answers add, with intervals."""
    keys = list(scores)
    drawn = Bootstrap.of(np.stack(list(scores.values()), axis=1), SEED)
    lines = []
    for at, (way, n) in enumerate(keys):
        line = {
            "about": way,
            "items": n,
            "ndcg@10": drawn.mean(at),
            "gain": drawn.difference(at, 0),
        }
        if n:
            line["to most popular"] = drawn.difference(at, keys.index((POPULAR, n)))
            line |= _answered(found.answers_to(way, n))
        lines.append(line)
    return lines


def _answered(said: NDArray[np.int8]) -> dict[str, float]:
    """Count answers (u, n): likes and dislikes of a user, and the share with any."""
    return {
        "likes": float((said > 0).sum(axis=1).mean()),
        "dislikes": float((said < 0).sum(axis=1).mean()),
        "answering": float((said != 0).any(axis=1).mean()),
    }


def table(result: Mapping[str, Any]) -> Table:
    """Show a line for everything asked."""
    shown = Table(title=f"{result['dataset']}: {result['users']} new users asked about items")
    shown.add_column("asked about")
    for head in ("items", "likes", "dislikes", "answering", "NDCG@10", "gain", "to most popular"):
        shown.add_column(head, justify="right")
    for line in result["asked"]:
        said = [f"{line[key]:.1f}" for key in ("likes", "dislikes") if key in line] or ["", ""]
        share = f"{line['answering']:.0%}" if "answering" in line else ""
        mean = "{mean:.3f} ({low:.3f} to {high:.3f})".format_map(line["ndcg@10"])
        gains = [_signed(line[key]) if key in line else "" for key in ("gain", "to most popular")]
        shown.add_row(line["about"], str(line["items"] or ""), *said, share, mean, *gains)
    return shown


def _signed(interval: Mapping[str, float]) -> str:
    return "{mean:+.3f} ({low:+.3f} to {high:+.3f})".format_map(interval)


def main(
    data: Annotated[Path, typer.Option(help="A data set with timestamps.")],
    results: Annotated[Path, typer.Option(help="Folder for the figures.")] = RESULTS,
) -> None:
    """Measure what asking is worth, and write it to RESULTS/onboarding-<data set>.json."""
    try:
        reading = load_dataset(data, max_bad_share=MAX_BAD_SHARE)
        if not reading.dataset.traits.has_times:
            raise DataError("Without timestamps nobody is new, so nobody can be asked.")
        result = measure(reading, rolling_window(reading.dataset.log, CUT, 1 - CUT))
    except DataError as error:
        console.print(str(error), markup=False)
        sys.exit(1)
    Console(width=max(console.width, TABLE_WIDTH)).print(table(result))
    path = results / f"onboarding-{result['dataset']}.json"
    path.write_bytes(orjson.dumps(result, option=orjson.OPT_INDENT_2) + b"\n")


if __name__ == "__main__":
    typer.run(main)
