"""Columns of what the channels said: where the candidate stands in each one's list."""

import numpy as np

from app.columns.scene import Columns, Group, Scene
from app.contracts import ABSENT
from app.recall.merge import RRF_OFFSET

CHANNELS = (
    *("item_cf", "ease", "rp3beta", "sequence", "user_cf", "embedding", "content"),
    *("surging", "trending", "popular", "fresh"),
)
PERSONAL = CHANNELS[:7]  # these rest on the user's history
SIGNAL_FLOOR = -3.0  # z-score of a candidate that the channel did not propose
SIGNAL_CEILING = 8.0
PLACE_OFFSET = 10.0  # flattens the head of a list: first and second place are not twice apart
TINY = 1e-9  # keeps the spread of a channel that scores all alike from being 0


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


CHANNEL = Group((*(f"{c}_place" for c in CHANNELS), *(f"{c}_z" for c in CHANNELS)), channel_columns)
AGREEMENT = Group(("channels", "fused"), agreement_columns)
