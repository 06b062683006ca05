"""Every feature, once: named columns, and the pure functions that fill them.

Training and serving both call ``FeatureBuilder.build``; there is no second definition. A group is
one function that fills a few columns for a whole pool; a view is an ordered choice of groups.
To add a feature, add its name to a group and return one more array from the group's function.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.artifacts import DAY, HALF_LIVES, Models
from app.contracts import ABSENT, Candidates, Matrix, Query, Scores
from app.recall.crowd import segment_lift
from app.recall.merge import RRF_OFFSET
from app.state.live import Live

Columns: TypeAlias = Sequence[NDArray[np.floating] | float]  # (n,) each; a float fills a column

CHANNELS = ("item_cf", "user_cf", "embedding", "content", "trending", "popular", "fresh")
PERSONAL = ("item_cf", "user_cf", "embedding", "content")  # these rest on the user's history
SIGNAL_FLOOR = -3.0  # z-score of a candidate that the channel did not propose
SIGNAL_CEILING = 8.0
PLACE_OFFSET = 10.0  # flattens the head of a list: first and second place are not twice apart
YEAR = 365.25 * DAY
EPOCH_YEAR = 1970.0
FORMULAS = "1"  # raise it when a column keeps its name and changes its formula: train again
TINY = 1e-9  # keeps the spread of a channel that scores all alike from being 0


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """All that a feature may look at: the models, the crowd, the user and the pool."""

    models: Models
    live: Live
    overall: Scores  # (n,) P(item) when the models were made
    crowd: NDArray[np.float64]  # (c,) share of all likes that fall into each category
    lengths: Scores  # (n,) of the items' factor vectors, never 0
    query: Query
    pool: Candidates


def channel_columns(scene: Scene) -> Columns:
    """Place of the candidate in each channel's list, and its score against that list's others."""
    ranks = scene.pool.ranks[:, : len(CHANNELS)]
    signals = scene.pool.signals[:, : len(CHANNELS)]
    proposed = (ranks != ABSENT).astype(np.float32)
    count = np.maximum(proposed.sum(axis=0), 1.0)
    total = signals.sum(axis=0, dtype=np.float64)
    mean = (total / count).astype(np.float32)  # the signal of an item that was not proposed is 0
    away = (signals - mean) * proposed
    spread = np.sqrt((away * away).sum(axis=0) / count) + TINY
    z = np.clip(away / spread, SIGNAL_FLOOR, SIGNAL_CEILING) + (1.0 - proposed) * SIGNAL_FLOOR
    places = proposed / (PLACE_OFFSET + ranks)
    return [*places.T, *z.T]


def agreement_columns(scene: Scene) -> Columns:
    """How many channels propose the candidate, and their fused rank."""
    proposed = (scene.pool.ranks != ABSENT).astype(np.float32)
    fused = (proposed / (RRF_OFFSET + scene.pool.ranks)).sum(axis=1)
    return [proposed[:, : len(CHANNELS)].sum(axis=1), fused]


def crowd_columns(scene: Scene) -> Columns:
    """How much the crowd likes the item over days to years, whether that rises, and its age."""
    now, rows = scene.query.now, scene.pool.rows
    liked = scene.live.liked_at(now, rows)
    every = scene.live.counts_at(now, rows)
    logs = np.log1p(liked)
    trends = np.log((liked[:-1] + 0.5) / (liked[1:] + 0.5))
    share = (liked[-1] + 2.0) / (every[-1] + 4.0)
    recent_share = (liked[2] + 1.0) / (every[2] + 2.0)
    first = scene.live.first_seen[rows]
    age = np.where(np.isfinite(first), np.log1p(np.maximum(now - first, 0.0) / DAY), np.nan)
    return [*logs, *trends, share, recent_share, age, scene.live.mean_value[rows]]


def release_columns(scene: Scene) -> Columns:
    """Years since release, and how far the release is from what the user likes."""
    released = scene.models.catalogue.released
    year = released[scene.pool.rows]
    since = EPOCH_YEAR + scene.query.now / YEAR - year
    mine = released[scene.query.history.liked(50).rows]
    mine = mine[np.isfinite(mine)]
    usual = float(mine.mean()) if len(mine) else np.nan
    return [since, np.abs(year - usual)]


def taste_columns(scene: Scene) -> Columns:
    """How near the item is to the user's vectors, in behaviour and in content."""
    rows, taste = scene.pool.rows, scene.query.taste
    return [
        _standard(scene.models.factors.items[rows] @ taste.factors),
        _standard(scene.models.content.items[rows] @ taste.content),
    ]


def nearness_columns(scene: Scene) -> Columns:
    """How near the item is to the last 1, 5 and 20 liked items: largest and mean cosine."""
    liked, rows = scene.query.history.liked(20), scene.pool.rows
    factors, content = scene.models.factors.items, scene.models.content.items
    lengths = scene.lengths
    if not len(liked):
        return [np.nan] * 8
    near = _products(factors[rows], factors[liked.rows] / lengths[liked.rows, None])
    near /= lengths[rows, None]
    return [*_nearest(near), *_nearest(_products(content[rows], content[liked.rows]))]


def _products(candidates: Matrix, history: Matrix) -> Matrix:
    """Multiply the vector of each candidate with each of the history, (n, h); no columns: NaN.

    One small product for each candidate. In one large one BLAS would round a row differently in
    pools of different sizes, and serving would not compute what training saw.
    """
    if not candidates.shape[1]:
        return np.full((len(candidates), len(history)), np.nan, np.float32)
    products: Matrix = np.matmul(candidates[:, None, :], history.T)[:, 0]
    return products


