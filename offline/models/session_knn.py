"""Collect the past visits that the channel ``session_knn`` compares a user's likes with.

A visit is a run of one user's likes with no long pause between them. The job chooses the pause, as
for the moments that rankers learn from (``offline.training.visits``).
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge, Le
from numpy.typing import NDArray

from app.artifacts import DAY, NO_VISITS, Visits
from app.contracts import SESSION_LENGTH, Count, NotNegative, Seconds
from offline.data.dataset import Log
from offline.models.interactions import LogShape
from offline.models.user_cf import first_per_owner

MAX_ITEMS = 255  # of a visit: a place is one byte


@dataclass(frozen=True, slots=True)
class SessionKNNConfig:
    """The settings of the visits. The job chooses ``pause`` from the data."""

    pause: Seconds = SESSION_LENGTH  # without a like, that end a visit; inf: one visit a user
    visit_items: Annotated[int, Ge(2), Le(MAX_ITEMS)] = 30  # a longer visit counts as several
    max_visits: Count = 2_000_000  # the newest ones
    visits_per_item: Count = 500  # the newest ones
    half_life: Seconds = 30 * DAY  # seconds after which a visit counts half
    length_power: NotNegative = 0.0  # a visit is divided by its number of items to this power
    rarity: NotNegative = 1.0  # power of an item's weight: log(1 + visits / visits with the item)


def fit_visits(log: Log, shape: LogShape, config: SessionKNNConfig) -> Visits:
    """Return the visits with two items or more. An item that repeats in a visit stands once, last.

    The weight of a visit is ``2^-(age / half_life) / items^length_power``, with its age as of the
    newest like. The decay is that of STAN (Garg et al.: Sequence and time aware neighborhood for
    session-based recommendations, 2019), as a half-life.
    """
    likes = log.take(np.flatnonzero(log.weights > 0))
    likes = likes.take(np.lexsort((likes.items, likes.times, likes.users)))
    owner = _number_visits(likes, config.pause)
    kept = _last_of_each_item(owner, likes.items)
    likes, owner = likes.take(kept), owner[kept]
    owner = _divide_long_visits(owner, config.visit_items)
    starts = np.flatnonzero(np.diff(owner, prepend=-1))
    sizes = np.diff(starts, append=len(owner))
    starts, sizes = starts[sizes > 1], sizes[sizes > 1]
    if not len(starts):
        return NO_VISITS
    ends_at = likes.times[starts + sizes - 1]
    order = np.argsort(ends_at, kind="stable")[-config.max_visits :]
    starts, sizes, ends_at = starts[order], sizes[order], ends_at[order]
    indptr = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    places = np.arange(indptr[-1]) - np.repeat(indptr[:-1], sizes)
    rows = likes.items[np.repeat(starts, sizes) + places].astype(np.int32)
    decay = np.exp2((ends_at - likes.times.max()) / config.half_life)
    counts = np.bincount(rows, minlength=shape[1])
    rarity = np.log1p(len(sizes) / np.maximum(counts, 1)) ** config.rarity
    return Visits(
        indptr,
        rows,
        (decay / sizes**config.length_power).astype(np.float32),
        *_newest_of_items(rows, np.repeat(np.arange(len(sizes)), sizes), places, shape[1], config),
        rarity.astype(np.float32),
    )


def _number_visits(likes: Log, pause: float) -> NDArray[np.int64]:
    """Return the number of the visit of each like; they are in order of user and time."""
    is_first = (np.diff(likes.users, prepend=-1) != 0) | (np.diff(likes.times, prepend=0.0) > pause)
    return np.cumsum(is_first)


def _last_of_each_item(owner: NDArray[np.int64], items: NDArray[np.int32]) -> NDArray[np.intp]:
    """Return the positions of the last like of each item in each visit, ascending."""
    pairs = owner[::-1] << 32 | items[::-1]
    _, last = np.unique(pairs, return_index=True)
    return np.sort(len(owner) - 1 - last)


def _divide_long_visits(owner: NDArray[np.int64], limit: int) -> NDArray[np.int64]:
    """Number the visits anew, so that none has more than ``limit`` likes."""
    starts = np.flatnonzero(np.diff(owner, prepend=-1))
    place = np.arange(len(owner)) - np.repeat(starts, np.diff(starts, append=len(owner)))
    return np.cumsum(place % limit == 0)


def _newest_of_items(
    rows: NDArray[np.int32],
    visits: NDArray[np.int64],
    places: NDArray[np.int64],
    items: int,
    config: SessionKNNConfig,
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.uint8]]:
    """Return where the visits of each item begin, the visits, newest first, and the places."""
    order = np.lexsort((-visits, rows))
    order = order[first_per_owner(rows[order], config.visits_per_item)]
    lengths = np.bincount(rows[order], minlength=items)
    indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return indptr, visits[order].astype(np.int32), places[order].astype(np.uint8)
