"""Every method by every metric, with intervals. All methods are evaluated by this one code."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from app.contracts import Matrix
from offline.evaluate import metrics
from offline.evaluate.figures import HEADLINE, Comparison, Difference, Interval, MetricFigures
from offline.evaluate.intervals import RESAMPLES, Bootstrap
from offline.evaluate.metrics import GradedLists, Lists, PerUser
from offline.evaluate.rowsets import RowSets

REFERENCE = "funnel"  # the method that is compared with every other
RANKING = "ranking"  # the funnel without exploration and without the bonus of new items
OBVIOUS = "popularity"  # the method whose items count as obvious, for serendipity
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
    """The events on each item and its content, as of the moment of the lists."""

    counts: NDArray[np.float64]  # (n,) events on each item of the catalogue
    content: Matrix | None  # (n, d) item vectors; None: diversity is undefined


@dataclass(frozen=True, slots=True, eq=False)
class UserMetrics:
    """Every method by every metric, for each user. Several windows can be pooled."""

    users: NDArray[np.int64]  # (u,) the user of each line; a user of two windows has two lines
    per_user: dict[tuple[str, str], PerUser]  # (method, metric) -> (u,)
    # method -> metric -> share of the catalogue, of all lists together: there are no bounds,
    # because a resample of users has fewer lists
    coverage: dict[str, dict[str, float]]

    @classmethod
    def pool(cls, parts: Sequence["UserMetrics"]) -> "UserMetrics":
        """Join the users of several windows; coverage is the mean of the windows."""
        first = parts[0]
        return cls(
            np.concatenate([part.users for part in parts]),
            {key: np.concatenate([p.per_user[key] for p in parts]) for key in first.per_user},
            {
                method: {
                    name: float(np.mean([part.coverage[method][name] for part in parts]))
                    for name in names
                }
                for method, names in first.coverage.items()
            },
        )


def compare_methods(
    lists: Mapping[str, Lists],
    relevant: RowSets,
    background: ItemBackground,
    seed: int,
    resamples: int = RESAMPLES,
) -> Comparison:
    """Evaluate the lists (u, 20 or more) of each method. Users without relevant items are left out.

    Raises:
        ValueError: "funnel" or "popularity" is missing, lists are shorter than 20 places, or
            no user has a relevant item.
    """
    if REFERENCE not in lists:
        raise ValueError(f"cannot compare without the lists of {[REFERENCE]}")
    is_graded = bool((relevant.grades != 1).any())
    user_metrics = compute_user_metrics(lists, relevant, background, graded=is_graded)
    return summarise(user_metrics, seed, resamples=resamples)


def compute_user_metrics(
    lists: Mapping[str, Lists], relevant: RowSets, background: ItemBackground, *, graded: bool
) -> UserMetrics:
    """Evaluate the lists of each method for each user. Users without relevant items are left out.

    ``users`` of the result are the numbers of the users in ``relevant``.

    Raises:
        ValueError: "popularity" is missing, or lists are shorter than 20 places.
    """
    if OBVIOUS not in lists:
        raise ValueError(f"cannot compare without the lists of {[OBVIOUS]}")
    users = np.flatnonzero(relevant.sizes)
    wanted = relevant.take(users)
    rows, n = {method: places[users] for method, places in lists.items()}, len(background.counts)
    grades = {method: metrics.grade_lists(places, wanted) for method, places in rows.items()}
    return UserMetrics(
        users,
        {
            (method, name): values
            for method, places in rows.items()
            for name, values in (
                _accuracy(grades[method], graded=graded)
                | _beyond_accuracy(places, grades[method], rows[OBVIOUS], background)
            ).items()
        },
        {
            method: {f"coverage@{k}": metrics.coverage(places, k, n) for k in CUTS}
            for method, places in rows.items()
        },
    )


def summarise(
    user_metrics: UserMetrics, seed: int, reference: str = REFERENCE, resamples: int = RESAMPLES
) -> Comparison:
    """Compute means with intervals, and the difference of ``reference`` to every other method.

    Raises:
        ValueError: no user has a relevant item.
    """
    columns = np.stack(list(user_metrics.per_user.values()), axis=1)
    bootstrap = Bootstrap.of(columns, seed, resamples, user_metrics.users)
    column_of = {key: column for column, key in enumerate(user_metrics.per_user)}
    return Comparison(
        evaluated_users=len(user_metrics.users),
        methods={
            method: _means(bootstrap, column_of, method)
            | {name: Interval(mean=share, low=None, high=None) for name, share in shares.items()}
            for method, shares in user_metrics.coverage.items()
        },
        differences={
            method: _differences(bootstrap, column_of, reference, method)
            for method in user_metrics.coverage
            if method != reference
        },
        ranking_differences={
            method: _difference(
                bootstrap, column_of[RANKING, HEADLINE], column_of[method, HEADLINE]
            )
            for method in user_metrics.coverage
            if RANKING in user_metrics.coverage and method != RANKING
        },
    )


def compare_ndcg(
    lists: Mapping[str, Lists], relevant: RowSets, seed: int
) -> tuple[MetricFigures, dict[str, Interval]]:
    """Return NDCG@10 of each method, and the difference of the first to each of the others."""
    columns = np.stack([metrics.user_ndcg(rows, relevant) for rows in lists.values()], axis=1)
    bootstrap, methods = Bootstrap.of(columns, seed), list(lists)
    return (
        {method: bootstrap.mean(column) for column, method in enumerate(methods)},
        {
            method: bootstrap.difference(0, column)
            for column, method in enumerate(methods)
            if column
        },
    )


def _accuracy(graded_lists: GradedLists, *, graded: bool) -> dict[str, PerUser]:
    functions = dict(ACCURACY)
    if graded:
        functions["graded_ndcg"] = partial(metrics.ndcg, graded=True)
    return {
        f"{name}@{k}": metric(graded_lists, k) for k in CUTS for name, metric in functions.items()
    }


def _beyond_accuracy(
    rows: Lists, graded_lists: GradedLists, obvious: Lists, background: ItemBackground
) -> dict[str, PerUser]:
    values = {}
    for k in CUTS:
        values[f"diversity@{k}"] = (
            np.full(len(rows), np.nan)
            if background.content is None
            else metrics.diversity(rows, k, background.content)
        )
        values[f"novelty@{k}"] = metrics.novelty(rows, k, background.counts)
        values[f"serendipity@{k}"] = metrics.serendipity(rows, graded_lists, obvious, k)
    return values


def _means(
    bootstrap: Bootstrap, column_of: Mapping[tuple[str, str], int], method: str
) -> MetricFigures:
    return {
        name: bootstrap.mean(column)
        for (owner, name), column in column_of.items()
        if owner == method
    }


def _differences(
    bootstrap: Bootstrap, column_of: Mapping[tuple[str, str], int], reference: str, method: str
) -> dict[str, Difference]:
    return {
        name: _difference(bootstrap, column_of[reference, name], column)
        for (owner, name), column in column_of.items()
        if owner == method
    }


def _difference(bootstrap: Bootstrap, one: int, other: int) -> Difference:
    return Difference(
        difference=bootstrap.difference(one, other), ratio=bootstrap.ratio(one, other)
    )
