"""What friends are worth: the funnel trained and asked with and without them.

    python -m benchmarks.quality.social --data data/lastfm-2k

Where the data has no timestamps users are made to arrive one after another, so that some come who
are known by their friends only.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import orjson
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.quality import funnel_lists
from benchmarks.quality.run import RESULTS
from benchmarks.quality.window_lists import MAX_LIST_LENGTH, SEED, compute_headline
from benchmarks.quality.windows import BenchmarkWindow, rolling_window
from offline.data.dataset import Dataset, Log
from offline.data.readers import MAX_BAD_SHARE, load_dataset
from offline.evaluate.baselines import ALL_TIME, popular_lists, popularity_order
from offline.evaluate.intervals import Bootstrap
from offline.evaluate.metrics import PerUser
from offline.job import JobConfig
from offline.models.popularity import PopularityConfig, fit_popularity

CUT = 0.8  # share of the interactions that the models know
METHODS = ("with friends", "without friends", "social alone", "popularity")
console = Console()


def with_random_arrivals(dataset: Dataset, seed: int = SEED) -> Dataset:
    """Give untimed data in which each user arrives at a random moment and acts from then on."""
    random, log = np.random.default_rng(seed), dataset.log
    arrival = random.random(len(dataset.users))[log.users]
    times = arrival + (1.0 - arrival) * random.random(len(log))
    order = np.argsort(times, kind="stable")
    made = log.take(order)
    again = Log(made.users, made.items, made.values, made.weights, times[order])
    return replace(dataset, log=again)


def compute_scores(dataset: Dataset, window: BenchmarkWindow) -> dict[str, PerUser]:
    """Give NDCG@10 of every method for each user of the window, (u,) each."""
    config, alone = JobConfig(), replace(dataset, friends=dataset.friends[:0])
    told, untold = (
        funnel_lists.compute_funnel_lists(dataset, window, config),
        funnel_lists.compute_funnel_lists(alone, window, config),
    )
    popular = fit_popularity(window.log, len(dataset.catalogue), window.cut, PopularityConfig())
    lists = {
        "with friends": told.lists[funnel_lists.FUNNEL],
        "without friends": untold.lists[funnel_lists.FUNNEL],
        "social alone": told.lists[funnel_lists.channel_method("social")],
        "popularity": popular_lists(
            popularity_order(popular, ALL_TIME), window.seen(), MAX_LIST_LENGTH
        ),
    }
    return {name: compute_headline(rows, window.relevant) for name, rows in lists.items()}


def groups(dataset: Dataset, window: BenchmarkWindow) -> dict[str, NDArray[np.bool_]]:
    """Part the window's users by whether they had a history, and friends."""
    befriended = np.isin(window.users, dataset.friends[:, 0])
    new = window.events == 0
    return {
        "all users": np.ones(len(new), np.bool_),
        "with a history and friends": ~new & befriended,
        "newcomers with friends": new & befriended,
        "newcomers without friends": new & ~befriended,
    }


def measure(dataset: Dataset, window: BenchmarkWindow) -> dict[str, Any]:
    """Give means by group, and what friends add, with its 95 % interval."""
    scores = compute_scores(dataset, window)
    found = {
        name: _means({method: values[of] for method, values in scores.items()})
        for name, of in groups(dataset, window).items()
        if of.any()
    }
    return {"dataset": dataset.name, "cut": CUT, "seed": SEED, "groups": found}


def _means(scores: Mapping[str, PerUser]) -> dict[str, Any]:
    drawn = Bootstrap.of(np.stack(list(scores.values()), axis=1), SEED)
    return {
        "users": len(scores[METHODS[0]]),
        "ndcg": {method: float(values.mean()) for method, values in scores.items()},
        "gain": drawn.difference(0, 1),
    }


def show(result: Mapping[str, Any]) -> None:
    """Print a result."""
    table = Table(title=f"NDCG@10 on {result['dataset']}, users arriving one after another")
    for head in ("", "users", *METHODS, "friends add"):
        table.add_column(head, justify="left" if not head else "right")
    for name, one in result["groups"].items():
        figures = [f"{one['ndcg'][method]:.3f}" for method in METHODS]
        interval = "{mean:+.3f} ({low:+.3f} to {high:+.3f})".format_map(one["gain"])
        table.add_row(name, str(one["users"]), *figures, interval)
    console.print(table)


def main(
    data: Annotated[Path, typer.Option(help="A data set with friends.")],
    results: Annotated[Path, typer.Option(help="Folder for the figures.")] = RESULTS,
) -> None:
    """Measure what friends add, and write it to RESULTS/social-<data set>.json."""
    dataset = load_dataset(data, max_bad_share=MAX_BAD_SHARE).dataset
    if not len(dataset.friends):
        raise typer.BadParameter(f"{data} has no file of friends")
    dataset = dataset if dataset.traits.has_times else with_random_arrivals(dataset)
    result = measure(dataset, rolling_window(dataset.log, CUT, 1 - CUT))
    show(result)
    path = results / f"social-{dataset.name}.json"
    path.write_bytes(orjson.dumps(result, option=orjson.OPT_INDENT_2) + b"\n")


if __name__ == "__main__":
    typer.run(main)
