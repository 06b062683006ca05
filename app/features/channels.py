"""Columns of what the channels said: where the candidate stands in each one's list."""

import numpy as np

from app.features.context import Columns, FeatureContext, FeatureGroup
from app.recall.merge import RRF_OFFSET

POPULARITY_CHANNELS = ("surging", "trending", "popular", "fresh")  # these need no history
CHANNELS = (
    *("item_cf", "ease", "rp3beta", "sequence", "user_cf", "social"),
    *("embedding", "session", "content"),
    *POPULARITY_CHANNELS,
)
PERSONAL_CHANNELS = tuple(
    name for name in CHANNELS if name not in POPULARITY_CHANNELS
)  # on history or friends
SIGNAL_FLOOR = -3.0  # z-score of a candidate that the channel did not propose
SIGNAL_CEILING = 8.0
PLACE_OFFSET = 10.0  # flattens the head of a list: first and second place are not twice apart
TINY = 1e-9  # keeps the spread of a channel that scores all alike from being 0


def channel_columns(scene: FeatureContext) -> Columns:
    """Place of the candidate in each channel's list, and its score against that list's others."""
    proposed = scene.proposed[: len(CHANNELS)]
    signals = np.ascontiguousarray(scene.pool.signals.T[: len(CHANNELS)])
    count = np.maximum(proposed.sum(axis=1, keepdims=True), np.float32(1.0))
    # The signal of an item that was not proposed is 0.
    mean = (signals.sum(axis=1, keepdims=True, dtype=np.float64) / count).astype(np.float32)
    away = (signals - mean) * proposed
    spread = np.sqrt((away * away).sum(axis=1, keepdims=True) / count) + np.float32(TINY)
    z = np.clip(away / spread, SIGNAL_FLOOR, SIGNAL_CEILING)
    z += (proposed - 1.0) * -SIGNAL_FLOOR
    places = proposed / (scene.places[: len(CHANNELS)] + np.float32(PLACE_OFFSET))
    return [*places, *z]


def agreement_columns(scene: FeatureContext) -> Columns:
    """How many channels propose the candidate, and their fused rank."""
    fused = scene.proposed / (scene.places + np.float32(RRF_OFFSET))
    return [scene.proposed[: len(CHANNELS)].sum(axis=0), fused.sum(axis=0)]


CHANNEL = FeatureGroup(
    (*(f"{c}_place" for c in CHANNELS), *(f"{c}_z" for c in CHANNELS)), channel_columns
)
AGREEMENT = FeatureGroup(("channels", "fused"), agreement_columns)
