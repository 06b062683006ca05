"""The users of the log: their histories, segments and friends."""

import numpy as np
from numpy.typing import NDArray

from app.artifacts import NO_FRIENDS, Friends, Users
from app.catalogue.ids import IdIndex
from offline.data.dataset import Log


def build_users(log: Log, ids: IdIndex, segments: NDArray[np.int32]) -> Users:
    """Return the events of each user, newest first; events of the same second in row order.

    Serving joins histories in the same order (``app.query_builder.join_histories``).
    """
    order = np.lexsort((log.items, -log.times, log.users))
    lengths = np.bincount(log.users, minlength=len(ids))
    return Users(
        ids=ids,
        indptr=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        rows=log.items[order].astype(np.int32),
        values=log.values[order],
        weights=log.weights[order],
        times=log.times[order],
        segments=segments,
    )


def build_friends(edges: NDArray[np.int32], users: int) -> Friends:
    """Return the friends of each user from sorted edges in both directions, (e, 2)."""
    if not len(edges):
        return NO_FRIENDS
    indptr = np.searchsorted(edges[:, 0], np.arange(users + 1)).astype(np.int64)
    return Friends(indptr, np.ascontiguousarray(edges[:, 1]))
