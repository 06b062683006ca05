"""Features of the user: activity, categories, habits, and how well the item fits them."""

import numpy as np

from app.artifacts import DAY
from app.contracts import Rows
from app.features.context import Columns, Feature, FeatureContext, FeatureGroup
from app.kernels.features import category_means

CATEGORY_SHRINK = 3.0  # events at which the mean value of a category counts half
LIFT_LIKES = 200  # likes of the user that shares of categories and providers are taken over
RECENT_LIKES = 20
HABIT_LIKES = 50


def category_columns(context: FeatureContext) -> Columns:
    """Lift of the item's categories in the user's likes, compared with all likes."""
    categories = context.models.catalogue.categories
    liked = context.query.history.liked(LIFT_LIKES)
    counts = categories.take(liked.rows, axis=0).sum(axis=0, dtype=np.float64)
    if not counts.any():
        return [np.nan]
    lift = np.log((counts / counts.sum() + 0.01) / (context.like_shares.categories + 0.01))
    return [category_means(categories, lift[None], context.pool.rows)]


CATEGORY = FeatureGroup(
    (
        Feature(
            "category_lift",
            "How much more of the user's likes than of all likes fall into the item's categories",
            "log((share of the user's likes + 0.01) / (share of all likes + 0.01)), mean over the "
            "item's categories",
        ),
    ),
    category_columns,
)


def provider_columns(context: FeatureContext) -> Columns:
    """Lift of the item's provider in the user's likes, compared with all likes."""
    providers = context.models.catalogue.providers
    liked = providers[context.query.history.liked(LIFT_LIKES).rows]
    liked = liked[liked >= 0]
    if not len(liked):
        return [np.nan]
    overall = context.like_shares.providers
    share = np.bincount(liked, minlength=len(overall)) / len(liked)
    codes = providers[context.pool.rows]
    lift = np.log((share[codes] + 0.01) / (overall[codes] + 0.01))
    return [np.where(codes >= 0, lift, np.nan)]


PROVIDER = FeatureGroup(
    (
        Feature(
            "provider_lift",
            "How much more of the user's likes than of all likes are of the item's provider "
            "(brand, artist, studio)",
            "log((share of the user's likes + 0.01) / (share of all likes + 0.01))",
        ),
    ),
    provider_columns,
)


def affinity_columns(context: FeatureContext) -> Columns:
    """How the user values the item's categories, and the share of recent likes that have them."""
    history, categories = context.query.history, context.models.catalogue.categories
    liked = history.liked(RECENT_LIKES)
    if not len(liked) or not categories.shape[1]:
        return [np.nan] * 2
    event_categories = categories.take(history.rows, axis=0).astype(np.float64)
    mean_value = history.values.sum() / len(history)
    value = (history.values - mean_value) @ event_categories
    value = value / (event_categories.sum(axis=0) + CATEGORY_SHRINK)
    recent = categories.take(liked.rows, axis=0).sum(axis=0, dtype=np.float64) / len(liked)
    return [category_means(categories, np.stack([value, recent]), context.pool.rows)]


AFFINITY = FeatureGroup(
    (
        Feature(
            "category_value",
            "How the user values the item's categories, against the user's own mean",
            f"mean value less the user's mean, shrunk: {CATEGORY_SHRINK:g} events count half; "
            "mean over the item's categories",
        ),
        Feature(
            "category_recent",
            "Share of the user's last likes that have the item's categories",
            f"share of the last {RECENT_LIKES} likes, mean over the item's categories",
        ),
    ),
    affinity_columns,
)


def habit_columns(context: FeatureContext) -> Columns:
    """Popularity, newness and variety of the user's likes, and the item compared with them."""
    liked = context.query.history.liked(HABIT_LIKES)
    if not len(liked):
        return [np.nan] * 4
    likes, first_seen = context.counters.liked[-1], context.counters.first_seen
    usual = float(np.log1p(likes[liked.rows]).sum()) / len(liked)
    ages = np.log1p(np.maximum(liked.times - first_seen.take(liked.rows), 0.0) / DAY)
    rows = context.pool.rows
    first = first_seen.take(rows)
    age = np.log1p(np.maximum(context.query.counters_at - first, 0.0) / DAY)
    age = np.where(np.isfinite(first), age, np.nan)
    popularity_distance = np.abs(np.log1p(likes[rows]) - usual)
    age_distance = np.abs(age - float(ages.sum()) / len(liked))
    return [usual, popularity_distance, age_distance, _category_breadth(context, liked.rows)]


HABIT = FeatureGroup(
    (
        Feature(
            "habit_popularity",
            "How popular the items are that the user likes",
            f"mean of log(1 + likes) over the last {HABIT_LIKES} liked items; the same for every "
            "item of a request",
        ),
        Feature(
            "habit_distance",
            "Distance of the item's popularity from what the user likes",
            "distance of the item's log(1 + likes) from `habit_popularity`",
        ),
        Feature(
            "habit_age",
            "Distance of the item's age from the ages of what the user likes",
            "distance of the item's `age` from the mean age at which the user likes items",
        ),
        Feature(
            "habit_breadth",
            "Number of categories that the user's likes are spread over",
            "exp of the entropy of the liked categories; the same for every item of a request",
        ),
    ),
    habit_columns,
)


def _category_breadth(context: FeatureContext, rows: Rows) -> float:
    """Compute the number of categories that the likes are spread over: exp of their entropy."""
    counts = context.models.catalogue.categories.take(rows, axis=0).sum(axis=0, dtype=np.float64)
    share = counts[counts > 0] / max(float(counts.sum()), 1.0)
    return float(np.exp(-(share * np.log(share)).sum())) if len(share) else np.nan


def user_columns(context: FeatureContext) -> Columns:
    """Length, activity, mean value and recency of the history; the same for every row."""
    history = context.query.history
    if not len(history):
        return [0.0, np.nan, np.nan, np.nan, np.nan, np.nan]
    newest, oldest = float(history.times[0]), float(history.times[-1])
    gap = max(context.query.now - newest, 0.0) / DAY
    return [
        float(np.log1p(len(history))),
        np.count_nonzero(history.weights > 0) / len(history),
        float(history.values.sum()) / len(history),
        float(np.log1p((newest - oldest) / DAY)),
        float(np.log1p(gap)),
        float(np.log1p(np.count_nonzero(history.times >= newest - DAY))),
    ]


USER = FeatureGroup(
    (
        Feature("user_events", "Number of events in the user's history", "log(1 + events)"),
        Feature("user_liked", "Share of the user's events that are likes", "likes / events"),
        Feature("user_mean", "The user's mean rating or amount", "mean value of the events"),
        Feature(
            "user_span",
            "Time from the user's first event to the last",
            "log(1 + days from the first event to the last)",
        ),
        Feature("user_gap", "Time since the user's last event", "log(1 + days)"),
        Feature(
            "user_day",
            "Number of the user's events on the last active day",
            "log(1 + events in the 24 hours up to the last event)",
        ),
    ),
    user_columns,
)


def clock_columns(context: FeatureContext) -> Columns:
    """Time of day as a share of the day, and day of the week, both in UTC."""
    day = context.query.now / DAY
    return [day % 1.0, np.floor(day) % 7.0]


CLOCK = FeatureGroup(
    (
        Feature("time_of_day", "Time of day (UTC)", "share of the day that has passed"),
        Feature(
            "day_of_week",
            "Day of the week (UTC)",
            "0 is Thursday, the day of the week of 1 January 1970",
        ),
    ),
    clock_columns,
)
