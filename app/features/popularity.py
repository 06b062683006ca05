"""Columns of what the crowd does: how much an item is liked, lately and ever, and by whom."""

import numpy as np

from app.artifacts import DAY, HALF_LIVES
from app.features.context import Columns, FeatureContext, FeatureGroup
from app.recall.popularity import compute_segment_lift

MONTH = HALF_LIVES.index(30 * DAY)
ALL_TIME = HALF_LIVES.index(np.inf)
YEAR = 365.25 * DAY
EPOCH_YEAR = 1970.0


def crowd_columns(scene: FeatureContext) -> Columns:
    """How much the crowd likes the item over days to years, whether that rises, and its age."""
    now, rows = (
        scene.query.counters_at,
        scene.pool.rows,
    )  # nothing cools down while nothing is heard
    liked = scene.counters.liked_at(now, rows)
    every, every_month = scene.counters.counts_at(now, rows, [ALL_TIME, MONTH])
    logs = np.log1p(liked)
    shares = np.log((liked + 0.1) / (scene.counters.total_at(now)[:, None] + 1.0))
    trends = np.log((liked[:-1] + 0.5) / (liked[1:] + 0.5))
    positive = (liked[-1] + 2.0) / (every + 4.0)
    lately_positive = (liked[MONTH] + 1.0) / (every_month + 2.0)
    first = scene.counters.first_seen.take(rows)
    age = np.where(np.isfinite(first), np.log1p(np.maximum(now - first, 0.0) / DAY), np.nan)
    mean = scene.counters.mean_value.take(rows)
    return [*logs, *shares, *trends, positive, lately_positive, age, mean]


def segment_columns(scene: FeatureContext) -> Columns:
    """How much more users like this one (same age band, country ...) take the item."""
    lift = compute_segment_lift(scene.models.segments, scene.counters, scene.query, scene.pool.rows)
    return [np.nan if lift is None else lift]


def release_columns(scene: FeatureContext) -> Columns:
    """Years since release, and how far the release is from what the user likes."""
    released = scene.models.catalogue.released
    year = released.take(scene.pool.rows).astype(np.float64)
    since = EPOCH_YEAR + scene.query.now / YEAR - year
    mine = released[scene.query.history.liked(50).rows]
    mine = mine[np.isfinite(mine)]
    usual = float(mine.mean(dtype=np.float64)) if len(mine) else np.nan
    return [since, np.abs(year - usual)]


def _windows(prefix: str) -> tuple[str, ...]:
    return tuple(f"{prefix}_{half:g}d" for half in (h / DAY for h in HALF_LIVES))


POPULARITY = FeatureGroup(
    (
        *_windows("liked"),
        *_windows("share"),
        *_windows("trend")[:-1],
        "liked_share",
        "liked_share_30d",
        "age",
        "mean_value",
    ),
    crowd_columns,
)
SEGMENT = FeatureGroup(("segment_lift",), segment_columns)
RELEASE = FeatureGroup(("years_since_release", "release_distance"), release_columns)
