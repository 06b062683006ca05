"""The log as sparse matrices, users x items: what every recall model starts from."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from offline.data.dataset import Log

LogShape: TypeAlias = tuple[int, int]  # (users, items)
Sparse: TypeAlias = csr_array[np.float64, tuple[int, int]]

MAX_PROPENSITY = 10.0  # a rare item's event counts at most this many times the mean
VARIED_SHARE = 0.5  # share of events by users whose ratings differ, below which all are "constant"
BLOCK_ENTRIES = 4_000_000  # entries held at a time: about 300 MB


def time_decay(log: Log, half_life: float) -> NDArray[np.float64]:
    """Give ``2^-(age / half_life)`` of each event, (m,); ages are in seconds before the last."""
    if not len(log):
        return np.empty(0)
    faded: NDArray[np.float64] = np.exp2((log.times - log.times[-1]) / half_life)
    return faded


def mean_positive_weight(log: Log) -> float:
    """Give the mean weight of positive events, 1 where there are none: models count in it."""
    positive = log.weights[log.weights > 0]
    return float(positive.mean()) if len(positive) else 1.0


def entry_rows(of: Sparse) -> NDArray[np.intp]:
    """Give the row of each entry of a matrix, (m,)."""
    return np.repeat(np.arange(of.shape[0]), np.diff(of.indptr))


def propensity_weights(log: Log, n: int, power: float) -> NDArray[np.float64]:
    """Weigh each event, (m,), against its item's popularity: ``events_i^-power``, mean 1, bounded.

    Popular items are seen, and so liked, more often than their worth; the inverse of the odds of
    being seen, here a power of popularity, undoes that (Schnabel et al.: Recommendations as
    treatments, 2016; Saito et al.: Unbiased recommender learning from missing-not-at-random
    implicit feedback, 2020). No weight is beyond MOST_PROPENSITY or below its inverse.
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

    A ``power`` above 0 weighs each event against its item's popularity, as ``propensities`` does.
    """
    weights = np.maximum(log.weights, 0.0) * time_decay(log, half_life)
    positive = np.flatnonzero(weights > 0)
    likes = log.take(positive)
    return event_matrix(
        likes, weights[positive] * propensity_weights(likes, shape[1], power), shape
    )


def event_matrix(log: Log, data: NDArray[np.float64], shape: LogShape) -> Sparse:
    """Put ``data``, (m,), at each event's user and item; repeats are summed, zeros are kept."""
    return csr_array((data, (log.users, log.items)), shape=shape)


def with_entries(of: Sparse, data: NDArray[np.float64]) -> Sparse:
    """Put other ``data`` where the entries of a matrix are."""
    return csr_array((data, of.indices, of.indptr), shape=of.shape)


def latest_events(log: Log) -> Log:
    """Keep the newest event of each user and item, in time order."""
    pairs = log.users.astype(np.int64) << 32 | log.items
    _, newest = np.unique(pairs[::-1], return_index=True)
    return log.take(np.sort(len(log) - 1 - newest))


def centre_by_user(log: Log, users: int) -> NDArray[np.float64]:
    """Subtract from each value the mean value of its user, (m,)."""
    values = log.values.astype(np.float64)
    counts = np.bincount(log.users, minlength=users)
    means = np.bincount(log.users, weights=values, minlength=users) / np.maximum(counts, 1)
    gaps: NDArray[np.float64] = values - means[log.users]
    return gaps


def ratings_vary(log: Log, users: int) -> bool:
    """Say whether values tell likes from dislikes, so that centring them leaves something.

    They do when at least half of the events are by users who gave two different values.
    """
    if not len(log):
        return False
    differ = np.bincount(log.users, weights=np.abs(centre_by_user(log, users)), minlength=users) > 0
    return bool(differ[log.users].mean() >= VARIED_SHARE)


@dataclass(frozen=True, slots=True, eq=False)
class ProductEntries:
    """The entries of a product of matrices, without most of its zeros."""

    n: int  # columns
    keys: NDArray[np.int64]  # (m,) row * n + column, ascending
    sums: NDArray[np.float64]  # (m,)

    def at(self, keys: NDArray[np.int64]) -> NDArray[np.float64]:
        """Give the entries of these keys, which must exist."""
        return self.sums[np.searchsorted(self.keys, keys)]


def item_blocks(seen: Sparse) -> Iterator[slice]:
    """Cut the items so that no block of ``seenᵀ · seen`` has many more than BLOCK_ENTRIES."""
    n = seen.shape[1]
    entries = np.minimum(seen.T @ np.diff(seen.indptr).astype(np.float64), n)
    cuts = np.flatnonzero(np.diff(np.cumsum(entries) // BLOCK_ENTRIES)) + 1
    for start, end in zip([0, *cuts], [*cuts, n], strict=True):
        yield slice(int(start), int(end))


def sparse_product(left: Sparse, rows: slice, right: Sparse) -> ProductEntries:
    """Multiply some columns of ``left``, transposed, by ``right``."""
    found = left[:, rows].T.tocsr() @ right
    found.sort_indices()
    n = right.shape[1]
    owner = np.repeat(np.arange(rows.stop - rows.start), np.diff(found.indptr))
    keys: NDArray[np.int64] = np.add(owner * n, found.indices, dtype=np.int64)
    return ProductEntries(n, keys, found.data)
