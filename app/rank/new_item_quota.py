"""A quota of new items in each ranking stage.

The rankers never learned from items that were added after the bundle. The quota keeps a few of
them in the pool. Exploration then decides whether to show one, by its upper confidence bound.
"""

import numpy as np
from numpy.typing import NDArray

from app.contracts import Candidates

NEW_ITEM_QUOTA = 2  # new items among those that a stage keeps


def keep_top(
    pool: Candidates, keep: int, first_new: int, exposures: NDArray[np.float64]
) -> Candidates:
    """Keep the best ``keep``, best first, with up to ``NEW_ITEM_QUOTA`` new items among them.

    The quota goes to the new items with the fewest exposures. Among equals, it goes to the best.

    Args:
        pool: the candidates with the scores of the stage.
        keep: the number of candidates to keep.
        first_new: the row of the first item that was added after the bundle.
        exposures: (catalogue,) how often each item was shown.
    """
    new = np.flatnonzero(pool.rows >= first_new)
    quota = min(NEW_ITEM_QUOTA, keep, len(new))
    if not quota:
        return pool.top(keep)
    best = np.argsort(-pool.scores, kind="stable")
    is_reserved = np.zeros(len(pool), np.bool_)
    least_shown = np.lexsort((-pool.scores[new], exposures[pool.rows[new]]))
    is_reserved[new[least_shown[:quota]]] = True
    others = best[~is_reserved[best]][: keep - quota]
    kept = np.concatenate([others, np.flatnonzero(is_reserved)])
    return pool.take(kept).top(keep)
