"""Features of similarity: how near an item is to what the user likes, dislikes and did just now."""

from collections.abc import Iterator

import numpy as np

from app.contracts import MAX_SESSION_EVENTS, SESSION_LENGTH, Matrix, Rows, Scores
from app.features.context import Columns, Feature, FeatureContext, FeatureGroup, standardise

NEAR_EVENTS = 20  # events that a mean is taken over, at most
SPACES = (("factors", "by behaviour"), ("content", "by attributes and text"))


def user_vector_columns(context: FeatureContext) -> Columns:
    """Similarity of the item to the user's vectors, by behaviour and by content."""
    rows, vectors = context.pool.rows, context.query.vectors
    return [
        standardise(context.models.factors.items.take(rows, axis=0) @ vectors.factors),
        standardise(context.models.content.items.take(rows, axis=0) @ vectors.content),
    ]


USER_VECTOR = FeatureGroup(
    (
        Feature(
            "taste_factors",
            "Similarity of user and item by behaviour",
            "product of the factorisation's vectors of user and item, as a z-score in the pool",
            is_rising=True,
        ),
        Feature(
            "taste_content",
            "Similarity of user and item by attributes and text",
            "product of the content vectors of user and item, as a z-score in the pool",
        ),
    ),
    user_vector_columns,
)


def nearness_columns(context: FeatureContext) -> Columns:
    """Largest and mean cosine of the item to the last 1, 5 and 20 liked items."""
    liked = context.query.history.liked(NEAR_EVENTS)
    if not len(liked):
        return [np.nan] * 8
    liked_vectors = context.unit_vectors(liked.rows)
    pairs = zip(context.item_vectors, liked_vectors, strict=True)
    return [column for pair in pairs for column in _nearest(*pair)]


def _nearest(candidates: Matrix, liked: Matrix) -> Columns:
    """Summarise the cosines to the h newest liked items; NaN where vectors have no columns.

    One small product for each candidate. In one large product BLAS rounds a row differently in
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


def _nearness_features() -> Iterator[Feature]:
    for space, basis in SPACES:
        yield Feature(
            f"{space}_last",
            f"Similarity to the user's last liked item {basis}",
            f"cosine to the last liked item, {basis}",
        )
        for n in (5, 20):
            yield Feature(
                f"{space}_last{n}",
                f"Similarity to the nearest of the last {n} liked items {basis}",
                f"largest cosine to the last {n} liked items, {basis}",
            )
        yield Feature(
            f"{space}_mean",
            f"Mean similarity to the last liked items {basis}",
            f"mean cosine to the last {NEAR_EVENTS} liked items, {basis}",
        )


NEARNESS = FeatureGroup(tuple(_nearness_features()), nearness_columns)


def session_columns(context: FeatureContext) -> Columns:
    """Mean cosine of the item to what the user did in the session."""
    return _mean_nearness(context, context.query.history.session().rows)


SESSION = FeatureGroup(
    tuple(
        Feature(
            f"{space}_session",
            f"Similarity to what the user did just now {basis}",
            f"mean cosine to the events of the last {SESSION_LENGTH / 60:g} minutes of activity, "
            f"dislikes left out, at most {MAX_SESSION_EVENTS}, {basis}",
        )
        for space, basis in SPACES
    ),
    session_columns,
)


def disliked_columns(context: FeatureContext) -> Columns:
    """Mean cosine of the item to what the user disliked."""
    history = context.query.history
    return _mean_nearness(context, history.rows[history.weights < 0])


DISLIKED = FeatureGroup(
    tuple(
        Feature(
            f"{space}_disliked",
            f"Similarity to what the user disliked {basis}",
            f"mean cosine to the last disliked items, at most {NEAR_EVENTS}, {basis}",
        )
        for space, basis in SPACES
    ),
    disliked_columns,
)


def _mean_nearness(context: FeatureContext, rows: Rows) -> Columns:
    """Compute the mean cosine to the newest of these items; NaN where there are none."""
    if not len(rows):
        return [np.nan] * 2
    event_vectors = context.unit_vectors(rows[:NEAR_EVENTS])
    pairs = zip(context.item_vectors, event_vectors, strict=True)
    return [_mean_cosine(candidates, events) for candidates, events in pairs]


def _mean_cosine(candidates: Matrix, events: Matrix) -> Scores | float:
    """Compute the mean cosine of each candidate to unit vectors: the product with their mean."""
    if not candidates.shape[1]:
        return np.nan
    mean = events.sum(axis=0) / np.float32(len(events))
    cosines: Scores = np.vecdot(candidates, mean)
    return cosines
