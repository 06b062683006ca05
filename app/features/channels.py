"""Features of the channels: the rank and the score of the candidate in each channel's list."""

from collections.abc import Sequence
from typing import Any

from app.features.context import Columns, Feature, FeatureContext, FeatureGroup
from app.kernels.features import agreement_features, channel_features
from app.recall.channel import ChannelSpec
from app.recall.merge import RRF_OFFSET

MIN_SIGNAL = -3.0  # z-score of a candidate that the channel did not propose
MAX_SIGNAL = 8.0
RANK_OFFSET = 10.0  # first and second rank differ by 10 %, not by a factor of 2


def channel_columns(context: FeatureContext) -> Columns:
    """Rank of the candidate in each channel's list, and the z-score of its signal there."""
    # The last list of a pool is that of the fallback, which is no channel.
    pool = context.pool
    return [channel_features(pool.ranks, pool.signals, RANK_OFFSET, MIN_SIGNAL, MAX_SIGNAL)]


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
    return [agreement_features(context.pool.ranks, float(RRF_OFFSET))]


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
