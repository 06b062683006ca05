"""Loops of the last stage: what may be shown, relevance, diverse items, and earlier scores."""

import numpy as np
from numpy.typing import NDArray

from app.kernels.compiled import kernel, read, scalar
from app.kernels.products import row_product
from app.kernels.selection import contains, row_set

MIN_SPREAD = 1e-9  # avoids division by 0 where all scores are equal


@kernel((read("i8"), read("?"), read("i8")))
def permitted_rows(
    rows: NDArray[np.int64], available: NDArray[np.bool_], excluded: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Return which rows are available and not excluded, (n,).

    Args:
        rows: (n,)
        available: (catalogue,)
        excluded: (e,) ascending.
    """
    permitted, left_out = np.empty(len(rows), np.bool_), row_set(excluded)
    for i in range(len(rows)):
        permitted[i] = available[rows[i]] and not contains(left_out, rows[i])
    return permitted


@kernel((read("f4"),))
def scale_to_unit(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Map the finite scores to [0, 1], (n,); infinite ones become 0 and 1."""
    low, high = np.float32(np.inf), np.float32(-np.inf)
    for score in scores:
        if np.isfinite(score):
            low, high = min(low, score), max(high, score)
    if low > high:
        low = high = np.float32(0.0)
    spread = np.float32(max(np.float64(high - low), MIN_SPREAD))
    scaled = np.empty(len(scores), np.float32)
    for i in range(len(scores)):
        scaled[i] = (min(max(scores[i], low), high) - low) / spread
    return scaled


@kernel((read("f4"), read("f4", 2), read("i8"), scalar("i8"), scalar("f8")))
def choose_diverse(
    relevance: NDArray[np.float32],
    vectors: NDArray[np.float32],
    rows: NDArray[np.int64],
    k: int,
    diversity: float,
) -> NDArray[np.int64]:
    """Return the positions of ``k`` candidates by ``app.rerank.mmr``, (k,) or (n,) if k is larger.

    Args:
        relevance: (n,)
        vectors: (catalogue, d) of unit length, or 0.
        rows: (n,) rows of ``vectors``.
        k: how many to choose.
        diversity: from 0 to 1.
    """
    n = len(relevance)
    weighted, nearest = (1.0 - diversity) * relevance.astype(np.float64), np.zeros(n)
    chosen = np.empty(min(k, n), np.int64)
    for at in range(len(chosen)):
        best, largest = 0, -np.inf
        for i in range(n):
            value = weighted[i] - diversity * nearest[i]
            if value > largest:
                best, largest = i, value
        chosen[at] = best
        weighted[best] = -np.inf
        vector = vectors[rows[best]]
        for i in range(n if at + 1 < len(chosen) else 0):
            nearest[i] = max(nearest[i], np.float64(row_product(vectors, rows[i], vector)))
    return chosen


@kernel((read("i8"), read("f4"), read("i8")))
def find_scores(
    rows: NDArray[np.int64], scores: NDArray[np.float32], wanted: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return the score of each wanted row among some rows, (n,); NaN where it is absent.

    Args:
        rows: (m,) unique.
        scores: (m,)
        wanted: (n,) a few rows.
    """
    result = np.full(len(wanted), np.float32(np.nan), np.float32)
    for i in range(len(wanted)):
        for at in range(len(rows)):
            if rows[at] == wanted[i]:
                result[i] = scores[at]
                break
    return result
