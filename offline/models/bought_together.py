"""Items that are bought in the same visit, for ``/items/{id}/bought-together``.

No channel recalls from this table, and no model learns from it. It is fitted once, on all data.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from app.artifacts import NeighbourTable
from app.contracts import SESSION_LENGTH
from app.event_weights import type_code
from offline.data.dataset import Log
from offline.models.interactions import Sparse
from offline.models.item_products import BLOCK_ITEMS, Neighbours, build_by_blocks

BUYING_TYPES = ("purchase", "add_to_cart")  # the first one that the log has is used
NEIGHBOURS = 50  # kept per item
MIN_VISITS = 2  # that a pair must share: one is chance
MAX_VISIT_ITEMS = 100  # of a larger visit, which is a wholesale order, the first ones count
SHRINK = 5.0  # shared visits at which the lift counts half


def fit_bought_together(
    log: Log, items: int, block_items: int = BLOCK_ITEMS
) -> NeighbourTable | None:
    """Return for each item those that are bought in the same visits, with their shrunk lift.

    ``lift_ab = visits_ab · visits / (visits_a · visits_b)``, and the weight is
    ``lift_ab · visits_ab / (visits_ab + shrink)``. Pairs with a lift up to 1 are left out: they are
    not bought together more often than by chance. A visit is a user's purchases with pauses of at
    most half an hour between them. Without purchases, items that were added to a cart count.

    Returns:
        None if the log has neither.
    """
    bought = buying_events(log)
    if bought is None:
        return None
    visits = visit_matrix(bought, items)
    counts = np.bincount(visits.indices, minlength=items).astype(np.float64)
    to_visits: Sparse = visits.T.tocsr()

    def compute(start: int, end: int) -> Neighbours:
        shared = (to_visits[start:end] @ visits).tocoo()
        own, other = shared.coords[0] + start, shared.coords[1]
        lift = shared.data * visits.shape[0] / (counts[own] * counts[other])
        kept = (own != other) & (shared.data >= MIN_VISITS) & (lift > 1.0)
        weights = (lift * shared.data / (shared.data + SHRINK))[kept]
        return keep_largest(own[kept] - start, other[kept], weights, end - start)

    return build_by_blocks(compute, items, block_items)


def buying_events(log: Log) -> Log | None:
    """Return the purchases of a log; if there are none, what was added to carts; or None."""
    for kind in BUYING_TYPES if len(log.types) else ():
        chosen = np.flatnonzero(log.types == type_code(kind))
        if len(chosen):
            return log.take(chosen)
    return None


def visit_matrix(bought: Log, items: int) -> Sparse:
    """Return a matrix, visits x items, with 1 for each item that was bought in a visit."""
    log = bought.take(np.lexsort((bought.items, bought.times, bought.users)))
    begins = np.diff(log.users, prepend=-1) != 0
    begins |= np.diff(log.times, prepend=-np.inf) > SESSION_LENGTH
    visit = np.cumsum(begins) - 1
    place = np.arange(len(log)) - np.flatnonzero(begins)[visit]
    kept = place < MAX_VISIT_ITEMS
    pairs = np.unique(np.stack([visit[kept], log.items[kept]]), axis=1)
    shape = int(visit[-1]) + 1, items
    return csr_array((np.ones(pairs.shape[1]), (pairs[0], pairs[1])), shape=shape)


def keep_largest(
    own: NDArray[np.integer],
    other: NDArray[np.integer],
    weights: NDArray[np.float64],
    n: int,
) -> Neighbours:
    """Return the ``NEIGHBOURS`` largest weights of each of ``n`` items; equal ones by row."""
    order = np.lexsort((other, -weights, own))
    own, other, weights = own[order], other[order], weights[order]
    sizes = np.bincount(own, minlength=n)
    rank = np.arange(len(own)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    kept = rank < NEIGHBOURS
    sizes = np.minimum(sizes, NEIGHBOURS).astype(np.int64)
    return sizes, other[kept].astype(np.int32), weights[kept].astype(np.float32)
