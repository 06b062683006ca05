"""Every method by every metric, with intervals: one evaluation code for all of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from app.contracts import Matrix
from offline.evaluate import metrics
from offline.evaluate.figures import Comparison, Difference, Interval, Metrics
from offline.evaluate.intervals import RESAMPLES, Bootstrap
from offline.evaluate.metrics import Judged, Lists, PerUser
from offline.evaluate.rowsets import RowSets

REFERENCE = "funnel"  # the method that is compared with every other
EXPECTED = "popularity"  # what serendipity calls obvious
CUTS = (10, 20)
ACCURACY = {
    "ndcg": metrics.ndcg,
    "precision": metrics.precision,
    "recall": metrics.recall,
    "map": metrics.average_precision,
    "hit_rate": metrics.hit_rate,
}


@dataclass(frozen=True, slots=True, eq=False)
class Background:
    """What was known of the items when the lists were made."""

    counts: NDArray[np.float64]  # (n,) events on each item of the catalogue
    content: Matrix | None  # (n, d) item vectors; None: diversity is undefined


def evaluate(
    lists: Mapping[str, Lists],
    relevant: RowSets,
    background: Background,
    seed: int,
    resamples: int = RESAMPLES,
) -> Comparison:
    """Judge the lists (u, 20 or more) of each method; users without relevant items are left out.

    Raises:
        ValueError: "funnel" or "popularity" is missing, lists are shorter than 20 places, or
            no user has a relevant item.
    """
    if missing := {REFERENCE, EXPECTED} - lists.keys():
        raise ValueError(f"cannot compare without the lists of {sorted(missing)}")
    concerned = np.flatnonzero(relevant.sizes)
    wanted = relevant.take(concerned)
    kept = {method: rows[concerned] for method, rows in lists.items()}
    judged = {method: metrics.judge(rows, wanted) for method, rows in kept.items()}
    per_user = {
        (method, name): values
        for method, rows in kept.items()
        for name, values in (
            _accuracy(judged[method], graded=bool((wanted.grades != 1).any()))
            | _beyond(rows, judged[method], kept[EXPECTED], background)
        ).items()
    }
    bootstrap = Bootstrap.of(np.stack(list(per_user.values()), axis=1), seed, resamples)
    place = {key: column for column, key in enumerate(per_user)}
    return Comparison(
        evaluated_users=len(concerned),
        methods={
            method: _means(bootstrap, place, method) | _coverage(rows, len(background.counts))
            for method, rows in kept.items()
        },
        differences={
            method: _differences(bootstrap, place, method) for method in kept if method != REFERENCE
        },
    )


def _accuracy(judged: Judged, *, graded: bool) -> dict[str, PerUser]:
    chosen = dict(ACCURACY)
    if graded:
        chosen["graded_ndcg"] = partial(metrics.ndcg, graded=True)
    return {f"{name}@{k}": metric(judged, k) for k in CUTS for name, metric in chosen.items()}


def _beyond(
    rows: Lists, judged: Judged, expected: Lists, background: Background
) -> dict[str, PerUser]:
    values = {}
    for k in CUTS:
        values[f"diversity@{k}"] = (
            np.full(len(rows), np.nan)
            if background.content is None
            else metrics.diversity(rows, k, background.content)
        )
        values[f"novelty@{k}"] = metrics.novelty(rows, k, background.counts)
        values[f"serendipity@{k}"] = metrics.serendipity(rows, judged, expected, k)
    return values


def _coverage(rows: Lists, n: int) -> Metrics:
    """Measure all lists together; a resample of users has fewer lists, so there are no bounds."""
    return {
        f"coverage@{k}": Interval(mean=metrics.coverage(rows, k, n), low=None, high=None)
        for k in CUTS
    }


def _means(bootstrap: Bootstrap, place: Mapping[tuple[str, str], int], method: str) -> Metrics:
    return {name: bootstrap.mean(at) for (owner, name), at in place.items() if owner == method}


def _differences(
    bootstrap: Bootstrap, place: Mapping[tuple[str, str], int], method: str
) -> dict[str, Difference]:
    return {
        name: Difference(
            difference=bootstrap.difference(place[REFERENCE, name], at),
            ratio=bootstrap.ratio(place[REFERENCE, name], at),
        )
        for (owner, name), at in place.items()
        if owner == method
    }
