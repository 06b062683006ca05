"""Learns hybrids: other ways than the cascade to make one order of what the channels say.

Burke: Hybrid recommender systems (2002) names the kinds. The cascade is the funnel itself; the
meta-level one, ``recall.placement``, is on or off beside any of these.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.bounds import NotNegative, Positive, Whole
from app.features.views import FINE_VIEW, RISING_COLUMNS, column_names
from app.rank.hybrid import EVENTS_COLUMN, HybridScorer
from app.recall.registry import CHANNELS, PERSONAL_CHANNELS
from offline.evaluate.metrics import grouped_ndcg
from offline.training.listwise import Pools, fit_listwise_weights
from offline.training.rank_table import RankTable

Kind: TypeAlias = Literal["cascade", "weighted", "learned", "adaptive", "switching", "combined"]
POPULARITY_CHANNELS = (
    "surging",
    "trending",
    "popular",
)  # what everybody likes; "fresh" is no order of worth
CHANNEL_COLUMNS = tuple(f"{channel}_{said}" for channel in CHANNELS for said in ("place", "z"))
HISTORY_BAND_STARTS = (0, 1, 5, 20)  # events from which each begins
HISTORY_BAND_CENTRES = (0.0, 2.0, 10.0, 50.0)  # events at which the weights of a band hold alone
SWITCH_CANDIDATES = (1, 2, 5, 10, 20, 50, 100, 200)  # events, of which the best is chosen

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class HybridConfig:
    """Which order stands in for the fine ranker's, and how it is made."""

    kind: Kind = "cascade"
    crowd: NotNegative = 1.0  # weighted: a vote of what everybody likes, against a personal one
    switch_at: Whole = 0  # switching: events of a warm user; 0: learned
    prior: NotNegative = 1_000.0  # taken items at which the weights of a band count half
    penalty: Positive = 2_000.0  # L2 on the weights of standardised columns


def fit_hybrid(table: RankTable, config: HybridConfig) -> HybridScorer | None:
    """Make the hybrid of the configured kind from replayed rows; None: the cascade."""
    make = HYBRID_TRAINERS.get(config.kind)
    return make(table, config) if make else None


def fit_weighted(_: RankTable, config: HybridConfig) -> HybridScorer:
    """Add up reciprocal places with set weights (Cormack et al., 2009)."""
    crowd = dict.fromkeys(POPULARITY_CHANNELS, config.crowd)
    return _votes("weighted", {0.0: dict.fromkeys(PERSONAL_CHANNELS, 1.0) | crowd})


def fit_switching(table: RankTable, config: HybridConfig) -> HybridScorer:
    """Rank by the crowd below some length of history, by the personal channels from it on."""
    if config.switch_at:
        return _switch(config.switch_at)
    found = [
        grouped_ndcg(table.groups, table.labels, _switch(at).score(table.features)).mean()
        for at in SWITCH_CANDIDATES
    ]
    return _switch(SWITCH_CANDIDATES[int(np.argmax(found))])


def _switch(at: int) -> HybridScorer:
    """Switch between two neighbouring numbers of events, so that nobody lies between them."""
    cold, warm = dict.fromkeys(POPULARITY_CHANNELS, 1.0), dict.fromkeys(PERSONAL_CHANNELS, 1.0)
    return _votes("switching", {at - 1.0: cold, float(at): warm})


def _votes(kind: str, weights: Mapping[float, Mapping[str, float]]) -> HybridScorer:
    """Weigh the channels' reciprocal places, by length of history."""
    table = [[each.get(channel, 0.0) for channel in CHANNELS] for each in weights.values()]
    nothing, one = np.zeros(len(CHANNELS), np.float32), np.ones(len(CHANNELS), np.float32)
    columns, lengths = tuple(f"{c}_place" for c in CHANNELS), np.array([*weights], np.float32)
    return HybridScorer(kind, columns, nothing, one, lengths, np.array(table, np.float32))


def fit_learned(table: RankTable, config: HybridConfig) -> HybridScorer:
    """Weigh what the channels say so that what users took stands out."""
    return _linear("learned", CHANNEL_COLUMNS, table, config)


def fit_adaptive(table: RankTable, config: HybridConfig) -> HybridScorer:
    """Weigh what the channels say by how long the user's history is."""
    return _by_history(_linear("adaptive", CHANNEL_COLUMNS, table, config), table, config)


def fit_combined(table: RankTable, config: HybridConfig) -> HybridScorer:
    """Weigh all columns of the fine view, by how long the user's history is."""
    return _by_history(_linear("combined", column_names(FINE_VIEW), table, config), table, config)


def _by_history(everybody: HybridScorer, table: RankTable, config: HybridConfig) -> HybridScorer:
    """Learn weights for each band of history length, drawn to those of everybody.

    Where users took ``prior`` items in a band, its own weights count half.
    """
    events = np.expm1(table.features[:, column_names(FINE_VIEW).index(EVENTS_COLUMN)]).round()
    band = np.searchsorted(HISTORY_BAND_STARTS, events, side="right") - 1
    parts = [table.take(np.flatnonzero(band == at)) for at in range(len(HISTORY_BAND_STARTS))]
    weights = np.stack([_band(everybody, part, config) for part in parts]).astype(np.float32)
    return replace(everybody, lengths=np.array(HISTORY_BAND_CENTRES, np.float32), weights=weights)


def _band(everybody: HybridScorer, rows: RankTable, config: HybridConfig) -> Floats:
    """Fit one band and draw it to everybody's weights, which an empty band has."""
    overall: Floats = everybody.weights[0].astype(np.float64)
    count = float(rows.labels.sum())
    if not count:
        return overall
    own = _fit(everybody, rows, config)
    drawn: Floats = (count * own + config.prior * overall) / (count + config.prior)
    return drawn


def _linear(
    kind: str, columns: tuple[str, ...], table: RankTable, config: HybridConfig
) -> HybridScorer:
    chosen = table.features[:, [column_names(FINE_VIEW).index(name) for name in columns]]
    known = np.isfinite(chosen)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, chosen, 0.0).sum(axis=0, dtype=np.float64) / count
    spread = np.sqrt(np.where(known, (chosen - mean) ** 2, 0.0).sum(axis=0) / count)
    mean, scale = mean.astype(np.float32), np.maximum(spread, 1e-6).astype(np.float32)
    nothing = np.zeros((1, len(columns)), np.float32)
    made = HybridScorer(kind, columns, mean, scale, np.zeros(1, np.float32), nothing)
    return replace(made, weights=_fit(made, table, config)[None].astype(np.float32))


def _fit(like: HybridScorer, table: RankTable, config: HybridConfig) -> Floats:
    """Give a weight for each column; more of what can only speak for an item cannot harm it."""
    rising = np.array([name in RISING_COLUMNS for name in like.columns])
    return fit_listwise_weights(
        Pools.of(like.standardise(table.features), table), rising, config.penalty
    )


HYBRID_TRAINERS: dict[str, Callable[[RankTable, HybridConfig], HybridScorer]] = {
    "weighted": fit_weighted,
    "learned": fit_learned,
    "adaptive": fit_adaptive,
    "switching": fit_switching,
    "combined": fit_combined,
}
