"""Items that came after the bundle get past the rankers, which have only learned from the others.

Whether one is shown is for exploration to say, which has an upper confidence bound for it.
"""

import numpy as np

from app.contracts import Candidates

SEATS = 2  # of those that a stage keeps, for newcomers


def top(pool: Candidates, keep: int, first: int) -> Candidates:
    """Keep the best ``keep``, among them the best newcomers if there are any, best first.

    Args:
        pool: as the stage scored it.
        keep: how many go on.
        first: rows from this one on are newcomers.
    """
    new = np.flatnonzero(pool.rows >= first)
    seats = min(SEATS, keep, len(new))
    if not seats:
        return pool.top(keep)
    best = np.argsort(-pool.scores, kind="stable")
    favoured = np.zeros(len(pool), np.bool_)
    favoured[new[np.argsort(-pool.scores[new], kind="stable")[:seats]]] = True
    others = best[~favoured[best]][: keep - seats]
    kept = np.concatenate([others, np.flatnonzero(favoured)])
    return pool.take(kept).top(keep)
