"""The items that a new user is asked about: one list for each bundle.

The items are liked by many users and differ from one another. An item that nobody knows gets no
answer, and an item like another one gets the same answer again. Entropy, and HELF, its harmonic
mean with logarithmic frequency (Rashid, Karypis, Riedl: Learning preferences of new users in
recommender systems, SIGKDD Explorations, 2008), select items that few new users know.
"""

import numpy as np
from numpy.typing import NDArray

from app.artifacts import Models
from app.contracts import NO_ROWS, Rows
from app.kernels.selection import select_top

MAX_ITEMS = 60  # length of the list: some items may be deleted, or excluded by a request
N_MOST_LIKED = 100  # items to select from; the best of 60, 100, 150 and 200


def select_items(models: Models, n: int = MAX_ITEMS, n_most_liked: int = N_MOST_LIKED) -> Rows:
    """Return the rows to ask about, at most ``n``, in the order of their selection.

    The value of an item is the square root of its likes. With the root, the distance from the other
    items counts more than it would with the likes themselves.
    """
    likes = models.popularity.liked[-1]
    values = np.sqrt(np.where(models.catalogue.available[: len(likes)], likes, 0.0))
    rows, _ = select_top(np.arange(len(values)), values, NO_ROWS, n_most_liked)
    vectors = models.factors.items[rows] / models.factors.lengths[rows, None]
    return rows[select_diverse(values[rows], vectors.astype(np.float64), n)]


def select_diverse(
    values: NDArray[np.float64], vectors: NDArray[np.float64], n: int
) -> NDArray[np.intp]:
    """Select items one by one, each time the one with the largest product.

    The product is the item's value times ``1 - largest cosine`` to the items selected before.

    Args:
        values: (m,) 0 or more.
        vectors: (m, d) unit length, or zero for an item without a vector.
        n: The number of items.

    Returns:
        The positions of the selected items, in the order of their selection, (min(n, m),).
    """
    selected = np.empty(min(n, len(values)), np.intp)
    nearest, left = np.zeros(len(values)), values.copy()
    for n_selected in range(len(selected)):
        best = int(np.argmax(left * (1.0 - nearest)))
        selected[n_selected], left[best] = best, -1.0
        np.maximum(nearest, np.clip(vectors @ vectors[best], 0.0, 0.99), out=nearest)
    return selected
