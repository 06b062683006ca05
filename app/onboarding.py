"""Which items to ask somebody about of whom nothing is known: a list made once with the bundle.

Items that many know, on which opinions differ, and that lie far apart. The first two are weighed as
HELF, the harmonic mean of entropy and logarithm of frequency (Rashid, Karypis, Riedl: Learning
preferences of new users in recommender systems, SIGKDD Explorations, 2008, after Rashid et al.:
Getting to know you, IUI 2002); the third by what is left of it beside what was already chosen.
"""

import numpy as np
from numpy.typing import NDArray

from app.artifacts import Models
from app.contracts import Rows

LENGTH = 60  # items in the list: some of them may be deleted, or told to be left out
AMONG = 500  # of the items that are worth most, those that are told apart
FEW = 1e-3  # mean entropy below which opinions are too much alike to say anything

Floats = NDArray[np.float64]


def proposals(models: Models, n: int = LENGTH) -> Rows:
    """Give the rows to ask about, at most ``n``, the most telling first."""
    worth = telling(models.popularity.counts[-1], models.popularity.liked[-1])
    worth = np.where(models.catalogue.available[: len(worth)], worth, 0.0)
    rows = np.argsort(-worth, kind="stable")[:AMONG]
    rows = rows[worth[rows] > 0]
    vectors = models.factors.items[rows] / models.factors.lengths[rows, None]
    return rows[apart(worth[rows], vectors.astype(np.float64), n)]


def telling(counts: Floats, liked: Floats) -> Floats:
    """Give HELF of each item, (n,): ``2·LF·H / (LF + H)``, both parts in [0, 1].

    ``H`` is the entropy of liked or not. Where hardly anybody dislikes anything it says nothing,
    and frequency decides.

    Args:
        counts: (n,) events on each item.
        liked: (n,) positive ones, by their weight.
    """
    frequency = np.log1p(counts) / max(float(np.log1p(counts).max(initial=0.0)), 1e-9)
    share = np.clip(liked / np.maximum(counts, 1e-9), 0.0, 1.0)
    entropy = -(_plogp(share) + _plogp(1.0 - share)) / np.log(2.0)
    if float(entropy @ counts) < FEW * max(float(counts.sum()), 1e-9):
        return frequency
    helf: Floats = 2.0 * frequency * entropy / np.maximum(frequency + entropy, 1e-9)
    return helf


def apart(worth: Floats, vectors: Floats, n: int) -> NDArray[np.intp]:
    """Choose ``n`` by worth, each times ``1 - largest cosine`` to those chosen before.

    Args:
        worth: (m,) 0 or more.
        vectors: (m, d) unit length, or zero for an item of which nothing is known.
        n: how many.
    """
    chosen = np.empty(min(n, len(worth)), np.intp)
    nearest, left = np.zeros(len(worth)), worth.copy()
    for at in range(len(chosen)):
        best = int(np.argmax(left * (1.0 - nearest)))
        chosen[at], left[best] = best, -1.0
        np.maximum(nearest, np.clip(vectors @ vectors[best], 0.0, 0.99), out=nearest)
    return chosen


def _plogp(share: Floats) -> Floats:
    logs: Floats = share * np.log(np.where(share > 0, share, 1.0))
    return logs
