"""Item-to-item regression in closed form (EASE)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from app.artifacts import DAY, NeighbourTable
from app.contracts import Count, Positive, Seconds
from app.cpu import one_thread
from app.kernels.compiled import kernel, read, scalar
from offline.data.dataset import Log
from offline.models.interactions import (
    LogShape,
    Sparse,
    like_matrix,
    mean_positive_weight,
    with_entries,
)
from offline.models.item_products import BLOCK_ITEMS, Neighbours, build_by_blocks, keep_best

TILE_ROWS = 512  # of the matrix that are computed at a time


@dataclass(frozen=True, slots=True)
class EASEConfig:
    """The settings of EASE.

    The default of ``reg`` is a compromise. With a larger value the first ten items are better. But
    fewer relevant items are among the first 300, from which the rankers choose. The lists of this
    model alone were measured on ML-100K, on windows that begin at 25 to 40 % of the log and contain
    the next tenth. The last column is for users with 10 events since the fit. Its users and their
    relevant items are others, so it cannot be compared with the column before. ``recfunnel tune``
    finds the value for other data.

    | reg | recall@300 | NDCG@10 | NDCG@10 after 10 events |
    |---|---|---|---|
    | 300 | 0.704 | 0.135 | 0.35 |
    | 1,000 | 0.694 | 0.147 | 0.40 |
    | 3,000 | 0.688 | 0.153 | 0.44 |
    """

    reg: Positive = 1_000.0
    half_life: Seconds = 30 * DAY  # seconds after which an interaction counts half
    neighbours: Count = 200  # kept per item
    min_likes: Count = 2  # items with fewer likes are left out
    max_items: Count = 6_000  # the most liked. Time grows with the cube, memory with the square


def fit_ease(
    log: Log, shape: LogShape, config: EASEConfig, block_items: int = BLOCK_ITEMS
) -> NeighbourTable:
    """Regress the likes of each item on the likes of all others.

    Row r of the table holds the items that item r predicts with a weight above 0, and the weights.

    ``B = I - P · diag(1 / diag P)`` with ``P = (XᵀX + reg·I)⁻¹`` (Steck: Embarrassingly shallow
    autoencoders for sparse data, 2019). X holds positive weights in units of their mean, so that
    ``reg`` does not depend on the scale of the event weights. Items with fewer than ``min_likes``
    likes, and items that are not among the ``max_items`` with the most likes, have no neighbours
    and are neighbours of no item.
    """
    likes = like_matrix(log, shape, config.half_life)
    chosen = _most_liked(likes, config)
    with one_thread():
        weights = _regress(
            with_entries(likes, likes.data / mean_positive_weight(log))[:, chosen], config.reg
        )

    def compute(start: int, end: int) -> Neighbours:
        low, high = np.searchsorted(chosen, [start, end])
        sizes, rows, kept = _select_largest(weights, chosen, config.neighbours, low, high)
        counts = np.zeros(end - start, np.int64)
        counts[chosen[low:high] - start] = sizes
        return counts, rows, kept

    return build_by_blocks(compute, shape[1], block_items)


def _most_liked(likes: Sparse, config: EASEConfig) -> NDArray[np.intp]:
    """Return the rows of the items that take part, ascending."""
    counts = np.bincount(likes.indices, minlength=likes.shape[1])
    enough = int(np.count_nonzero(counts >= config.min_likes))
    return np.sort(np.argsort(-counts, kind="stable")[: min(config.max_items, enough)])


def _regress(likes: Sparse, reg: float) -> NDArray[np.float32]:
    """Return the weights, (n, n) from item to item, with -1 on the diagonal.

    The matrix is computed in place, because it is by far the largest in the job. It is symmetric
    until the last step, so that LAPACK reads it as it is.
    """
    n, by_item = likes.shape[1], likes.T.tocsr()
    gram = np.empty((n, n), np.float32)
    if not n:
        return gram
    tiles = [slice(start, min(start + TILE_ROWS, n)) for start in range(0, n, TILE_ROWS)]
    for tile in tiles:
        gram[tile] = (by_item[tile] @ likes).toarray()
    gram[np.diag_indices_from(gram)] += reg
    factor, _ = lapack.spotrf(gram.T, lower=True, overwrite_a=True)
    inverse, _ = lapack.spotri(factor, lower=True, overwrite_c=True)
    for tile in tiles:  # only the lower triangle was written
        corner = np.tril(inverse[tile, tile])
        inverse[tile, tile] = corner + np.tril(corner, -1).T
        inverse[tile, tile.stop :] = inverse[tile.stop :, tile].T
    weights: NDArray[np.float32] = inverse.T
    weights /= -weights.diagonal()
    return weights


@kernel((read("f4", 2), read("i8"), scalar("i8"), scalar("i8"), scalar("i8")))
def _select_largest(
    weights: NDArray[np.float32], chosen: NDArray[np.int64], keep: int, start: int, end: int
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]:
    """Return the neighbours of the chosen items from ``start`` to ``end``."""
    keep = min(keep, len(chosen))
    counts = np.zeros(end - start, np.int64)
    rows = np.empty((end - start) * keep, np.int32)
    kept = np.empty((end - start) * keep, np.float32)
    size = 0
    for item in range(start, end):
        counts[item - start] = keep_best(chosen, weights[item], keep, rows[size:], kept[size:])
        size += counts[item - start]
    return counts, rows[:size].copy(), kept[:size].copy()
