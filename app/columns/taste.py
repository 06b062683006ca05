"""Columns of how near an item is to what the user likes, dislikes and did just now."""

import numpy as np

from app.columns.scene import Columns, Group, Scene, nearness, standard
from app.contracts import History, Matrix

SESSION = 1_800.0  # seconds: events no older than this against the newest are one session
NEAR_EVENTS = 20  # events that a mean is taken over, at most


def taste_columns(scene: Scene) -> Columns:
    """How near the item is to the user's vectors, in behaviour and in content."""
    rows, taste = scene.pool.rows, scene.query.taste
    return [
        standard(scene.models.factors.items[rows] @ taste.factors),
        standard(scene.models.content.items[rows] @ taste.content),
    ]


def nearness_columns(scene: Scene) -> Columns:
    """How near the item is to the last 1, 5 and 20 liked items: largest and mean cosine."""
    liked = scene.query.history.liked(NEAR_EVENTS)
    if not len(liked):
        return [np.nan] * 8
    factors, content = nearness(scene, liked)
    return [*_nearest(factors), *_nearest(content)]


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


def session_columns(scene: Scene) -> Columns:
    """How near the item is, on average, to what the user did in the last half hour they came."""
    history = scene.query.history
    if not len(history):
        return [np.nan] * 2
    recent = (history.times >= history.times[0] - SESSION) & (history.weights >= 0)
    return _mean_nearness(scene, history.take(np.flatnonzero(recent)[:NEAR_EVENTS]))


def disliked_columns(scene: Scene) -> Columns:
    """How near the item is, on average, to what the user disliked."""
    history = scene.query.history
    return _mean_nearness(scene, history.take(np.flatnonzero(history.weights < 0)[:NEAR_EVENTS]))


def _mean_nearness(scene: Scene, events: History) -> Columns:
    if not len(events):
        return [np.nan] * 2
    factors, content = nearness(scene, events)
    return [factors.mean(axis=1), content.mean(axis=1)]


TASTE = Group(("taste_factors", "taste_content"), taste_columns)
NEARNESS = Group(
    tuple(f"{s}_{w}" for s in ("factors", "content") for w in ("last", "last5", "last20", "mean")),
    nearness_columns,
)
SESSION_GROUP = Group(("factors_session", "content_session"), session_columns)
DISLIKED = Group(("factors_disliked", "content_disliked"), disliked_columns)
