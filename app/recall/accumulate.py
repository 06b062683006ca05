"""The last step of every channel that scores items: select the best that may be shown."""

import numpy as np
from numpy.typing import NDArray

from app.contracts import Proposal, Query, Rows
from app.kernels.neighbours import best_sums, sum_weights
from app.kernels.selection import select_top
from app.stages import NeighbourSpans


def propose(query: Query, rows: Rows, scores: NDArray[np.floating], limit: int) -> Proposal:
    """Return the best ``limit`` of the rows that are allowed and score above 0, (n,) each.

    Equal scores stand in the order of their rows.
    """
    for each in query.filters:
        kept = each.allows(rows).nonzero()[0]
        rows, scores = rows.take(kept), scores.take(kept)
    exact = scores.astype(np.float32, copy=False)
    return Proposal(*select_top(rows, exact, query.excluded, limit))


def propose_sums(
    query: Query,
    near: NeighbourSpans,
    factors: NDArray[np.float64],
    limit: int,
    least: float = -np.inf,
) -> Proposal:
    """Return the best ``limit`` rows by the sum of ``factor · weight`` over their spans.

    Args:
        query: what it allows is proposed.
        near: s spans of a table.
        factors: (s,)
        limit: how many rows, at most.
        least: smaller weights count as this.
    """
    spans = (near.starts, near.ends, factors, near.rows, near.weights, least)
    if query.filters:
        rows, sums, _ = sum_weights(*spans)
        return propose(query, rows, sums, limit)
    return Proposal(*best_sums(*spans, query.excluded, limit))
