"""The last step of every channel that scores items: select the best that may be shown."""

import numpy as np
from numpy.typing import NDArray

from app.contracts import Proposal, Query, Rows
from app.kernels.selection import select_top


def propose(query: Query, rows: Rows, scores: NDArray[np.floating], limit: int) -> Proposal:
    """Return the best ``limit`` of the rows that are allowed and score above 0, (n,) each.

    Equal scores stand in the order of their rows.
    """
    for each in query.filters:
        kept = each.allows(rows).nonzero()[0]
        rows, scores = rows.take(kept), scores.take(kept)
    exact = scores.astype(np.float32, copy=False)
    return Proposal(*select_top(rows, exact, query.excluded, limit))
