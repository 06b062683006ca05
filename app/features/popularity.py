"""Features of popularity: how much an item is liked, lately and ever, and by which users."""

from itertools import pairwise

import numpy as np

from app.artifacts import DAY, HALF_LIVES
from app.features.context import Columns, Feature, FeatureContext, FeatureGroup
from app.kernels.features import popularity_features
from app.kernels.user_features import release_features
from app.recall.popularity import compute_segment_lift

MONTH = HALF_LIVES.index(30 * DAY)
YEAR = 365.25 * DAY
EPOCH_YEAR = 1970.0
RECENT_LIKES = 50  # likes of the user that a mean release year is taken over


def popularity_columns(context: FeatureContext) -> Columns:
    """Popularity of the item over days to years, whether it grows, and the age of the item."""
    # As of ``counters_at``: popularity does not decay while no events arrive.
    counters, now = context.counters, context.query.counters_at
    liked, counts = counters.liked.T, counters.counts.T
    decay, totals = counters.decay_at(now), counters.total_at(now)
    by_item = (counters.first_seen, counters.mean_value)
    return [
        popularity_features(liked, counts, decay, totals, *by_item, now, MONTH, context.pool.rows)
    ]


def _window(half_life: float) -> str:
    """Return the suffix of a column over a half-life, such as "7d"."""
    return f"{half_life / DAY:g}d"


def _decay(half_life: float) -> str:
    """Return how events of a half-life count, in words."""
    if half_life == np.inf:
        return "over all time"
    days = half_life / DAY
    return f"with a half-life of {days:g} day{'' if days == 1 else 's'}"


POPULARITY = FeatureGroup(
    (
        *(
            Feature(
                f"liked_{_window(half)}",
                f"Likes of all users {_decay(half)}",
                f"log(1 + likes), decayed {_decay(half)}, as of the newest event of any user",
            )
            for half in HALF_LIVES
        ),
        *(
            Feature(
                f"share_{_window(half)}",
                f"Share of all users' likes {_decay(half)}",
                f"log((likes + 0.1) / (all likes + 1)), {_decay(half)}: shares do not grow with "
                "the number of users",
            )
            for half in HALF_LIVES
        ),
        *(
            Feature(
                f"trend_{_window(half)}",
                f"Likes {_decay(half)} against likes {_decay(longer)}",
                f"log((likes + 0.5) / (likes {_decay(longer)} + 0.5)): a larger value is a rise",
            )
            for half, longer in pairwise(HALF_LIVES)
        ),
        Feature(
            "liked_share",
            "Share of the item's events that are likes",
            "(likes + 2) / (events + 4), over all time",
        ),
        Feature(
            "liked_share_30d",
            "Share of the item's recent events that are likes",
            "(likes + 1) / (events + 2), with a half-life of 30 days",
        ),
        Feature("age", "Time since the first event on the item", "log(1 + days)"),
        Feature(
            "mean_value",
            "Mean rating or amount of the item",
            "mean value of its events, shrunk to the mean of all items",
        ),
    ),
    popularity_columns,
)


def segment_columns(context: FeatureContext) -> Columns:
    """Lift of the item among users of the same segments (age band, country)."""
    lift = compute_segment_lift(
        context.models.segments, context.counters, context.query, context.pool.rows
    )
    return [np.nan if lift is None else lift]


SEGMENT = FeatureGroup(
    (
        Feature(
            "segment_lift",
            "How much more users of the same segments (age band, country) like the item",
            "log(P(item \\| segment) / P(item)), mean over the user's segments; likes since the "
            "bundle's data count with a half-life of 30 days",
        ),
    ),
    segment_columns,
)


def release_columns(context: FeatureContext) -> Columns:
    """Years since release, and distance from the release years of what the user likes."""
    query = context.query
    liked = query.history.liked(RECENT_LIKES).rows
    year = EPOCH_YEAR + query.now / YEAR
    released = context.models.catalogue.released
    return [release_features(released, liked, year, context.pool.rows)]


RELEASE = FeatureGroup(
    (
        Feature("years_since_release", "Years since the item's release", "years"),
        Feature(
            "release_distance",
            "Years between the item's release and the releases that the user likes",
            f"years from the mean release of the last {RECENT_LIKES} liked items",
        ),
    ),
    release_columns,
)
