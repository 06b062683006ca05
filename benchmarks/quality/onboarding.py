"""The worth of onboarding questions: lists of new users with their answers and without.

    python -m benchmarks.quality.onboarding --data data/ml-100k

The models are fitted before the users come. Every list, the popular one included, leaves out all
items that any way of choosing asks the user about, and none of them counts as a hit. So all lists
are evaluated on the same items, and an answer is worth only what it says about others.
"""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from app.contracts import NO_HISTORY, History, Request
from app.funnel import Funnel
from benchmarks.quality import funnel_lists
from benchmarks.quality.onboarding_answers import (
    LENGTHS,
    POPULAR,
    OnboardingUsers,
    build_history,
    select_onboarding_users,
)
from benchmarks.quality.result_file import write_result
from benchmarks.quality.run import RESULTS, TABLE_WIDTH
from benchmarks.quality.windows import SEED, BenchmarkWindow, K, compute_headline, rolling_window
from offline.cli.errors import errors_as_sentences
from offline.config import JobConfig
from offline.data.dataset import Dataset
from offline.data.errors import DataError
from offline.data.readers import MAX_BAD_SHARE, LoadedData, load_dataset
from offline.evaluate.baselines import ALL_TIME, popular_lists, popularity_order
from offline.evaluate.funnel_answers import pad_lists
from offline.evaluate.intervals import Bootstrap
from offline.evaluate.metrics import Lists, PerUser
from offline.evaluate.rowsets import RowSets
from offline.training.past_requests import recommend_once

CUT = 0.8  # share of the interactions that the models learn from
NO_QUESTIONS, POPULARITY = "none", "none; list by popularity"
console = Console()


def measure(
    data: LoadedData,
    cut: float = CUT,
    lengths: Sequence[int] = LENGTHS,
    train: funnel_lists.TrainFunction | None = None,
) -> dict[str, Any]:
    """Return NDCG@10 and the answers by way of choosing and number of questions.

    Raises:
        DataError: the data has no timestamps, or no user is new.
    """
    dataset = data.dataset
    if not dataset.traits.has_times:
        raise DataError("Without timestamps no user is new, so there is nobody to ask.")
    window = rolling_window(dataset.log, cut, 1 - cut)
    with funnel_lists.run_funnel(dataset, window, JobConfig(), train) as funnel:
        models = funnel.query_builder.models
        users = select_onboarding_users(dataset, window, models, max(lengths))
        scores = asyncio.run(compute_scores(funnel, data, window, users, lengths))
    return {
        "dataset": data.dataset.name,
        "cut": cut,
        "seed": SEED,
        "users": len(users.users),
        "questions": _figures(scores, users),
    }


async def compute_scores(
    funnel: Funnel,
    data: LoadedData,
    window: BenchmarkWindow,
    users: OnboardingUsers,
    lengths: Sequence[int],
) -> dict[tuple[str, int], PerUser]:
    """Return NDCG@10 of each user, (u,), by way of choosing and number of questions."""
    no_answers = [NO_HISTORY] * len(users.users)
    lists = {
        (NO_QUESTIONS, 0): await _lists(funnel, data.dataset, users, no_answers),
        (POPULARITY, 0): _popular(funnel, users),
    }
    for way, rows in users.questions.items():
        for n in lengths:
            pairs = zip(rows[:, :n], users.answers_to(way, n), strict=True)
            histories = [
                build_history(data.dataset, data.event_weights, items, answers, window.cut)
                for items, answers in pairs
            ]
            lists[way, n] = await _lists(funnel, data.dataset, users, histories)
    return {key: compute_headline(rows, users.relevant) for key, rows in lists.items()}


async def _lists(
    funnel: Funnel, dataset: Dataset, users: OnboardingUsers, histories: list[History]
) -> Lists:
    """Compute the list of every user; each request carries the answers as its history."""
    names, excluded = dataset.users.names(users.users), users.all_questions()
    requests = [
        Request(user, K, SEED, arrived=0.0, inline=events, exclude=rows)
        for user, events, rows in zip(names, histories, excluded, strict=True)
    ]
    runs = [await recommend_once(funnel, request) for request in requests]
    return pad_lists([run.slate.pool.rows for run in runs])


def _popular(funnel: Funnel, users: OnboardingUsers) -> Lists:
    order = popularity_order(funnel.query_builder.models.popularity, ALL_TIME)
    return popular_lists(order, RowSets.of(list(users.all_questions())), K)


def _figures(
    scores: Mapping[tuple[str, int], PerUser], users: OnboardingUsers
) -> list[dict[str, Any]]:
    """Return a line for each way and number: means, and what the answers add, with intervals."""
    keys = list(scores)
    drawn = Bootstrap.of(np.stack(list(scores.values()), axis=1), SEED)
    lines = []
    for at, (way, n) in enumerate(keys):
        line = {
            "way": way,
            "items": n,
            "ndcg@10": drawn.mean(at),
            "gain": drawn.difference(at, 0),
        }
        if n:
            line["to most popular"] = drawn.difference(at, keys.index((POPULAR, n)))
            line |= _count_answers(users.answers_to(way, n))
        lines.append(line)
    return lines


def _count_answers(answers: NDArray[np.int8]) -> dict[str, float]:
    """Count the answers (u, n): likes and dislikes a user, and the share of users with any."""
    return {
        "likes": float((answers > 0).sum(axis=1).mean()),
        "dislikes": float((answers < 0).sum(axis=1).mean()),
        "answering": float((answers != 0).any(axis=1).mean()),
    }


def table(result: Mapping[str, Any]) -> Table:
    """Build a table with a row for each way of choosing and number of questions."""
    title = f"{result['dataset']}: {result['users']} new users asked about items"
    shown = Table("questions", title=title)
    for head in ("items", "likes", "dislikes", "answering", "NDCG@10", "gain", "to most popular"):
        shown.add_column(head, justify="right")
    for line in result["questions"]:
        counts = [f"{line[key]:.1f}" for key in ("likes", "dislikes") if key in line] or ["", ""]
        share = f"{line['answering']:.0%}" if "answering" in line else ""
        mean = "{mean:.3f} ({low:.3f} to {high:.3f})".format_map(line["ndcg@10"])
        gains = [_signed(line[key]) if key in line else "" for key in ("gain", "to most popular")]
        shown.add_row(line["way"], str(line["items"] or ""), *counts, share, mean, *gains)
    return shown


def _signed(interval: Mapping[str, float]) -> str:
    return "{mean:+.3f} ({low:+.3f} to {high:+.3f})".format_map(interval)


def main(
    data: Annotated[Path, typer.Option(help="A data set with timestamps.")],
    results: Annotated[Path, typer.Option(help="Folder for the figures.")] = RESULTS,
) -> None:
    """Measure the worth of questions, and write it to RESULTS/onboarding-<data set>.json."""
    with errors_as_sentences():
        loaded = load_dataset(data, max_bad_share=MAX_BAD_SHARE)
        result = measure(loaded)
    Console(width=max(console.width, TABLE_WIDTH)).print(table(result))
    write_result(results / f"onboarding-{result['dataset']}.json", result)


if __name__ == "__main__":
    typer.run(main)
