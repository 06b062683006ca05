"""The worth of friends: the funnel is trained and asked with them and without them.

    python -m benchmarks.quality.social --data data/lastfm-2k

Where the data has no timestamps, users arrive at random moments, so that some have friends and no
history.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.quality import funnel_lists
from benchmarks.quality.result_file import write_result
from benchmarks.quality.run import RESULTS
from benchmarks.quality.windows import (
    MAX_LIST_LENGTH,
    SEED,
    BenchmarkWindow,
    compute_headline,
    rolling_window,
)
from offline.config import JobConfig
from offline.data.dataset import Dataset, Log
from offline.data.readers import MAX_BAD_SHARE, load_dataset
from offline.evaluate.baselines import ALL_TIME, popular_lists, popularity_order
from offline.evaluate.intervals import Bootstrap
from offline.evaluate.metrics import PerUser
from offline.models.popularity import PopularityConfig, fit_popularity

CUT = 0.8  # share of the interactions that the models learn from
METHODS = ("with friends", "without friends", "social alone", "popularity")
console = Console()


def with_random_arrivals(dataset: Dataset, seed: int = SEED) -> Dataset:
    """Return the data with random times: each user arrives at a moment and acts from then on."""
    random, log = np.random.default_rng(seed), dataset.log
    arrival = random.random(len(dataset.users))[log.users]
    times = arrival + (1.0 - arrival) * random.random(len(log))
    order = np.argsort(times, kind="stable")
    ordered = log.take(order)
    timed = Log(ordered.users, ordered.items, ordered.values, ordered.weights, times[order])
    return replace(dataset, log=timed)


def compute_scores(dataset: Dataset, window: BenchmarkWindow) -> dict[str, PerUser]:
    """Return NDCG@10 of every method for each user of the window, (u,) each."""
    config, friendless = JobConfig(), replace(dataset, friends=dataset.friends[:0])
    with_friends = funnel_lists.compute_funnel_lists(dataset, window, config).lists
    without_friends = funnel_lists.compute_funnel_lists(friendless, window, config).lists
    popular = fit_popularity(window.log, len(dataset.catalogue), window.cut, PopularityConfig())
    lists = {
        "with friends": with_friends[funnel_lists.FUNNEL],
        "without friends": without_friends[funnel_lists.FUNNEL],
        "social alone": with_friends[funnel_lists.channel_method("social")],
        "popularity": popular_lists(
            popularity_order(popular, ALL_TIME), window.seen(), MAX_LIST_LENGTH
        ),
    }
    return {name: compute_headline(rows, window.relevant) for name, rows in lists.items()}


def groups(dataset: Dataset, window: BenchmarkWindow) -> dict[str, NDArray[np.bool_]]:
    """Group the window's users by whether they have a history and friends."""
    has_friends = np.isin(window.users, dataset.friends[:, 0])
    new = window.events == 0
    return {
        "all users": np.ones(len(new), np.bool_),
        "with a history and friends": ~new & has_friends,
        "new users with friends": new & has_friends,
        "new users without friends": new & ~has_friends,
    }


def measure(dataset: Dataset, window: BenchmarkWindow) -> dict[str, Any]:
    """Return means by group, and what friends add, with its 95 % interval."""
    scores = compute_scores(dataset, window)
    results = {
        name: _means({method: values[of] for method, values in scores.items()})
        for name, of in groups(dataset, window).items()
        if of.any()
    }
    return {"dataset": dataset.name, "cut": CUT, "seed": SEED, "groups": results}


def _means(scores: Mapping[str, PerUser]) -> dict[str, Any]:
    drawn = Bootstrap.of(np.stack(list(scores.values()), axis=1), SEED)
    return {
        "users": len(scores[METHODS[0]]),
        "ndcg": {method: float(values.mean()) for method, values in scores.items()},
        "gain": drawn.difference(0, 1),
    }


def print_result(result: Mapping[str, Any]) -> None:
    """Print a result."""
    table = Table(title=f"NDCG@10 on {result['dataset']}, users arriving at random moments")
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
    print_result(result)
    write_result(results / f"social-{dataset.name}.json", result)


if __name__ == "__main__":
    typer.run(main)
