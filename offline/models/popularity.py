"""Popularity of each item as of one moment: decayed counts over days to years."""

from dataclasses import dataclass

import numpy as np

from app.artifacts import HALF_LIVES, Popularity
from app.contracts import NotNegative, Scores
from offline.data.dataset import Log


@dataclass(frozen=True, slots=True)
class PopularityConfig:
    """The settings of popularity."""

    shrink: NotNegative = 10.0  # events at which an item's own mean counts half


def fit_popularity(log: Log, n: int, at: float, config: PopularityConfig) -> Popularity:
    """Count the events of ``n`` items at the moment ``at``, unix seconds; see ``Popularity``.

    Repeats of a user within an hour do not count, as in the service.
    """
    log = log.without_repeats()
    decays = [np.exp2(-(at - log.times) / half_life) for half_life in HALF_LIVES]
    likes = np.maximum(log.weights, 0.0)
    first_seen = np.full(n, np.inf)
    np.minimum.at(first_seen, log.items, log.times)
    return Popularity(
        at=at,
        counts=np.stack([_sums(log, decay, n) for decay in decays], axis=1).T,
        liked=np.stack([_sums(log, decay * likes, n) for decay in decays], axis=1).T,
        first_seen=first_seen,
        mean_value=_mean_value(log, n, config.shrink),
    )


def _sums(log: Log, amounts: np.ndarray, n: int) -> np.ndarray:
    return np.bincount(log.items, weights=amounts, minlength=n).astype(np.float64)


def _mean_value(log: Log, n: int, shrink: float) -> Scores:
    """Average raw values as if each item had ``shrink`` more events of the overall mean."""
    values = log.values.astype(np.float64)
    overall = float(values.mean()) if len(log) else 0.0
    counts = np.bincount(log.items, minlength=n)
    total = _sums(log, values, n) + shrink * overall
    mean: Scores = (total / np.maximum(counts + shrink, 1e-9)).astype(np.float32)
    return mean
