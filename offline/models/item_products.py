"""The largest entries of products of sparse matrices, from item to item, computed row by row.

The whole product is never in memory: each row is summed up in arrays as long as the catalogue, and
only its largest entries are kept. Rows are independent, so threads do not change the bits.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.artifacts import NeighbourTable
from app.kernels.compiled import inline, kernel, read, scalar
from app.kernels.selection import best_entries
from offline.models.interactions import Sparse

BLOCK_ITEMS = 2_048  # whose neighbours a thread computes at a time

# Of some items: the number of neighbours of each, the neighbours end to end, and their weights.
Neighbours: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]


@dataclass(frozen=True, slots=True, eq=False)
class ProductWeights:
    """How an entry of a product becomes the weight of a neighbour, and how many are kept."""

    keep: int
    divisors: NDArray[np.float64]  # (n,) of each neighbour
    shrink: float = 0.0  # common users at which an entry counts half
    is_normed: bool = False  # divide by the lengths of both vectors over their common users


def largest_products(
    left: Sparse, right: Sparse, weights: ProductWeights, block_items: int
) -> NeighbourTable:
    """Return the largest weights of each row of ``left · right`` that are above 0, best first.

    Equal weights stand in the order of their rows. An item is not its own neighbour.

    Args:
        left: (n, users)
        right: (users, n)
        weights: how an entry of the product is weighted.
        block_items: whose neighbours are computed at a time.
    """

    def compute(start: int, end: int) -> Neighbours:
        return _sum_products(
            *_parts_of(left),
            *_parts_of(right),
            weights.divisors,
            weights.shrink,
            weights.is_normed,
            weights.keep,
            start,
            end,
        )

    return build_by_blocks(compute, left.shape[0], block_items)


def build_by_blocks(
    compute: Callable[[int, int], Neighbours], n: int, block_items: int
) -> NeighbourTable:
    """Build a table of ``n`` items from the neighbours of blocks of them, on all cores."""
    starts = range(0, max(n, 1), block_items)
    ends = [min(start + block_items, n) for start in starts]
    with ThreadPoolExecutor() as pool:
        parts = list(pool.map(compute, starts, ends))
    counts, rows, weights = (np.concatenate(part) for part in zip(*parts, strict=True))
    return NeighbourTable(np.concatenate([[0], np.cumsum(counts)]), rows, weights)


def _parts_of(
    of: Sparse,
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64]]:
    return of.indptr.astype(np.int64), of.indices.astype(np.int32), of.data


@inline
def keep_best(
    touched: NDArray[np.int64],
    scores: NDArray[np.float64],
    keep: int,
    rows: NDArray[np.int32],
    weights: NDArray[np.float32],
) -> int:
    """Write the best entries into the first places of two arrays, and return their number."""
    best, best_scores = best_entries(touched, scores, np.empty(0, np.int64), keep)
    for i in range(len(best)):
        rows[i], weights[i] = best[i], best_scores[i]
    return len(best)


@kernel(
    (
        *(read("i8"), read("i4"), read("f8")) * 2,
        *(read("f8"), scalar("f8"), scalar("?")),
        *(scalar("i8"), scalar("i8"), scalar("i8")),
    )
)
def _sum_products(  # noqa: PLR0913, PLR0915, PLR0917, C901 - a loop over arrays
    left_indptr: NDArray[np.int64],
    left_users: NDArray[np.int32],
    left_values: NDArray[np.float64],
    right_indptr: NDArray[np.int64],
    right_items: NDArray[np.int32],
    right_values: NDArray[np.float64],
    divisors: NDArray[np.float64],
    shrink: float,
    is_normed: bool,  # noqa: FBT001 - kernels have no keywords
    keep: int,
    start: int,
    end: int,
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]:
    """Return the neighbours of the items from ``start`` to ``end``; see ``largest_products``."""
    n = len(divisors)
    sums, common = np.zeros(n, np.float64), np.zeros(n, np.int64)
    own = np.zeros(n if is_normed else 0, np.float64)
    other = np.zeros(n if is_normed else 0, np.float64)
    touched, scores = np.empty(n, np.int64), np.empty(n, np.float64)
    counts = np.zeros(end - start, np.int64)
    rows = np.empty((end - start) * keep, np.int32)
    weights = np.empty((end - start) * keep, np.float32)
    size = 0
    for item in range(start, end):
        reached = 0
        for i in range(left_indptr[item], left_indptr[item + 1]):
            user, value = left_users[i], left_values[i]
            for j in range(right_indptr[user], right_indptr[user + 1]):
                neighbour = right_items[j]
                if common[neighbour] == 0:
                    touched[reached] = neighbour
                    reached += 1
                common[neighbour] += 1
                sums[neighbour] += value * right_values[j]
                if is_normed:
                    own[neighbour] += value * value
                    other[neighbour] += right_values[j] * right_values[j]
        for i in range(reached):
            neighbour, score = touched[i], 0.0
            if sums[neighbour] > 0 and neighbour != item:
                score = sums[neighbour]
                if shrink > 0:
                    score = score * common[neighbour] / (common[neighbour] + shrink)
                if is_normed:
                    score /= np.sqrt(own[neighbour] * other[neighbour])
                score /= divisors[neighbour]
            scores[i] = score
            sums[neighbour], common[neighbour] = 0.0, 0
            if is_normed:
                own[neighbour], other[neighbour] = 0.0, 0.0
        counts[item - start] = keep_best(
            touched[:reached], scores[:reached], keep, rows[size:], weights[size:]
        )
        size += counts[item - start]
    return counts, rows[:size].copy(), weights[:size].copy()
