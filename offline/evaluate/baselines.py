"""What the funnel must beat: the same list for everyone, less what each user has seen."""

import numpy as np
from numpy.typing import NDArray

from app.artifacts import DAY, HALF_LIVES, Popularity
from app.contracts import Rows
from offline.evaluate.rowsets import RowSets

ALL_TIME = np.inf
RECENT = 30 * DAY  # seconds; a half-life: an event of last month counts half
BLOCK = 2_048  # users at a time, so that memory does not grow with their number


def popularity_order(popularity: Popularity, half_life: float = ALL_TIME) -> Rows:
    """Order the whole catalogue (n,) by decayed positive events, then by all events, then by row.

    ``half_life`` is in seconds, one of ``HALF_LIVES``.

    Raises:
        ValueError: nothing was counted with that half-life.
    """
    if half_life not in HALF_LIVES:
        raise ValueError(f"no counts with a half-life of {half_life} s: choose of {HALF_LIVES}")
    h = HALF_LIVES.index(half_life)
    return np.lexsort((-popularity.counts[h], -popularity.liked[h])).astype(np.int64)


def popular_lists(order: Rows, seen: RowSets, k: int) -> NDArray[np.int64]:
    """Give every user the first ``k`` of ``order`` they have not seen, (u, k), padded with -1.

    ``order`` is of the items that may be shown: leave out what is not available.
    """
    longest = int(seen.sizes.max(initial=0))
    head = order[: k + longest]  # nobody needs more: at most ``longest`` of these are seen
    lists = np.full((len(seen), k), -1, np.int64)
    for start in range(0, len(seen), BLOCK):
        users = np.arange(start, min(start + BLOCK, len(seen)))
        owners, rows = np.broadcast_arrays(users[:, None], head)
        known = seen.grades_of(owners, rows) > 0
        unseen_first = np.argsort(known, axis=1, kind="stable")[:, :k]
        shown = np.where(np.take_along_axis(known, unseen_first, 1), -1, head[unseen_first])
        lists[users, : shown.shape[1]] = shown
    return lists
