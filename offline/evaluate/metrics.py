"""Metrics of lists, per user: accuracy against what the user did next, and beyond accuracy.

All functions are pure and vectorised. Lists are (u, w) catalogue rows, best first, padded with -1:
a padded position is a miss. A figure that is undefined for a user is NaN.
"""

from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from app.contracts import Matrix
from offline.evaluate.rowsets import RowSets

K = 10  # length of the list that is served, and cut of the headline metric
MAX_K = 20  # the longest list that is evaluated

Lists: TypeAlias = NDArray[np.int64]  # (u, w) catalogue rows, best first; -1 pads
PerUser: TypeAlias = NDArray[np.float64]  # (u,) one figure per user; NaN undefined
Grades: TypeAlias = NDArray[np.float64]  # (u, w) relevance of each position; 0 is a miss
Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True, slots=True, eq=False)
class GradedLists:
    """Lists with the relevance of each position: all that the accuracy metrics need."""

    grades: Grades  # (u, w) of the items recommended
    ideal: Grades  # (u, w) of the perfect list: the user's best grades, descending
    sizes: NDArray[np.int64]  # (u,) relevant items of each user, in and out of the list


def grade_lists(lists: Lists, relevant: RowSets) -> GradedLists:
    """Look up every recommended item in its user's relevant set.

    Raises:
        ValueError: lists and sets are not of the same users, or a list repeats an item.
    """
    if len(lists) != len(relevant):
        raise ValueError(f"{len(lists)} lists for {len(relevant)} users' relevant sets")
    ordered = np.sort(lists, axis=1)
    repeats = (ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)
    if repeats.any():
        user, position = np.argwhere(repeats)[0]
        raise ValueError(f"the list of user {user} repeats row {ordered[user, position]}")
    owners = np.broadcast_to(np.arange(len(lists))[:, None], lists.shape)
    grades = relevant.grades_of(owners, lists).astype(np.float64)
    return GradedLists(grades, _ideal(relevant, lists.shape[1]), relevant.sizes)


def precision(graded_lists: GradedLists, k: int) -> PerUser:
    """Return the share of the k positions that are relevant. A short list is divided by k too."""
    return np.asarray(_hits(graded_lists, k).sum(axis=1) / k)


def recall(graded_lists: GradedLists, k: int) -> PerUser:
    """Return the share of the user's relevant items that are among the first k."""
    return _ratio(_hits(graded_lists, k).sum(axis=1), graded_lists.sizes)


def average_precision(graded_lists: GradedLists, k: int) -> PerUser:
    """Return the mean precision at the positions of the hits, over ``min(k, relevant)``.

    Its mean over users is MAP. It is 1 where the first ``min(k, relevant)`` positions are all hits.
    (Buckley, Voorhees: Evaluating evaluation measure stability, 2000; cut at k.)
    """
    hits = _hits(graded_lists, k)
    at_position = np.cumsum(hits, axis=1) / np.arange(1, k + 1)
    return _ratio((at_position * hits).sum(axis=1), np.minimum(k, graded_lists.sizes))


def ndcg(graded_lists: GradedLists, k: int, *, graded: bool = False) -> PerUser:
    """Return the discounted gain of the first k over that of the perfect list.

    ``Σ gain_i / log2(i + 1)`` for positions i = 1..k (Järvelin, Kekäläinen: Cumulated gain-based
    evaluation of IR techniques, 2002). Gain is 1 for any relevant item or, when ``graded``,
    ``2^grade - 1`` (Burges et al.: Learning to rank using gradient descent, 2005).
    """
    actual, best = _first(graded_lists.grades, k), _first(graded_lists.ideal, k)
    return _ratio(_gained(actual, graded=graded), _gained(best, graded=graded))


def hit_rate(graded_lists: GradedLists, k: int) -> PerUser:
    """Return 1 where any of the first k is relevant, else 0. It is NaN without relevant items."""
    return np.where(graded_lists.sizes > 0, _hits(graded_lists, k).any(axis=1), np.nan)


def coverage(lists: Lists, k: int, n: int) -> float:
    """Return the share of the catalogue's ``n`` items that are in the first k of any list."""
    shown = np.unique(_first(lists, k))
    return float((shown >= 0).sum() / n)


