"""Item-based collaborative filtering: for each item, the items that the same users like."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from app.artifacts import Table
from offline.data.dataset import Log
from offline.models.interactions import (
    Shape,
    Sparse,
    decay,
    deviations,
    latest,
    liked,
    matrix,
    ratings_vary,
)
from offline.models.tables import Triples, pack

BLOCK_ENTRIES = 4_000_000  # similarities held at a time: about 300 MB


@dataclass(frozen=True, slots=True)
class ItemCFConfig:
    """How near two items are.

    Defaults by the next tenth of ML-100K over windows before 80 % of the log: 50 neighbours find
    more in the first 100, 100 neighbours in the first 300, which is nearer to what recall is for.
    """

    similarity: Literal["cosine", "adjusted_cosine"] = "cosine"
    neighbours: int = 100  # kept per item
    shrink: float = 20.0  # co-raters at which a similarity counts half
    half_life: float = np.inf  # seconds after which an interaction counts half
    damping: float = 0.0  # a similarity is divided by the neighbour's raters to this power


@dataclass(frozen=True, slots=True, eq=False)
class _Evidence:
    """What the log says of items, as matrices of the same structure, users x items."""

    value: Sparse  # what is multiplied
    seen: Sparse  # ones
    square: Sparse | None  # value²; None: norms are over all raters, not over co-raters


def fit(log: Log, shape: Shape, config: ItemCFConfig) -> Table:
    """Find the nearest items of each item, best first, all of them with a similarity above 0.

    ``adjusted_cosine`` is over values less their user's mean, normed over the co-raters (Sarwar et
    al.: Item-based collaborative filtering recommendation algorithms, 2001). Where ratings do not
    vary (``ratings_vary``) it would be 0 everywhere, so plain cosine over weights is taken.
    """
    adjusted = config.similarity == "adjusted_cosine" and ratings_vary(log, shape[0])
    evidence = _opinions(log, shape, config) if adjusted else _likes(log, shape, config)
    raters = np.bincount(evidence.seen.indices, minlength=shape[1])
    parts = [_block(evidence, rows, raters, config) for rows in _blocks(evidence.seen)]
    return pack(parts, shape[1], config.neighbours)


def _likes(log: Log, shape: Shape, config: ItemCFConfig) -> _Evidence:
    value = liked(log, shape, config.half_life)
    lengths = np.sqrt(np.bincount(value.indices, weights=value.data**2, minlength=shape[1]))
    return _Evidence(_like(value, value.data / lengths[value.indices]), _ones(value), None)


def _opinions(log: Log, shape: Shape, config: ItemCFConfig) -> _Evidence:
    newest = latest(log)
    data = deviations(newest, shape[0]) * decay(newest, config.half_life)
    value = matrix(newest, data, shape)
    return _Evidence(value, _ones(value), _like(value, value.data**2))


def _like(of: Sparse, data: NDArray[np.float64]) -> Sparse:
    return csr_array((data, of.indices, of.indptr), shape=of.shape)


def _ones(of: Sparse) -> Sparse:
    return _like(of, np.ones(of.nnz))


def _blocks(seen: Sparse) -> Iterator[slice]:
    """Cut the items so that no block has many more than BLOCK_ENTRIES similarities."""
    n = seen.shape[1]
    entries = np.minimum(seen.T @ np.diff(seen.indptr).astype(np.float64), n)
    cuts = np.flatnonzero(np.diff(np.cumsum(entries) // BLOCK_ENTRIES)) + 1
    for start, end in zip([0, *cuts], [*cuts, n], strict=True):
        yield slice(int(start), int(end))


def _block(
    evidence: _Evidence, rows: slice, raters: NDArray[np.intp], config: ItemCFConfig
) -> Triples:
    """Compute the similarities above 0 of some items to all: (item, neighbour, similarity)."""
    product = _entries(evidence.value, rows, evidence.value)
    near = product.keys % product.n
    owner = product.keys // product.n + rows.start
    kept = np.flatnonzero((product.sums > 0) & (owner != near))
    keys, owner, near = product.keys[kept], owner[kept], near[kept]
    both = _entries(evidence.seen, rows, evidence.seen).at(keys)
    weights = product.sums[kept] * both / (both + config.shrink)
    if evidence.square is not None:
        own = _entries(evidence.square, rows, evidence.seen).at(keys)
        other = _entries(evidence.seen, rows, evidence.square).at(keys)
        weights /= np.sqrt(own * other)
    return owner, near, weights / raters[near] ** config.damping


@dataclass(frozen=True, slots=True, eq=False)
class _Entries:
    """The entries of a product of matrices, without most of its zeros."""

    n: int  # columns
    keys: NDArray[np.int64]  # (m,) row * n + column, ascending
    sums: NDArray[np.float64]  # (m,)

    def at(self, keys: NDArray[np.int64]) -> NDArray[np.float64]:
        """Give the entries of these keys, which must exist."""
        return self.sums[np.searchsorted(self.keys, keys)]


def _entries(left: Sparse, rows: slice, right: Sparse) -> _Entries:
    """Multiply some columns of ``left``, transposed, by ``right``."""
    product = left[:, rows].T.tocsr() @ right
    product.sort_indices()
    n = right.shape[1]
    owner = np.repeat(np.arange(rows.stop - rows.start), np.diff(product.indptr))
    keys: NDArray[np.int64] = np.add(owner * n, product.indices, dtype=np.int64)
    return _Entries(n, keys, product.data)
