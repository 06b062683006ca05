"""Features of similarity: how near an item is to what the user likes, dislikes and did just now."""

from collections.abc import Iterator

import numpy as np

from app.contracts import MAX_SESSION_EVENTS, SESSION_LENGTH, Rows
from app.features.context import Columns, Feature, FeatureContext, FeatureGroup
from app.kernels.similarity import mean_cosines, nearness_features, product_features

NEAR_EVENTS = 20  # events that a mean is taken over, at most
SPACES = (("factors", "by behaviour"), ("content", "by attributes and text"))


def user_vector_columns(context: FeatureContext) -> Columns:
    """Similarity of the item to the user's vectors, by behaviour and by content."""
    items, _, contents = context.spaces
    vectors, rows = context.query.vectors, context.pool.rows
    return [product_features(items, vectors.factors, contents, vectors.content, rows)]


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
    return [nearness_features(*context.spaces, context.pool.rows, liked.rows)]


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
    return [mean_cosines(*context.spaces, context.pool.rows, rows[:NEAR_EVENTS])]
