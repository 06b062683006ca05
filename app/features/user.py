"""Features of the user: activity, categories, habits, and how well the item fits them."""

import numpy as np

from app.artifacts import DAY
from app.features.context import Columns, Feature, FeatureContext, FeatureGroup
from app.kernels.user_features import (
    category_affinity,
    category_lift,
    habit_features,
    user_features,
)

CATEGORY_SHRINK = 3.0  # events at which the mean value of a category counts half
LIFT_LIKES = 200  # likes of the user that shares of categories and providers are taken over
RECENT_LIKES = 20
HABIT_LIKES = 50


def category_columns(context: FeatureContext) -> Columns:
    """Lift of the item's categories in the user's likes, compared with all likes."""
    liked = context.query.history.liked(LIFT_LIKES).rows
    categories, shares = context.models.catalogue.categories, context.like_shares.categories
    return [category_lift(categories, shares, liked, context.pool.rows)]


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
    events = (history.rows, history.values, CATEGORY_SHRINK, liked.rows)
    return [category_affinity(categories, *events, context.pool.rows)]


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
    counters, categories = context.counters, context.models.catalogue.categories
    events = (liked.rows, liked.times, context.query.counters_at)
    by_item = (counters.liked.T, counters.first_seen, categories)
    return [habit_features(*by_item, *events, context.pool.rows)]


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


def user_columns(context: FeatureContext) -> Columns:
    """Length, activity, mean value and recency of the history; the same for every row."""
    history = context.query.history
    if not len(history):
        return [0.0, np.nan, np.nan, np.nan, np.nan, np.nan]
    now = context.query.now
    columns: Columns = user_features(history.values, history.weights, history.times, now).tolist()
    return columns


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
