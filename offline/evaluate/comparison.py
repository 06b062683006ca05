"""Every method by every metric, with intervals: one evaluation code for all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from app.contracts import Matrix
from offline.evaluate import metrics
from offline.evaluate.figures import Comparison, Difference, Interval, MetricFigures
from offline.evaluate.intervals import RESAMPLES, Bootstrap
from offline.evaluate.metrics import GradedLists, Lists, PerUser
from offline.evaluate.rowsets import RowSets

REFERENCE = "funnel"  # the method that is compared with every other
OBVIOUS = "popularity"  # what serendipity calls obvious
CUTS = (10, 20)
ACCURACY = {
    "ndcg": metrics.ndcg,
    "precision": metrics.precision,
    "recall": metrics.recall,
    "map": metrics.average_precision,
    "hit_rate": metrics.hit_rate,
}


@dataclass(frozen=True, slots=True, eq=False)
class ItemBackground:
    """What was known of the items when the lists were made."""

    counts: NDArray[np.float64]  # (n,) events on each item of the catalogue
    content: Matrix | None  # (n, d) item vectors; None: diversity is undefined


@dataclass(frozen=True, slots=True, eq=False)
class UserMetrics:
    """Every method by every metric, for each user alone; what several windows say is pooled."""

    persons: NDArray[np.int64]  # (u,) whom each line is of; one who came twice has two lines
    per_user: dict[tuple[str, str], PerUser]  # (method, metric) -> (u,)
    coverage: dict[str, dict[str, float]]  # method -> metric -> share of the catalogue

    @classmethod
    def pool(cls, parts: Sequence["UserMetrics"]) -> "UserMetrics":
        """Put the users of several windows end to end; coverage is the windows' mean."""
        first = parts[0]
        return cls(
            np.concatenate([part.persons for part in parts]),
            {key: np.concatenate([p.per_user[key] for p in parts]) for key in first.per_user},
            {
                method: {
                    name: float(np.mean([part.coverage[method][name] for part in parts]))
                    for name in covered
                }
                for method, covered in first.coverage.items()
            },
        )


def compare_methods(
    lists: Mapping[str, Lists],
    relevant: RowSets,
    background: ItemBackground,
    seed: int,
    resamples: int = RESAMPLES,
) -> Comparison:
    """Judge the lists (u, 20 or more) of each method; users without relevant items are left out.

    Raises:
        ValueError: "funnel" or "popularity" is missing, lists are shorter than 20 places, or
            no user has a relevant item.
    """
    if REFERENCE not in lists:
        raise ValueError(f"cannot compare without the lists of {[REFERENCE]}")
    graded = bool((relevant.grades != 1).any())
    return summarise(
        compute_user_metrics(lists, relevant, background, graded=graded), seed, resamples=resamples
    )


def compute_user_metrics(
    lists: Mapping[str, Lists], relevant: RowSets, background: ItemBackground, *, graded: bool
) -> UserMetrics:
    """Judge the lists of each method, user by user; those without relevant items are left out.

    ``persons`` are the numbers of the users in ``relevant``.

    Raises:
        ValueError: "popularity" is missing, or lists are shorter than 20 places.
    """
    if OBVIOUS not in lists:
        raise ValueError(f"cannot compare without the lists of {[OBVIOUS]}")
    concerned = np.flatnonzero(relevant.sizes)
    wanted = relevant.take(concerned)
    kept = {method: rows[concerned] for method, rows in lists.items()}
    judged = {method: metrics.grade_lists(rows, wanted) for method, rows in kept.items()}
    return UserMetrics(
        concerned,
        {
            (method, name): values
            for method, rows in kept.items()
            for name, values in (
                _accuracy(judged[method], graded=graded)
                | _beyond(rows, judged[method], kept[OBVIOUS], background)
            ).items()
        },
        {method: _coverage(rows, len(background.counts)) for method, rows in kept.items()},
    )


def summarise(
    measured: UserMetrics, seed: int, reference: str = REFERENCE, resamples: int = RESAMPLES
) -> Comparison:
    """Give means with intervals, and how ``reference`` does against every other method.

    Raises:
        ValueError: no user has a relevant item.
    """
    columns = np.stack(list(measured.per_user.values()), axis=1)
    bootstrap = Bootstrap.of(columns, seed, resamples, measured.persons)
    place = {key: column for column, key in enumerate(measured.per_user)}
    return Comparison(
        evaluated_users=len(measured.persons),
        methods={
            method: _means(bootstrap, place, method)
            | {name: Interval(mean=share, low=None, high=None) for name, share in covered.items()}
            for method, covered in measured.coverage.items()
        },
        differences={
            method: _differences(bootstrap, place, (reference, method))
            for method in measured.coverage
            if method != reference
        },
    )


def _accuracy(judged: GradedLists, *, graded: bool) -> dict[str, PerUser]:
    chosen = dict(ACCURACY)
    if graded:
        chosen["graded_ndcg"] = partial(metrics.ndcg, graded=True)
    return {f"{name}@{k}": metric(judged, k) for k in CUTS for name, metric in chosen.items()}


def _beyond(
    rows: Lists, judged: GradedLists, expected: Lists, background: ItemBackground
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


def _coverage(rows: Lists, n: int) -> dict[str, float]:
    """Measure all lists together; a resample of users has fewer lists, so there are no bounds."""
    return {f"coverage@{k}": metrics.coverage(rows, k, n) for k in CUTS}


def _means(
    bootstrap: Bootstrap, place: Mapping[tuple[str, str], int], method: str
) -> MetricFigures:
    return {name: bootstrap.mean(at) for (owner, name), at in place.items() if owner == method}


def _differences(
    bootstrap: Bootstrap, place: Mapping[tuple[str, str], int], pair: tuple[str, str]
) -> dict[str, Difference]:
    reference, method = pair
    return {
        name: Difference(
            difference=bootstrap.difference(place[reference, name], at),
            ratio=bootstrap.ratio(place[reference, name], at),
        )
        for (owner, name), at in place.items()
        if owner == method
    }
