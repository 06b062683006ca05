"""Features of the channels: the rank and the score of the candidate in each channel's list."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from app.features.context import Columns, Feature, FeatureContext, FeatureGroup
from app.recall.channel import ChannelSpec
from app.recall.merge import RRF_OFFSET

MIN_SIGNAL = -3.0  # z-score of a candidate that the channel did not propose
MAX_SIGNAL = 8.0
RANK_OFFSET = 10.0  # first and second rank differ by 10 %, not by a factor of 2
MIN_SPREAD = 1e-9  # avoids division by 0 where all scores of a channel are equal


def channel_columns(context: FeatureContext) -> Columns:
    """Rank of the candidate in each channel's list, and the z-score of its signal there."""
    # The last list of a pool is that of the fallback, which is no channel.
    proposed, ranks = context.proposed[:-1], context.ranks[:-1]
    signals = np.ascontiguousarray(context.pool.signals.T[:-1])
    count = np.maximum(proposed.sum(axis=1, keepdims=True), np.float32(1.0))
    # The signal of an item that was not proposed is 0.
    mean = (signals.sum(axis=1, keepdims=True, dtype=np.float64) / count).astype(np.float32)
    deviations = (signals - mean) * proposed
    variance = (deviations * deviations).sum(axis=1, keepdims=True) / count
    spread = np.sqrt(variance) + np.float32(MIN_SPREAD)
    z = np.clip(deviations / spread, MIN_SIGNAL, MAX_SIGNAL)
    z += (proposed - 1.0) * -MIN_SIGNAL
    return [*(proposed / (ranks + np.float32(RANK_OFFSET))), *z]


def channel_group(channels: Sequence[ChannelSpec[Any]]) -> FeatureGroup:
    """Declare two features for each of these channels, named after it."""
    ranks = (
        Feature(
            spec.columns[0],
            f"Rank in the list of {spec.name}; 0 where it did not propose the item",
            f"1 / ({RANK_OFFSET:g} + rank in the channel's list), 0 where it did not propose "
            "the item",
            spec.is_rising,
        )
        for spec in channels
    )
    scores = (
        Feature(
            spec.columns[1],
            f"Score by {spec.name} against the others of its list",
            f"z-score within the channel's list, {MIN_SIGNAL:g} to {MAX_SIGNAL:g}; "
            f"{MIN_SIGNAL:g} where it did not propose the item",
            spec.is_rising,
        )
        for spec in channels
    )
    return FeatureGroup((*ranks, *scores), channel_columns)


def agreement_columns(context: FeatureContext) -> Columns:
    """Number of channels that propose the candidate, and its fused rank."""
    fused = context.proposed / (context.ranks + np.float32(RRF_OFFSET))
    return [context.proposed[:-1].sum(axis=0), fused.sum(axis=0)]


AGREEMENT = FeatureGroup(
    (
        Feature(
            "channels",
            "Number of channels that propose the item",
            "number of channels that propose the item",
            is_rising=True,
        ),
        Feature(
            "fused",
            "Fused rank over the lists of all channels",
            f"sum of 1 / ({RRF_OFFSET} + rank) over the lists (reciprocal rank fusion)",
            is_rising=True,
        ),
    ),
    agreement_columns,
)
