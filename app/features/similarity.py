"""Features of similarity: how near an item is to what the user likes, dislikes and did just now."""

from collections.abc import Iterator

import numpy as np

from app.contracts import MAX_SESSION_EVENTS, SESSION_LENGTH, Rows
from app.features.context import Columns, Feature, FeatureContext, FeatureGroup
from app.kernels.features import mean_cosines, nearness_features, product_features

NEAR_EVENTS = 20  # events that a mean is taken over, at most
SPACES = (("factors", "by behaviour"), ("content", "by attributes and text"))


def user_vector_columns(context: FeatureContext) -> Columns:
    """Similarity of the item to the user's vectors, by behaviour and by content."""
    rows, vectors, models = context.pool.rows, context.query.vectors, context.models
    return [
        product_features(models.factors.items, vectors.factors, rows),
        product_features(models.content.items, vectors.content, rows),
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
    """Cosines of the item to the newest liked items: to the last, the nearest, and the mean."""
    liked = context.query.history.liked(NEAR_EVENTS)
    if not len(liked):
        return [np.nan] * 8
    rows = context.pool.rows
    return [
        nearness_features(items, lengths, rows, liked.rows)
        if items.shape[1]
        else np.full((4, len(rows)), np.nan, np.float32)
        for items, lengths in context.spaces
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
    events = rows[:NEAR_EVENTS]
    return [
        mean_cosines(items, lengths, context.pool.rows, events) if items.shape[1] else np.nan
        for items, lengths in context.spaces
    ]