def diversity(lists: Lists, k: int, items: Matrix) -> PerUser:
    """Return 1 - mean cosine over all pairs of the first k, from item vectors (n, d).

    (Smyth, McClave: Similarity vs. diversity, 2001; intra-list similarity of Ziegler et al., 2005.)
    Items without content (a zero vector) are left out. With fewer than two items it is NaN.
    """
    lengths = np.linalg.norm(items, axis=1).astype(np.float64)
    unit = items / np.maximum(lengths, np.finfo(np.float32).tiny)[:, None]
    first = _first(lists, k)
    is_described = (first >= 0) & (lengths[first] > 0)
    total = np.zeros((len(lists), items.shape[1]))
    for position in range(k):  # one (u, k, d) array would take gigabytes for many users
        total += unit[first[:, position]] * is_described[:, position, None]
    n = is_described.sum(axis=1)
    # |Σ v|² counts each pair twice, and every item with itself, whose cosine is 1.
    return 1.0 - _ratio((total**2).sum(axis=1) - n, n * (n - 1))


def novelty(lists: Lists, k: int, counts: NDArray[np.float64]) -> PerUser:
    """Return the mean of ``-log2(share of all events on the item)`` over the first k, in bits.

    (Castells, Vargas, Wang: Novelty and diversity metrics for recommender systems, 2011.) An item
    without events counts as if it had one: its surprise would be infinite. ``counts`` is (n,).
    """
    bits = -np.log2(np.maximum(counts, 1.0) / max(counts.sum(), 1.0))
    first = _first(lists, k)
    return _ratio(np.where(first >= 0, bits[first], 0.0).sum(axis=1), (first >= 0).sum(axis=1))


def serendipity(lists: Lists, graded_lists: GradedLists, obvious: Lists, k: int) -> PerUser:
    """Return the share of the k positions that are relevant and not in the first k of ``obvious``.

    (Ge, Delgado-Battenfeld, Jannach: Beyond accuracy, 2010.) ``obvious`` (u, w) are
    the lists of a primitive recommender for the same users: here popularity.
    """
    is_obvious = (_first(lists, k)[:, :, None] == _first(obvious, k)[:, None, :]).any(axis=2)
    return np.asarray((_hits(graded_lists, k) & ~is_obvious).sum(axis=1) / k)


def _first(positions: NDArray[Scalar], k: int) -> NDArray[Scalar]:
    if k > positions.shape[1]:
        raise ValueError(
            f"lists of {positions.shape[1]} cannot be evaluated at {k}: pad them with -1"
        )
    return positions[:, :k]


def _hits(graded_lists: GradedLists, k: int) -> NDArray[np.bool_]:
    return np.asarray(_first(graded_lists.grades, k) > 0)


def _gained(grades: Grades, *, graded: bool) -> PerUser:
    gains = np.exp2(grades) - 1.0 if graded else (grades > 0).astype(np.float64)
    discounts = 1.0 / np.log2(np.arange(2, grades.shape[1] + 2))
    # ``@`` would not do: BLAS rounds a user's sum differently at other positions in the matrix.
    return np.asarray((gains * discounts).sum(axis=1))


def _ratio(above: NDArray[Any], below: NDArray[Any]) -> PerUser:
    undefined = np.full(above.shape, np.nan)
    return np.asarray(np.divide(above, below, out=undefined, where=below > 0))


def _ideal(relevant: RowSets, width: int) -> Grades:
    owners = relevant.owners
    order = np.lexsort((-relevant.grades, owners))
    position = np.arange(len(order)) - relevant.indptr[owners]
    ideal = np.zeros((len(relevant), width))
    early = position < width
    ideal[owners[early], position[early]] = relevant.grades[order][early]
    return ideal


def user_ndcg(lists: Lists, relevant: RowSets) -> PerUser:
    """Return NDCG@10 of each user, (u,)."""
    return ndcg(grade_lists(lists, relevant), K)


def rank_within_groups(
    groups: NDArray[np.integer], scores: NDArray[np.floating]
) -> NDArray[np.intp]:
    """Return each row's rank in its group, 0 is the best, (m,).

    ``groups`` (g,) are the sizes of adjoining groups of rows. Equal scores keep their order.
    """
    owner = np.repeat(np.arange(len(groups)), groups)
    starts = np.repeat(np.cumsum(groups) - groups, groups)
    ranks = np.empty(len(owner), np.intp)
    ranks[np.lexsort((-scores, owner))] = np.arange(len(owner)) - starts
    return ranks


def grouped_ndcg(
    groups: NDArray[np.integer], labels: NDArray[np.int32], scores: NDArray[np.floating]
) -> PerUser:
    """Return NDCG@10 of each group of rows, (g,). Every group must hold a label above 0."""
    owner = np.repeat(np.arange(len(groups)), groups)
    ranks = rank_within_groups(groups, scores)
    lists = np.full((len(groups), K), -1, np.int64)
    shown = np.flatnonzero(ranks < K)
    lists[owner[shown], ranks[shown]] = shown
    relevant = np.flatnonzero(labels > 0)
    return user_ndcg(lists, RowSets.of_pairs(owner[relevant], relevant, len(groups)))
