"""Item-to-item regression in closed form (EASE)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from app.artifacts import DAY, NeighbourTable
from app.contracts import Count, Positive, Seconds
from app.cpu import one_thread
from offline.data.dataset import Log
from offline.models.interactions import (
    LogShape,
    Sparse,
    like_matrix,
    mean_positive_weight,
    with_entries,
)
from offline.models.neighbour_table import Triples, build_neighbour_table

BLOCK_ROWS = 512  # rows whose largest weights are selected at a time


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
    log: Log, shape: LogShape, config: EASEConfig, block_rows: int = BLOCK_ROWS
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
    if not len(chosen):
        return build_neighbour_table([], shape[1], config.neighbours)
    with one_thread():
        weights = _regress(
            with_entries(likes, likes.data / mean_positive_weight(log))[:, chosen], config.reg
        )
    largest = _largest_weights(weights, chosen, config.neighbours, block_rows)
    return build_neighbour_table(largest, shape[1], config.neighbours)


def _most_liked(likes: Sparse, config: EASEConfig) -> NDArray[np.intp]:
    """Return the rows of the items that take part, ascending."""
    counts = np.bincount(likes.indices, minlength=likes.shape[1])
    enough = int(np.count_nonzero(counts >= config.min_likes))
    return np.sort(np.argsort(-counts, kind="stable")[: min(config.max_items, enough)])


def _regress(likes: Sparse, reg: float) -> NDArray[np.float32]:
    """Return the weights, (n, n) from item to item, with -1 on the diagonal."""
    gram = (likes.T @ likes).toarray().astype(np.float32)
    gram[np.diag_indices_from(gram)] += reg
    factor, _ = lapack.spotrf(gram, lower=True, overwrite_a=True)
    inverse, _ = lapack.spotri(factor, lower=True, overwrite_c=True)
    inverse = np.tril(inverse)
    inverse += np.tril(inverse, -1).T
    weights: NDArray[np.float32] = -inverse / inverse.diagonal()
    return weights


def _largest_weights(
    weights: NDArray[np.float32], chosen: NDArray[np.intp], keep: int, block_rows: int
) -> list[Triples]:
    """Return the largest weights of each row that are above 0, a block of rows at a time."""
    keep = min(keep, len(chosen))
    parts = []
    for start in range(0, len(chosen), block_rows):
        block = weights[start : start + block_rows]
        best = np.argpartition(-block, keep - 1, axis=1)[:, :keep]
        largest = np.take_along_axis(block, best, axis=1)
        row, place = np.nonzero(largest > 0)
        neighbours = chosen[best[row, place]]
        parts.append((chosen[start + row], neighbours, largest[row, place].astype(np.float64)))
    return parts
