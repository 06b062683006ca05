"""Fit the transitions: for each item, the items that the same users liked soon after it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.artifacts import DAY, NeighbourTable
from app.contracts import Count, NotNegative, Seconds, Share
from app.kernels.compiled import inline, kernel, read, scalar
from offline.data.dataset import Log
from offline.models.interactions import LogShape, mean_positive_weight, time_decay
from offline.models.item_products import BLOCK_ITEMS, Neighbours, build_by_blocks, keep_best


@dataclass(frozen=True, slots=True)
class TransitionsConfig:
    """The settings of the transitions.

    Recall@100 and @300 of the next tenth without damping, over windows before 80 % of the log:
    ML-100K 0.386 and 0.654, MovieTweetings 0.336 and 0.413. Damping lowers the recall of this
    channel alone (recall@200 on ML-100K 0.544 instead of 0.554), but raises that of all channels
    together (0.750 instead of 0.742), because it finds what others miss.
    """

    span: Count = 20  # later likes of the same user that count as followers of an item
    fade: Share = 0.9  # factor on each further follower
    shrink: NotNegative = 20.0  # likes of an item at which its followers count half
    damping: NotNegative = 0.3  # a follower is divided by its total count to this power
    half_life: Seconds = 30 * DAY  # seconds after which an interaction counts half
    neighbours: Count = 150  # kept per item


def fit_transitions(
    log: Log, shape: LogShape, config: TransitionsConfig, block_items: int = BLOCK_ITEMS
) -> NeighbourTable:
    """Return the items that follow each item, best first.

    ``w_ab = count_ab / (likes_a + shrink) / (Σ_a count_ab)^damping``. A pair of likes, with b at
    most ``span`` places after a in the same history, adds ``fade^(places - 1)`` times the geometric
    mean of both weights, in units of the mean weight and decayed by age.

    Likes of one moment have no order: all stand at the mean of their places, and follow one another
    in both directions. More than ``2·span`` likes of one moment add nothing to one another.
    """
    decayed = np.maximum(log.weights, 0.0) * time_decay(log, config.half_life)
    order = np.flatnonzero(decayed > 0)
    order = order[np.lexsort((log.times[order], log.users[order]))]
    likes, decayed = log.take(order), decayed[order] / mean_positive_weight(log)
    place, same_moment = _place_likes(likes)
    by_item = np.argsort(likes.items, kind="stable")
    starts = np.searchsorted(likes.items[by_item], np.arange(shape[1] + 1))
    halves = np.arange(2 * config.span + 1) / 2  # places differ by halves
    fades = np.asarray(config.fade**halves, np.float64)
    histories = (likes.users, likes.items, place, same_moment, decayed, fades, config.span)
    mass = np.bincount(likes.items, weights=decayed, minlength=shape[1])
    before = np.asarray(mass + config.shrink, np.float64)
    after = _count_followers(by_item, starts, *histories) ** config.damping

    def compute(start: int, end: int) -> Neighbours:
        return _select_followers(
            by_item, starts, *histories, before, after, config.neighbours, start, end
        )

    return build_by_blocks(compute, shape[1], block_items)


def _place_likes(likes: Log) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return the place in time of each like, and the number of likes at that moment."""
    changes = (np.diff(likes.users, prepend=-1) != 0) | (np.diff(likes.times, prepend=-np.inf) != 0)
    starts = np.flatnonzero(changes)
    lengths = np.diff(starts, append=len(likes))
    return np.repeat(starts + (lengths - 1) / 2, lengths), np.repeat(lengths, lengths)


