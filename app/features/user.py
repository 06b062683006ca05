"""Columns of the user: how active, how broad, what categories, and how the item fits that."""

import numpy as np
from numpy.typing import NDArray

from app.artifacts import DAY
from app.contracts import Rows
from app.features.context import Columns, FeatureContext, FeatureGroup

CALM = 3.0  # events at which the mean value of a category counts half


def category_columns(scene: FeatureContext) -> Columns:
    """How much more of the user's likes than of the crowd's fall into the item's categories."""
    table = scene.models.catalogue.categories
    liked = scene.query.history.liked(200)
    mine = table.take(liked.rows, axis=0).sum(axis=0, dtype=np.float64)
    if not mine.any():
        return [np.nan]
    lift = np.log((mine / mine.sum() + 0.01) / (scene.category_share + 0.01))
    return [_mean_over(scene, lift)]


def _mean_over(scene: FeatureContext, worth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the mean worth of each candidate's categories, (n,); 0 for one without any.

    Row by row: one large product of BLAS rounds a row differently in pools of different sizes.
    """
    mean: NDArray[np.float64] = np.vecdot(scene.categories, worth) / scene.breadth
    return mean


def provider_columns(scene: FeatureContext) -> Columns:
    """How much more of the user's likes than of the crowd's are of the item's provider."""
    providers = scene.models.catalogue.providers
    mine = providers[scene.query.history.liked(200).rows]
    mine = mine[mine >= 0]
    if not len(mine):
        return [np.nan]
    share = np.bincount(mine, minlength=len(scene.provider_share)) / len(mine)
    of = providers[scene.pool.rows]
    lift = np.log((share[of] + 0.01) / (scene.provider_share[of] + 0.01))
    return [np.where(of >= 0, lift, np.nan)]


def affinity_columns(scene: FeatureContext) -> Columns:
    """How the user valued the item's categories, and what share of the last 20 likes has them."""
    history, table = scene.query.history, scene.models.catalogue.categories
    liked = history.liked(20)
    if not len(liked) or not table.shape[1]:
        return [np.nan] * 2
    mine = table.take(history.rows, axis=0).astype(np.float64)
    usual = history.values.sum() / len(history)
    value = (history.values - usual) @ mine / (mine.sum(axis=0) + CALM)
    recent = table.take(liked.rows, axis=0).sum(axis=0, dtype=np.float64) / len(liked)
    return [_mean_over(scene, value), _mean_over(scene, recent)]


def habit_columns(scene: FeatureContext) -> Columns:
    """How popular and how new is what the user likes, the item against that, and their breadth."""
    liked = scene.query.history.liked(50)
    if not len(liked):
        return [np.nan] * 4
    likes, first = scene.counters.liked[-1], scene.counters.first_seen
    usual = float(np.log1p(likes.take(liked.rows)).sum()) / len(liked)
    ages = np.log1p(np.maximum(liked.times - first.take(liked.rows), 0.0) / DAY)
    rows = scene.pool.rows
    seen = first.take(rows)
    age = np.log1p(np.maximum(scene.query.counters_at - seen, 0.0) / DAY)
    age = np.where(np.isfinite(seen), age, np.nan)
    away = np.abs(np.log1p(likes.take(rows)) - usual)
    aged = np.abs(age - float(ages.sum()) / len(liked))
    return [usual, away, aged, _breadth(scene, liked.rows)]


def _breadth(scene: FeatureContext, rows: Rows) -> float:
    """Give the number of categories that the likes are spread over: exp of their entropy."""
    counts = scene.models.catalogue.categories.take(rows, axis=0).sum(axis=0, dtype=np.float64)
    share = counts[counts > 0] / max(float(counts.sum()), 1.0)
    return float(np.exp(-(share * np.log(share)).sum())) if len(share) else np.nan


def user_columns(scene: FeatureContext) -> Columns:
    """How long, how active, how content and how recent the user is; the same for every row."""
    history = scene.query.history
    if not len(history):
        return [0.0, np.nan, np.nan, np.nan, np.nan, np.nan]
    newest, oldest = float(history.times[0]), float(history.times[-1])
    gap = max(scene.query.now - newest, 0.0) / DAY
    return [
        float(np.log1p(len(history))),
        np.count_nonzero(history.weights > 0) / len(history),
        float(history.values.sum()) / len(history),
        float(np.log1p((newest - oldest) / DAY)),
        float(np.log1p(gap)),
        float(np.log1p(np.count_nonzero(history.times >= newest - DAY))),
    ]


def clock_columns(scene: FeatureContext) -> Columns:
    """Time of day, as a share of it, and day of the week, both by UTC."""
    day = scene.query.now / DAY
    return [day % 1.0, np.floor(day) % 7.0]


CATEGORY = FeatureGroup(("category_lift",), category_columns)
PROVIDER = FeatureGroup(("provider_lift",), provider_columns)
AFFINITY = FeatureGroup(("category_value", "category_recent"), affinity_columns)
HABIT = FeatureGroup(
    ("habit_popularity", "habit_distance", "habit_age", "habit_breadth"), habit_columns
)
USER = FeatureGroup(
    ("user_events", "user_liked", "user_mean", "user_span", "user_gap", "user_day"), user_columns
)
CLOCK = FeatureGroup(("time_of_day", "day_of_week"), clock_columns)
