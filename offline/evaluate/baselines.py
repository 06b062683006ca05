"""Baselines of the funnel: the same order for all users, without the items they have seen."""

import numpy as np
from numpy.typing import NDArray

from app.artifacts import DAY, HALF_LIVES, Models, Popularity
from app.contracts import Rows
from offline.evaluate.metrics import Lists
from offline.evaluate.rowsets import RowSets

ALL_TIME = np.inf
RECENT = 30 * DAY  # seconds; a half-life: an event of last month counts half
BASELINES = {"popularity": ALL_TIME, "recency_popularity": RECENT}  # method -> half-life
USERS_AT_ONCE = 2_048  # so that memory does not grow with the number of users


def popularity_order(popularity: Popularity, half_life: float = ALL_TIME) -> Rows:
    """Order the whole catalogue (n,) by decayed positive events, then by all events, then by row.

    ``half_life`` is in seconds, one of ``HALF_LIVES``.

    Raises:
        ValueError: there are no counts with that half-life.
    """
    if half_life not in HALF_LIVES:
        raise ValueError(f"no counts with a half-life of {half_life} s: choose one of {HALF_LIVES}")
    h = HALF_LIVES.index(half_life)
    return np.lexsort((-popularity.counts[h], -popularity.liked[h])).astype(np.int64)


def popular_lists(
    order: Rows, seen: RowSets, k: int, users_at_once: int = USERS_AT_ONCE
) -> NDArray[np.int64]:
    """Return for every user the first ``k`` of ``order`` that they have not seen.

    The lists are (u, k), padded with -1. ``order`` holds the items that may be shown: leave out
    what is not available.
    """
    head = order[: k + int(seen.sizes.max(initial=0))]  # enough for the user who has seen most
    lists = np.full((len(seen), k), -1, np.int64)
    for start in range(0, len(seen), users_at_once):
        users = np.arange(start, min(start + users_at_once, len(seen)))
        owners, rows = np.broadcast_arrays(users[:, None], head)
        is_seen = seen.grades_of(owners, rows) > 0
        unseen_first = np.argsort(is_seen, axis=1, kind="stable")[:, :k]
        shown = np.where(np.take_along_axis(is_seen, unseen_first, 1), -1, head[unseen_first])
        lists[users, : shown.shape[1]] = shown
    return lists


def baseline_lists(models: Models, seen: RowSets, k: int) -> dict[str, Lists]:
    """Return the lists (u, k) of every baseline, by its name, of items that may be shown."""
    return {
        name: popular_lists(shown_order(models, half_life), seen, k)
        for name, half_life in BASELINES.items()
    }


def shown_order(models: Models, half_life: float = ALL_TIME) -> Rows:
    """Return the popularity order of the items that are available, as the funnel shows only them.

    Raises:
        ValueError: there are no counts with that half-life.
    """
    order = popularity_order(models.popularity, half_life)
    return order[models.catalogue.available[order]]