@inline
def add_followers(  # noqa: PLR0913, PLR0917 - a loop over arrays
    own: NDArray[np.int64],
    users: NDArray[np.int32],
    items: NDArray[np.int32],
    place: NDArray[np.float64],
    same_moment: NDArray[np.int64],
    decayed: NDArray[np.float64],
    fades: NDArray[np.float64],
    span: int,
    counts: NDArray[np.float64],
    touched: NDArray[np.int64],
) -> int:
    """Add up the followers of an item in ``counts``, and return how many ``touched`` holds.

    Args:
        own: (l,) the item's likes.
        users: (m,) as all that follow: likes in order of user and time.
        items: (m,)
        place: (m,)
        same_moment: (m,)
        decayed: (m,)
        fades: the factor of each distance, in halves of a place.
        span: the longest distance.
        counts: (n,) all 0 before.
        touched: (n,)
    """
    size = 0
    for like in own:
        for other in range(max(0, like - 2 * span + 1), min(len(users), like + 2 * span)):
            distance = place[other] - place[like]
            if users[other] != users[like] or items[other] == items[like]:
                continue
            if distance < 0 or distance > span:
                continue
            if distance == 0 and same_moment[like] > 2 * span:
                continue
            follower = items[other]
            if counts[follower] == 0:
                touched[size] = follower
                size += 1
            fade = fades[int(2 * max(distance - 1.0, 0.0))]
            counts[follower] += fade * np.sqrt(decayed[like] * decayed[other])
    return size


HISTORY_ARRAYS = (
    *(read("i8"), read("i8")),  # the likes of each item, end to end, and the start of each
    *(read("i4"), read("i4"), read("f8"), read("i8"), read("f8"), read("f8"), scalar("i8")),
)


@kernel(HISTORY_ARRAYS)
def _count_followers(  # noqa: PLR0913, PLR0917 - a loop over arrays
    by_item: NDArray[np.int64],
    starts: NDArray[np.int64],
    users: NDArray[np.int32],
    items: NDArray[np.int32],
    place: NDArray[np.float64],
    same_moment: NDArray[np.int64],
    decayed: NDArray[np.float64],
    fades: NDArray[np.float64],
    span: int,
) -> NDArray[np.float64]:
    """Return the counts of each item as a follower of any other, (n,)."""
    n = len(starts) - 1
    totals, counts, touched = np.zeros(n), np.zeros(n), np.empty(n, np.int64)
    for item in range(n):
        own = by_item[starts[item] : starts[item + 1]]
        size = add_followers(
            own, users, items, place, same_moment, decayed, fades, span, counts, touched
        )
        for follower in touched[:size]:
            totals[follower] += counts[follower]
            counts[follower] = 0.0
    return totals


@kernel(
    (*HISTORY_ARRAYS, read("f8"), read("f8"), scalar("i8"), scalar("i8"), scalar("i8")),
)
def _select_followers(  # noqa: PLR0913, PLR0917 - a loop over arrays
    by_item: NDArray[np.int64],
    starts: NDArray[np.int64],
    users: NDArray[np.int32],
    items: NDArray[np.int32],
    place: NDArray[np.float64],
    same_moment: NDArray[np.int64],
    decayed: NDArray[np.float64],
    fades: NDArray[np.float64],
    span: int,
    before: NDArray[np.float64],
    after: NDArray[np.float64],
    keep: int,
    start: int,
    end: int,
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]:
    """Return the best followers of the items from ``start`` to ``end``."""
    n = len(starts) - 1
    counts, touched, scores = np.zeros(n), np.empty(n, np.int64), np.empty(n)
    sizes = np.zeros(end - start, np.int64)
    rows = np.empty((end - start) * keep, np.int32)
    weights = np.empty((end - start) * keep, np.float32)
    total = 0
    for item in range(start, end):
        own = by_item[starts[item] : starts[item + 1]]
        size = add_followers(
            own, users, items, place, same_moment, decayed, fades, span, counts, touched
        )
        for i in range(size):
            follower = touched[i]
            scores[i] = counts[follower] / before[item] / after[follower]
            counts[follower] = 0.0
        sizes[item - start] = keep_best(
            touched[:size], scores[:size], keep, rows[total:], weights[total:]
        )
        total += sizes[item - start]
    return sizes, rows[:total].copy(), weights[:total].copy()
