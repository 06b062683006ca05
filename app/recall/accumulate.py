"""Sums weights by row: what every neighbourhood channel ends with."""

import numpy as np
from numpy.typing import NDArray

from app.contracts import Proposal, Query, Rows

DENSE_LIMIT = 200_000  # up to this many items one pass over a dense array beats a sort


def accumulate(
    rows: NDArray[np.integer], weights: NDArray[np.floating], n: int
) -> tuple[Rows, NDArray[np.float64]]:
    """Sum ``weights`` by row, (m,) each, in a catalogue of ``n``: unique rows and their sums.

    Rows whose sum is 0 are left out.
    """
    if n <= DENSE_LIMIT:
        dense = np.bincount(rows, weights=weights, minlength=n).astype(np.float64, copy=False)
        touched = (dense != 0.0).nonzero()[0]
        return touched.astype(np.int64, copy=False), dense.take(touched)
    unique, at = np.unique(rows, return_inverse=True)
    sums = np.bincount(at, weights=weights).astype(np.float64, copy=False)
    touched = np.flatnonzero(sums)
    return unique[touched].astype(np.int64), sums[touched]


def propose(query: Query, rows: Rows, scores: NDArray[np.floating], limit: int) -> Proposal:
    """Keep the best ``limit`` of the rows that the user has not seen and that score above 0."""
    kept = (query.allows(rows) & (scores > 0)).nonzero()[0]
    return Proposal.best(rows.take(kept), scores.take(kept).astype(np.float32), limit)
