"""Item-to-item regression in closed form: what each liked item says for every other item."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from app.artifacts import DAY, NeighbourTable
from app.bounds import Count, Positive, Seconds
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

BLOCK_ROWS = 512  # rows whose best weights are looked for at a time


@dataclass(frozen=True, slots=True)
class EASEConfig:
    """How strongly items predict one another.

    By the next tenth over windows that begin at 25 to 40 % of ML-100K: from 300 to 1,000 and 3,000,
    ``reg`` takes NDCG@10 from 0.135 to 0.147 and 0.153, recall@300 from 0.704 to 0.694 and 0.688;
    of users who had done 10 things since, NDCG@10 from about 0.35 to 0.40 and 0.44.
    """

    reg: Positive = 1_000.0
    half_life: Seconds = 30 * DAY  # seconds after which an interaction counts half
    neighbours: Count = 200  # kept per item
    fewest_likes: Count = 2  # of an item that takes part
    most_items: Count = 6_000  # those with most likes; time grows with its cube, memory its square


def fit_ease(log: Log, shape: LogShape, config: EASEConfig) -> NeighbourTable:
    """Regress each item's likes on those of all others; row r holds what item r says for them.

    ``B = I - P · diag(1 / diag P)`` with ``P = (XᵀX + reg·I)⁻¹`` (Steck: Embarrassingly shallow
    autoencoders for sparse data, 2019). X holds positive weights, in units of their mean, so that
    ``reg`` means the same whatever the events weigh. Only weights above 0 are kept. Items of
    fewer likes than ``fewest_likes``, or beyond the ``most_items`` with most, have no neighbours
    and are nobody's.
    """
    likes = like_matrix(log, shape, config.half_life)
    chosen = _most_liked(likes, config)
    if not len(chosen):
        return build_neighbour_table([], shape[1], config.neighbours)
    with one_thread():
        weights = _regress(
            with_entries(likes, likes.data / mean_positive_weight(log))[:, chosen], config.reg
        )
    return build_neighbour_table(
        _best(weights, chosen, config.neighbours), shape[1], config.neighbours
    )


def _most_liked(likes: Sparse, config: EASEConfig) -> NDArray[np.intp]:
    """Give the rows of the items that take part, ascending."""
    counts = np.bincount(likes.indices, minlength=likes.shape[1])
    enough = int(np.count_nonzero(counts >= config.fewest_likes))
    return np.sort(np.argsort(-counts, kind="stable")[: min(config.most_items, enough)])


def _regress(likes: Sparse, reg: float) -> NDArray[np.float32]:
    """Solve for the weights, (n, n) from item to item, -1 on the diagonal."""
    gram = (likes.T @ likes).toarray().astype(np.float32)
    gram[np.diag_indices_from(gram)] += reg
    factor, _ = lapack.spotrf(gram, lower=True, overwrite_a=True)
    inverse, _ = lapack.spotri(factor, lower=True, overwrite_c=True)
    inverse = np.tril(inverse)
    inverse += np.tril(inverse, -1).T
    weights: NDArray[np.float32] = -inverse / inverse.diagonal()
    return weights


def _best(weights: NDArray[np.float32], chosen: NDArray[np.intp], keep: int) -> list[Triples]:
    """List the largest weights of each row that are above 0, a block of rows at a time."""
    keep = min(keep, len(chosen))
    parts = []
    for start in range(0, len(chosen), BLOCK_ROWS):
        block = weights[start : start + BLOCK_ROWS]
        best = np.argpartition(-block, keep - 1, axis=1)[:, :keep]
        worth = np.take_along_axis(block, best, axis=1)
        owner, place = np.nonzero(worth > 0)
        near = chosen[best[owner, place]]
        parts.append((chosen[start + owner], near, worth[owner, place].astype(np.float64)))
    return parts
