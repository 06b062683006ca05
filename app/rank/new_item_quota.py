"""Items that came after the bundle get past the rankers, which have only learned from the others.

Whether one is shown is for exploration to say, which has an upper confidence bound for it.
"""

import numpy as np
from numpy.typing import NDArray

from app.contracts import Candidates

NEW_ITEM_QUOTA = 2  # of those that a stage keeps, for newcomers


def keep_top(pool: Candidates, keep: int, first: int, exposures: NDArray[np.float64]) -> Candidates:
    """Keep the best ``keep``, among them newcomers if there are any, best first.

    Seats go to the newcomers that were shown least, and of equals to the best.

    Args:
        pool: as the stage scored it.
        keep: how many go on.
        first: rows from this one on are newcomers.
        exposures: (catalogue,) how often each item was shown.
    """
    new = np.flatnonzero(pool.rows >= first)
    seats = min(NEW_ITEM_QUOTA, keep, len(new))
    if not seats:
        return pool.top(keep)
    best = np.argsort(-pool.scores, kind="stable")
    favoured = np.zeros(len(pool), np.bool_)
    least_shown = np.lexsort((-pool.scores[new], exposures[pool.rows[new]]))
    favoured[new[least_shown[:seats]]] = True
    others = best[~favoured[best]][: keep - seats]
    kept = np.concatenate([others, np.flatnonzero(favoured)])
    return pool.take(kept).top(keep)
