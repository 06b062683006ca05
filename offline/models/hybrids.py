"""Hybrid rankers: other ways than the cascade to make one order of the channels' lists.

The kinds are those of Burke: Hybrid recommender systems (2002). With ``w`` weights over
standardised columns ``z`` of a candidate, and ``e`` events of the user:

| kind | score |
|---|---|
| weighted | ``alpha · mean(z of collaborative channels) + (1 - alpha) · z of content`` |
| learned | ``Σ w_c · z_c`` over the ranks and scores of the channels |
| adaptive | ``Σ w_c(e) · z_c`` over the same columns |
| switching | ``Σ 1/(10 + rank)`` by popularity if ``e < switch_at``, else by personal channels |
| combined | ``Σ w_c(e) · z_c`` over all columns of the fine view |

Two more are elsewhere. The cascade is the funnel itself, whose fine ranker is the kind
``pointwise_listwise``. The meta-level hybrid, ``recall.placement``, is on or off beside any kind.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.features.views import FINE_VIEW, RISING_COLUMNS, column_names
from app.rank.hybrid import EVENTS_COLUMN, HybridModel
from app.recall.registry import CHANNELS, PERSONAL_CHANNELS
from offline.evaluate.metrics import grouped_ndcg
from offline.training.linear import Pools, fit_listwise_weights
from offline.training.rank_table import RankTable
from offline.training.rankers import HybridConfig

POPULARITY_CHANNELS = ("surging", "trending", "popular")  # "fresh" does not order items by worth
COLLABORATIVE_CHANNELS = tuple(name for name in CHANNELS if name not in {"content", "fresh"})
CHANNEL_COLUMNS = tuple(f"{channel}_{part}" for channel in CHANNELS for part in ("rank", "z"))
HISTORY_BAND_STARTS = (0, 1, 5, 20)  # events from which each begins
HISTORY_BAND_CENTRES = (0.0, 2.0, 10.0, 50.0)  # events at which only the weights of a band count
SWITCH_CANDIDATES = (1, 2, 5, 10, 20, 50, 100, 200)  # events, of which the best is chosen

Floats: TypeAlias = NDArray[np.float64]


def fit_weighted(_: RankTable, config: HybridConfig) -> HybridModel:
    """Add up a collaborative score and a content score by ``alpha``.

    Both are z-scores of the channels' own scores. Popular items count as collaborative, so that
    users without a history have an order too.
    """
    share = config.alpha / len(COLLABORATIVE_CHANNELS)
    weights = {f"{channel}_z": share for channel in COLLABORATIVE_CHANNELS}
    return _fixed_weights({0.0: weights | {"content_z": 1.0 - config.alpha}})


def fit_switching(table: RankTable, config: HybridConfig) -> HybridModel:
    """Rank by popularity below some length of history, and by the personal channels from it on.

    The length is ``switch_at``, or the one at which the mean NDCG@10 of the table is best.
    """
    if config.switch_at:
        return _switch_at(config.switch_at)
    figures = [
        grouped_ndcg(table.groups, table.labels, _switch_at(events).score(table.features)).mean()
        for events in SWITCH_CANDIDATES
    ]
    return _switch_at(SWITCH_CANDIDATES[int(np.argmax(figures))])


def _switch_at(events: int) -> HybridModel:
    """Switch between two neighbouring numbers of events, so that nobody lies between them."""
    cold, warm = (
        {f"{channel}_rank": 1.0 for channel in channels}
        for channels in (POPULARITY_CHANNELS, PERSONAL_CHANNELS)
    )
    return _fixed_weights({events - 1.0: cold, float(events): warm})


def _fixed_weights(weights: Mapping[float, Mapping[str, float]]) -> HybridModel:
    """Weight the channels' columns as they are, by length of history."""
    columns = tuple(name for name in CHANNEL_COLUMNS if any(name in w for w in weights.values()))
    table = np.array([[w.get(name, 0.0) for name in columns] for w in weights.values()], np.float32)
    zeros, lengths = np.zeros(len(columns), np.float32), np.array([*weights], np.float32)
    return HybridModel(columns, zeros, np.ones_like(zeros), lengths, table)


def _fit_by_history(
    columns: tuple[str, ...], table: RankTable, config: HybridConfig
) -> HybridModel:
    """Fit weights of the columns for each band of history length; shrink them to overall ones.

    In a band with ``prior`` positive items, its own weights count half.
    """
    overall = _fit_linear(columns, table, config)
    events = np.expm1(table.features[:, column_names(FINE_VIEW).index(EVENTS_COLUMN)]).round()
    band = np.searchsorted(HISTORY_BAND_STARTS, events, side="right") - 1
    parts = [table.take(np.flatnonzero(band == at)) for at in range(len(HISTORY_BAND_STARTS))]
    weights = np.stack([_fit_band(overall, part, config) for part in parts]).astype(np.float32)
    return replace(overall, lengths=np.array(HISTORY_BAND_CENTRES, np.float32), weights=weights)


def _fit_band(overall: HybridModel, rows: RankTable, config: HybridConfig) -> Floats:
    """Fit one band and shrink it to the overall weights, which an empty band has."""
    common: Floats = overall.weights[0].astype(np.float64)
    count = float(rows.labels.sum())
    if not count:
        return common
    own = _fit_weights(overall, rows, config)
    return (count * own + config.prior * common) / (count + config.prior)


def _fit_linear(columns: tuple[str, ...], table: RankTable, config: HybridConfig) -> HybridModel:
    """Standardise the columns by the table, and fit one weight for each."""
    chosen = table.features[:, [column_names(FINE_VIEW).index(name) for name in columns]]
    is_known = np.isfinite(chosen)
    count = np.maximum(is_known.sum(axis=0), 1)
    mean = np.where(is_known, chosen, 0.0).sum(axis=0, dtype=np.float64) / count
    spread = np.sqrt(np.where(is_known, (chosen - mean) ** 2, 0.0).sum(axis=0) / count)
    mean, scale = mean.astype(np.float32), np.maximum(spread, 1e-6).astype(np.float32)
    no_weights = np.zeros((1, len(columns)), np.float32)
    model = HybridModel(columns, mean, scale, np.zeros(1, np.float32), no_weights)
    return replace(model, weights=_fit_weights(model, table, config)[None].astype(np.float32))


def _fit_weights(like: HybridModel, table: RankTable, config: HybridConfig) -> Floats:
    """Return one weight for each column. The weights of ``RISING_COLUMNS`` are not negative."""
    is_rising = np.array([name in RISING_COLUMNS for name in like.columns])
    pools = Pools.of(like.standardise(table.features), table)
    return fit_listwise_weights(pools, is_rising, config.penalty)


HYBRID_FITS: dict[str, Callable[[RankTable, HybridConfig], HybridModel]] = {
    "weighted": fit_weighted,
    "learned": partial(_fit_linear, CHANNEL_COLUMNS),
    "adaptive": partial(_fit_by_history, CHANNEL_COLUMNS),
    "switching": fit_switching,
    "combined": partial(_fit_by_history, column_names(FINE_VIEW)),
}
