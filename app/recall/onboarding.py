"""Which items to ask somebody about of whom nothing is known: a list made once with the bundle.

Items that many like, and that lie far apart: an answer is worth nothing that is never given, and
little where it says again what another one said. Entropy, and HELF, its harmonic mean with
logarithmic frequency (Rashid, Karypis, Riedl: Learning preferences of new users in recommender
systems, SIGKDD Explorations, 2008), ask about items that few newcomers have an opinion on.
"""

import numpy as np
from numpy.typing import NDArray

from app.artifacts import Models
from app.contracts import Rows

MAX_ITEMS = 60  # items in the list: some of them may be deleted, or told to be left out
N_MOST_LIKED = 100  # the most liked, those that are told apart; chosen of 60, 100, 150 and 200

Floats = NDArray[np.float64]


def select_items(models: Models, n: int = MAX_ITEMS) -> Rows:
    """Give the rows to ask about, at most ``n``, the most telling first.

    An item is worth the root of its likes, which leaves more of the choice than the likes would to
    how far it lies from the others.
    """
    liked = models.popularity.liked[-1]
    worth = np.sqrt(np.where(models.catalogue.available[: len(liked)], liked, 0.0))
    rows = np.argsort(-worth, kind="stable")[:N_MOST_LIKED]
    rows = rows[worth[rows] > 0]
    vectors = models.factors.items[rows] / models.factors.lengths[rows, None]
    return rows[select_diverse(worth[rows], vectors.astype(np.float64), n)]


def select_diverse(worth: Floats, vectors: Floats, n: int) -> NDArray[np.intp]:
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
