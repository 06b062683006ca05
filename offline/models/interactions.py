"""The log as sparse matrices, users x items."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from offline.data.dataset import Log

LogShape: TypeAlias = tuple[int, int]  # (users, items)
Sparse: TypeAlias = csr_array[np.float64, tuple[int, int]]

MAX_PROPENSITY = 10.0  # times the mean: the most that an event of a rare item counts
VARIED_SHARE = 0.5  # share of events by users with varied ratings; if lower, ratings are constant


def time_decay(log: Log, half_life: float) -> NDArray[np.float64]:
    """Return ``2^-(age / half_life)`` of each event, (m,). Ages are relative to the last event."""
    if not len(log):
        return np.empty(0)
    decay: NDArray[np.float64] = np.exp2((log.times - log.times[-1]) / half_life)
    return decay


def mean_positive_weight(log: Log) -> float:
    """Return the mean weight of positive events, the unit of the models; 1 when there are none."""
    positive = log.weights[log.weights > 0]
    return float(positive.mean()) if len(positive) else 1.0


def entry_rows(of: Sparse) -> NDArray[np.intp]:
    """Return the row of each entry of a matrix, (m,)."""
    return np.repeat(np.arange(of.shape[0]), np.diff(of.indptr))


def propensity_weights(log: Log, n: int, power: float) -> NDArray[np.float64]:
    """Return the inverse propensity of each event, (m,): ``events_i^-power``, with mean 1.

    Popular items are seen more often, so they are liked more often than equally good items. The
    inverse of the chance of being seen, here a power of popularity, corrects this (Schnabel et al.:
    Recommendations as treatments, 2016; Saito et al.: Unbiased recommender learning from
    missing-not-at-random implicit feedback, 2020). Weights lie between 1 / MAX_PROPENSITY and
    MAX_PROPENSITY.
    """
    if not len(log):
        return np.empty(0)
    weights = np.bincount(log.items, minlength=n)[log.items].astype(np.float64) ** -power
    bounded: NDArray[np.float64] = np.clip(
        weights / weights.mean(), 1 / MAX_PROPENSITY, MAX_PROPENSITY
    )
    return bounded


def like_matrix(log: Log, shape: LogShape, half_life: float = np.inf, power: float = 0.0) -> Sparse:
    """Sum the positive weights of each user and item, decayed by age.

    A ``power`` above 0 multiplies each event by its ``propensity_weights``.
    """
    weights = np.maximum(log.weights, 0.0) * time_decay(log, half_life)
    positive = np.flatnonzero(weights > 0)
    likes = log.take(positive)
    return event_matrix(
        likes, weights[positive] * propensity_weights(likes, shape[1], power), shape
    )


def event_matrix(log: Log, data: NDArray[np.float64], shape: LogShape) -> Sparse:
    """Build a matrix with ``data``, (m,), at each event's user and item; repeats are summed."""
    return csr_array((data, (log.users, log.items)), shape=shape)


def with_entries(of: Sparse, data: NDArray[np.float64]) -> Sparse:
    """Return a matrix with the same structure and other ``data``."""
    return csr_array((data, of.indices, of.indptr), shape=of.shape)


def latest_events(log: Log) -> Log:
    """Return the newest event of each user and item, in time order."""
    pairs = log.users.astype(np.int64) << 32 | log.items
    _, newest = np.unique(pairs[::-1], return_index=True)
    return log.take(np.sort(len(log) - 1 - newest))


def centre_by_user(log: Log, users: int) -> NDArray[np.float64]:
    """Return each value less the mean value of its user, (m,)."""
    values = log.values.astype(np.float64)
    counts = np.bincount(log.users, minlength=users)
    means = np.bincount(log.users, weights=values, minlength=users) / np.maximum(counts, 1)
    return values - means[log.users]


def ratings_vary(log: Log, users: int) -> bool:
    """Return whether ratings differ, so that centring by user leaves information.

    At least half of the events must be by users with two different values.
    """
    if not len(log):
        return False
    differ = np.bincount(log.users, weights=np.abs(centre_by_user(log, users)), minlength=users) > 0
    return bool(differ[log.users].mean() >= VARIED_SHARE)