def _nearest(near: Matrix) -> Columns:
    """Summarise cosines (n, h) to the h newest liked items."""
    first = near[:, 0]
    fifth = near[:, :5].max(axis=1)
    return [
        first,
        fifth,
        np.maximum(fifth, near[:, 4:].max(axis=1, initial=-1.0)),
        near.mean(axis=1),
    ]


def category_columns(scene: Scene) -> Columns:
    """How much more of the user's likes than of the crowd's fall into the item's categories."""
    table = scene.models.catalogue.categories
    mine = table[scene.query.history.liked(200).rows].sum(axis=0, dtype=np.float64)
    if not mine.any():
        return [np.nan]
    lift = np.log((mine / mine.sum() + 0.01) / (scene.crowd + 0.01))
    of = table[scene.pool.rows].astype(np.float64)
    return [of @ lift / np.maximum(of.sum(axis=1), 1.0)]


def segment_columns(scene: Scene) -> Columns:
    """How much more users like this one (same age band, country ...) take the item."""
    lift = segment_lift(scene.models.segments, scene.overall, scene.query, scene.pool.rows)
    return [np.nan if lift is None else lift]


def user_columns(scene: Scene) -> Columns:
    """How long, how active, how content and how recent the user is; the same for every row."""
    history = scene.query.history
    if not len(history):
        return [0.0, np.nan, np.nan, np.nan, np.nan, np.nan]
    newest, oldest = float(history.times[0]), float(history.times[-1])
    gap = max(scene.query.now - newest, 0.0) / DAY
    return [
        float(np.log1p(len(history))),
        float((history.weights > 0).mean()),
        float(history.values.mean()),
        float(np.log1p((newest - oldest) / DAY)),
        float(np.log1p(gap)),
        float(np.log1p((history.times >= newest - DAY).sum())),
    ]


def _standard(scores: NDArray[np.floating]) -> NDArray[np.floating]:
    """Give z-scores over the pool: raw scores of two users cannot be compared."""
    if not len(scores):
        return scores
    standard: NDArray[np.floating] = (scores - scores.mean()) / max(float(scores.std()), 1e-9)
    return standard


def _windows(prefix: str) -> tuple[str, ...]:
    return tuple(f"{prefix}_{half:g}d" for half in (h / DAY for h in HALF_LIVES))


@dataclass(frozen=True, slots=True)
class Group:
    """Columns that are cheapest to fill together."""

    names: tuple[str, ...]
    fill: Callable[[Scene], Columns]


CHANNEL = Group((*(f"{c}_place" for c in CHANNELS), *(f"{c}_z" for c in CHANNELS)), channel_columns)
AGREEMENT = Group(("channels", "fused"), agreement_columns)
CROWD = Group(
    (
        *_windows("liked"),
        *_windows("trend")[:-1],
        "liked_share",
        "liked_share_30d",
        "age",
        "mean_value",
    ),
    crowd_columns,
)
RELEASE = Group(("years_since_release", "release_distance"), release_columns)
TASTE = Group(("taste_factors", "taste_content"), taste_columns)
NEARNESS = Group(
    tuple(f"{s}_{w}" for s in ("factors", "content") for w in ("last", "last5", "last20", "mean")),
    nearness_columns,
)
CATEGORY = Group(("category_lift",), category_columns)
SEGMENT = Group(("segment_lift",), segment_columns)
USER = Group(
    ("user_events", "user_liked", "user_mean", "user_span", "user_gap", "user_day"), user_columns
)

# What compares a candidate with the rest of the pool (z-scores) belongs in the coarse view, which
# sees the pool as merged; the fine view adds groups that look at one candidate at a time.
COARSE_VIEW = (CHANNEL, AGREEMENT, CROWD, TASTE, CATEGORY, SEGMENT)
FINE_VIEW = (*COARSE_VIEW, RELEASE, NEARNESS, USER)


def names(view: Sequence[Group]) -> tuple[str, ...]:
    """Give the column names of a view, in order."""
    return tuple(name for group in view for name in group.names)


def view_hash() -> str:
    """Give a fingerprint of both views; a bundle made for other columns is refused."""
    text = "|".join([FORMULAS, *names(COARSE_VIEW), "||", *names(FINE_VIEW)])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, eq=False)
class FeatureBuilder:
    """Computes one view for any pool. Built with a bundle; the same object trains and serves."""

    view: Sequence[Group]
    models: Models
    live: Live
    overall: Scores  # (n,) P(item) when the models were made
    crowd: NDArray[np.float64]  # (c,) share of all likes that fall into each category
    lengths: Scores  # (n,) of the items' factor vectors, never 0

    def build(self, query: Query, pool: Candidates) -> Matrix:
        """Compute the view's columns for ``pool``, (n, f) float32; NaN where nothing is known.

        Groups whose columns the pool brings along are not computed again.
        """
        scene = Scene(self.models, self.live, self.overall, self.crowd, self.lengths, query, pool)
        matrix = np.empty((sum(len(group.names) for group in self.view), len(pool)), np.float32)
        brought = pool.features.shape[1]
        matrix[:brought] = pool.features.T
        at = 0
        for group in self.view:
            if at >= brought:
                filled = zip(range(at, at + len(group.names)), group.fill(scene), strict=True)
                for place, column in filled:
                    matrix[place] = column
            at += len(group.names)
        return np.ascontiguousarray(matrix.T)
