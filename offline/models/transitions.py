"""Fit the transitions: for each item, the items that the same users liked soon after it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from app.artifacts import DAY, NeighbourTable
from app.contracts import Count, NotNegative, Seconds, Share
from offline.data.dataset import Log
from offline.models.interactions import LogShape, Sparse, mean_positive_weight, time_decay
from offline.models.neighbour_table import build_neighbour_table


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


def fit_transitions(log: Log, shape: LogShape, config: TransitionsConfig) -> NeighbourTable:
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
    if not len(order):
        return build_neighbour_table([], shape[1], config.neighbours)
    likes, decayed = log.take(order), decayed[order] / mean_positive_weight(log)
    counts = _count_pairs(likes, decayed, shape[1], config)
    item, follower = counts.nonzero()
    before = np.bincount(likes.items, weights=decayed, minlength=shape[1]) + config.shrink
    after = np.bincount(follower, weights=counts.data, minlength=shape[1]) ** config.damping
    weights = counts.data / before[item] / after[follower]
    triples = item.astype(np.int64), follower.astype(np.int64), weights
    return build_neighbour_table([triples], shape[1], config.neighbours)


def _count_pairs(
    likes: Log, decayed: NDArray[np.float64], n: int, config: TransitionsConfig
) -> Sparse:
    """Return the counts of all pairs, (n, n) from item to follower, with an empty diagonal."""
    (place, same_moment), counts = _place_likes(likes), csr_array((n, n), dtype=np.float64)
    for lag in range(1, min(2 * config.span, len(likes))):
        distance = place[lag:] - place[:-lag]
        follower = (likes.users[lag:] == likes.users[:-lag]) & (distance <= config.span)
        follower &= (distance > 0) | (same_moment[lag:] <= 2 * config.span)
        first = np.flatnonzero(follower & (likes.items[lag:] != likes.items[:-lag]))
        second, distance = first + lag, distance[first]
        adds = config.fade ** np.maximum(distance - 1, 0) * np.sqrt(
            decayed[first] * decayed[second]
        )
        a, b, tied = likes.items[first], likes.items[second], distance == 0
        counts = counts + csr_array((adds, (a, b)), shape=(n, n))
        counts = counts + csr_array((adds[tied], (b[tied], a[tied])), shape=(n, n))
    return counts


def _place_likes(likes: Log) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return the place in time of each like, and the number of likes at that moment."""
    changes = (np.diff(likes.users, prepend=-1) != 0) | (np.diff(likes.times, prepend=-np.inf) != 0)
    starts = np.flatnonzero(changes)
    lengths = np.diff(starts, append=len(likes))
    return np.repeat(starts + (lengths - 1) / 2, lengths), np.repeat(lengths, lengths)
