"""How good lists are, per user: accuracy against what the user did next, and beyond accuracy.

All functions are pure and vectorised. Lists are (u, w) catalogue rows, best first, padded with -1:
a padded place is a miss, never a hit. A figure that is undefined for a user is NaN.
"""

from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from app.contracts import Matrix
from offline.evaluate.rowsets import RowSets

Lists: TypeAlias = NDArray[np.int64]  # (u, w) catalogue rows, best first; -1 pads
PerUser: TypeAlias = NDArray[np.float64]  # (u,) one figure per user; NaN undefined
Grades: TypeAlias = NDArray[np.float64]  # (u, w) relevance of each place; 0 is a miss
Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True, slots=True, eq=False)
class GradedLists:
    """Lists set against what was relevant: all that the accuracy metrics need."""

    grades: Grades  # (u, w) of the items recommended
    ideal: Grades  # (u, w) of the perfect list: the user's best grades, descending
    sizes: NDArray[np.int64]  # (u,) relevant items of each user, in and out of the list


def grade_lists(lists: Lists, relevant: RowSets) -> GradedLists:
    """Look every recommended item up in its user's relevant set.

    Raises:
        ValueError: lists and sets are not of the same users, or a list repeats an item.
    """
    if len(lists) != len(relevant):
        raise ValueError(f"{len(lists)} lists for {len(relevant)} users' relevant sets")
    ordered = np.sort(lists, axis=1)
    repeats = (ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)
    if repeats.any():
        user, place = np.argwhere(repeats)[0]
        raise ValueError(f"the list of user {user} repeats row {ordered[user, place]}")
    owners = np.broadcast_to(np.arange(len(lists))[:, None], lists.shape)
    grades = relevant.grades_of(owners, lists).astype(np.float64)
    return GradedLists(grades, _ideal(relevant, lists.shape[1]), relevant.sizes)


def precision(judged: GradedLists, k: int) -> PerUser:
    """Share of the k places that are relevant. A short list is not excused: divided by k."""
    return np.asarray(_hits(judged, k).sum(axis=1) / k)


def recall(judged: GradedLists, k: int) -> PerUser:
    """Share of the user's relevant items that are among the first k."""
    return _ratio(_hits(judged, k).sum(axis=1), judged.sizes)


def average_precision(judged: GradedLists, k: int) -> PerUser:
    """Mean precision at the places of the hits, over ``min(k, relevant)``; its mean is MAP.

    So a list that begins with relevant items only has 1. (Buckley, Voorhees: Evaluating
    evaluation measure stability, 2000; cut at k.)
    """
    hits = _hits(judged, k)
    at_place = np.cumsum(hits, axis=1) / np.arange(1, k + 1)
    return _ratio((at_place * hits).sum(axis=1), np.minimum(k, judged.sizes))


def ndcg(judged: GradedLists, k: int, *, graded: bool = False) -> PerUser:
    """Discounted gain of the first k over that of the perfect list.

    ``Σ gain_i / log2(i + 1)`` for places i = 1..k (Järvelin, Kekäläinen: Cumulated gain-based
    evaluation of IR techniques, 2002). Gain is 1 for any relevant item or, when ``graded``,
    ``2^grade - 1`` (Burges et al.: Learning to rank using gradient descent, 2005).
    """
    found, best = _first(judged.grades, k), _first(judged.ideal, k)
    return _ratio(_gained(found, graded=graded), _gained(best, graded=graded))


def hit_rate(judged: GradedLists, k: int) -> PerUser:
    """Say 1 where at least one of the first k is relevant, else 0; NaN without relevant items."""
    return np.where(judged.sizes > 0, _hits(judged, k).any(axis=1), np.nan)


def coverage(lists: Lists, k: int, n: int) -> float:
    """Share of the catalogue's ``n`` items that anyone is shown among the first k."""
    shown = np.unique(_first(lists, k))
    return float((shown >= 0).sum() / n)


def diversity(lists: Lists, k: int, items: Matrix) -> PerUser:
    """Give 1 - mean cosine over all pairs of the first k, from item vectors (n, d).

    (Smyth, McClave: Similarity vs. diversity, 2001; intra-list similarity of Ziegler et al., 2005.)
    Items of which nothing is known (a zero vector) are left out; fewer than two items: NaN.
    """
    lengths = np.linalg.norm(items, axis=1).astype(np.float64)
    unit = items / np.maximum(lengths, np.finfo(np.float32).tiny)[:, None]
    first = _first(lists, k)
    known = (first >= 0) & (lengths[first] > 0)
    total = np.zeros((len(lists), items.shape[1]))
    for place in range(k):  # not one (u, k, d) array: that is gigabytes for many users
        total += unit[first[:, place]] * known[:, place, None]
    n = known.sum(axis=1)
    # |Σ v|² holds each pair twice and every item with itself, whose cosine is 1.
    return 1.0 - _ratio((total**2).sum(axis=1) - n, n * (n - 1))


def novelty(lists: Lists, k: int, counts: NDArray[np.float64]) -> PerUser:
    """Mean of ``-log2(share of all events that are on the item)`` over the first k, in bits.

    (Castells, Vargas, Wang: Novelty and diversity metrics for recommender systems, 2011.) An item
    without events counts as if it had one, since its surprise would be infinite. ``counts``: (n,).
    """
    bits = -np.log2(np.maximum(counts, 1.0) / max(counts.sum(), 1.0))
    first = _first(lists, k)
    return _ratio(np.where(first >= 0, bits[first], 0.0).sum(axis=1), (first >= 0).sum(axis=1))


def serendipity(lists: Lists, judged: GradedLists, expected: Lists, k: int) -> PerUser:
    """Share of the k places that are relevant and not among the first k of ``expected``.

    (Ge, Delgado-Battenfeld, Jannach: Beyond accuracy, 2010.) ``expected`` (u, w) is what a
    primitive recommender, here popularity, gives to the same users.
    """
    obvious = (_first(lists, k)[:, :, None] == _first(expected, k)[:, None, :]).any(axis=2)
    return np.asarray((_hits(judged, k) & ~obvious).sum(axis=1) / k)


def _first(places: NDArray[Scalar], k: int) -> NDArray[Scalar]:
    if k > places.shape[1]:
        raise ValueError(f"lists of {places.shape[1]} cannot be judged at {k}: pad them with -1")
    return places[:, :k]


def _hits(judged: GradedLists, k: int) -> NDArray[np.bool_]:
    return np.asarray(_first(judged.grades, k) > 0)


def _gained(grades: Grades, *, graded: bool) -> PerUser:
    gains = np.exp2(grades) - 1.0 if graded else (grades > 0).astype(np.float64)
    discounts = 1.0 / np.log2(np.arange(2, grades.shape[1] + 2))
    # Not ``@``: BLAS rounds a user's sum differently at different positions in the matrix.
    return np.asarray((gains * discounts).sum(axis=1))


def _ratio(above: NDArray[Any], below: NDArray[Any]) -> PerUser:
    undefined = np.full(above.shape, np.nan)
    return np.asarray(np.divide(above, below, out=undefined, where=below > 0))


def _ideal(relevant: RowSets, width: int) -> Grades:
    owners = relevant.owners
    order = np.lexsort((-relevant.grades, owners))
    place = np.arange(len(order)) - relevant.indptr[owners]
    ideal = np.zeros((len(relevant), width))
    early = place < width
    ideal[owners[early], place[early]] = relevant.grades[order][early]
    return ideal
