"""Sums of weights by item, the last step of every neighbourhood channel."""

import numpy as np
from numpy.typing import NDArray

from app.contracts import Proposal, Query, Rows

MAX_DENSE = 200_000  # items; up to this one pass over a dense array beats a sort


def accumulate(
    rows: NDArray[np.integer], weights: NDArray[np.floating], n: int, max_dense: int = MAX_DENSE
) -> tuple[Rows, NDArray[np.float64]]:
    """Return the unique rows, ascending, and the sum of ``weights`` of each.

    Rows whose sum is 0 are left out.

    Args:
        rows: (m,) item or user rows.
        weights: (m,)
        n: The size of the catalogue.
        max_dense: The largest catalogue that one dense array is summed into.
    """
    if n <= max_dense:
        dense = np.bincount(rows, weights=weights, minlength=n).astype(np.float64, copy=False)
        touched = (dense != 0.0).nonzero()[0]
        return touched.astype(np.int64, copy=False), dense.take(touched)
    unique, position = np.unique(rows, return_inverse=True)
    sums = np.bincount(position, weights=weights).astype(np.float64, copy=False)
    touched = np.flatnonzero(sums)
    return unique[touched].astype(np.int64), sums[touched]


def propose(query: Query, rows: Rows, scores: NDArray[np.floating], limit: int) -> Proposal:
    """Return the best ``limit`` of the rows that are allowed and score above 0."""
    kept = (query.allows(rows) & (scores > 0)).nonzero()[0]
    return Proposal.best(rows.take(kept), scores.take(kept).astype(np.float32), limit)
