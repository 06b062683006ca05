"""Columns of how near an item is to what the user likes, dislikes and did just now."""

import numpy as np

from app.contracts import Matrix, Rows, Scores
from app.features.context import Columns, FeatureContext, FeatureGroup, standardise

NEAR_EVENTS = 20  # events that a mean is taken over, at most


def taste_columns(scene: FeatureContext) -> Columns:
    """How near the item is to the user's vectors, in behaviour and in content."""
    rows, taste = scene.pool.rows, scene.query.vectors
    return [
        standardise(scene.models.factors.items.take(rows, axis=0) @ taste.factors),
        standardise(scene.models.content.items.take(rows, axis=0) @ taste.content),
    ]


def nearness_columns(scene: FeatureContext) -> Columns:
    """How near the item is to the last 1, 5 and 20 liked items: largest and mean cosine."""
    liked = scene.query.history.liked(NEAR_EVENTS)
    if not len(liked):
        return [np.nan] * 8
    mine = scene.vectors_of(liked.rows)
    return [column for pair in zip(scene.vectors, mine, strict=True) for column in _nearest(*pair)]


def _nearest(candidates: Matrix, liked: Matrix) -> Columns:
    """Summarise cosines to the h newest liked items; without columns nothing is known.

    One small product for each candidate. In one large one BLAS would round a row differently in
    pools of different sizes, and serving would not compute what training saw.
    """
    if not candidates.shape[1]:
        return [np.nan] * 4
    products = np.matmul(candidates[:, None, :], liked.T)[:, 0]
    near = np.ascontiguousarray(products.T)  # (h, n): the largest of h is taken n at a time
    fifth = near[:5].max(axis=0)
    return [
        near[0],
        fifth,
        np.maximum(fifth, near[5:].max(axis=0, initial=-1.0)),
        _mean_cosine(candidates, liked),
    ]


def session_columns(scene: FeatureContext) -> Columns:
    """How near the item is, on average, to what the user did in the last half hour they came."""
    return _mean_nearness(scene, scene.query.history.session().rows)


def disliked_columns(scene: FeatureContext) -> Columns:
    """How near the item is, on average, to what the user disliked."""
    history = scene.query.history
    return _mean_nearness(scene, history.rows[history.weights < 0])


def _mean_nearness(scene: FeatureContext, rows: Rows) -> Columns:
    """Average the cosines to the newest of these items."""
    if not len(rows):
        return [np.nan] * 2
    pairs = zip(scene.vectors, scene.vectors_of(rows[:NEAR_EVENTS]), strict=True)
    return [_mean_cosine(candidates, events) for candidates, events in pairs]


def _mean_cosine(candidates: Matrix, events: Matrix) -> Scores | float:
    """Give the mean cosine of each candidate to unit vectors: the product with their mean."""
    if not candidates.shape[1]:
        return np.nan
    mean = events.sum(axis=0) / np.float32(len(events))
    cosines: Scores = np.vecdot(candidates, mean)
    return cosines


TASTE = FeatureGroup(("taste_factors", "taste_content"), taste_columns)
NEARNESS = FeatureGroup(
    tuple(f"{s}_{w}" for s in ("factors", "content") for w in ("last", "last5", "last20", "mean")),
    nearness_columns,
)
SESSION_GROUP = FeatureGroup(("factors_session", "content_session"), session_columns)
DISLIKED = FeatureGroup(("factors_disliked", "content_disliked"), disliked_columns)
