"""The selection of rows: the best by score, without those that are excluded."""

import numpy as np
from numpy.typing import NDArray

from app.kernels.compiled import inline, kernel, read, scalar

SLOTS_PER_ROW = 4
FREE = -1
N_BUCKETS = 1_024  # scores of 16 powers of two; what is smaller shares the last bucket
BUCKET_SHIFT = 17  # 64 buckets for the scores between two powers of two
MAX_SORTING_STEPS = 64  # for each entry that is wanted; beyond, a heap is faster


@inline
def row_set(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return a hash table of unique rows by their last bits, at most a quarter full."""
    size = 64
    while size < SLOTS_PER_ROW * len(rows):
        size *= 2
    slots = np.full(size, FREE, np.int64)
    for row in rows:
        slot = row & (size - 1)
        while slots[slot] != FREE:
            slot = (slot + 1) & (size - 1)
        slots[slot] = row
    return slots


@inline
def contains(slots: NDArray[np.int64], row: int) -> bool:
    """Return whether a set of rows contains ``row``."""
    slot = row & (len(slots) - 1)
    while slots[slot] != FREE and slots[slot] != row:
        slot = (slot + 1) & (len(slots) - 1)
    return slots[slot] == row


@inline
def is_worse(scores: NDArray[np.floating], rows: NDArray[np.int64], one: int, other: int) -> bool:
    """Return whether an entry ranks below another: by score, then by descending row."""
    a, b = scores[one], scores[other]
    return a < b or (a == b and rows[one] > rows[other])


@inline
def swap(rows: NDArray[np.int64], scores: NDArray[np.floating], one: int, other: int) -> None:
    """Exchange two entries."""
    rows[one], rows[other] = rows[other], rows[one]
    scores[one], scores[other] = scores[other], scores[one]


@inline
def sift_down(rows: NDArray[np.int64], scores: NDArray[np.floating], size: int) -> None:
    """Restore a heap whose first entry is the worst, after the first entry has changed."""
    parent = 0
    while True:
        child = 2 * parent + 1
        if child >= size:
            return
        right = child + 1
        if right < size and is_worse(scores, rows, right, child):
            child = right
        if not is_worse(scores, rows, child, parent):
            return
        swap(rows, scores, parent, child)
        parent = child


@inline
def best_by_heap(
    rows: NDArray[np.int64],
    scores: NDArray[np.floating],
    best_rows: NDArray[np.int64],
    best: NDArray[np.floating],
) -> None:
    """Write the best entries into two arrays of at most their length, best first, by a heap."""
    limit = len(best)
    size = 0
    for i in range(len(rows)):
        if size < limit:
            best[size], best_rows[size] = scores[i], rows[i]
            child = size
            size += 1
            while child and is_worse(best, best_rows, child, (child - 1) >> 1):
                swap(best_rows, best, child, (child - 1) >> 1)
                child = (child - 1) >> 1
        elif scores[i] > best[0] or (scores[i] == best[0] and rows[i] < best_rows[0]):
            best[0], best_rows[0] = scores[i], rows[i]
            sift_down(best_rows, best, size)
    for end in range(size - 1, 0, -1):  # the worst goes to the end
        swap(best_rows, best, 0, end)
        sift_down(best_rows, best, end)


@inline
def magnitude(score: float) -> int:
    """Return the exponent and the first bits of a positive number: larger ones have larger bits."""
    return np.int64(np.float32(score).view(np.int32) >> BUCKET_SHIFT)


@inline
def sort_almost_sorted(rows: NDArray[np.int64], scores: NDArray[np.floating]) -> None:
    """Sort entries, best first, by insertion: each is near its place."""
    for i in range(1, len(rows)):
        row, score = rows[i], scores[i]
        at = i
        while at and (score > scores[at - 1] or (score == scores[at - 1] and row < rows[at - 1])):
            rows[at], scores[at] = rows[at - 1], scores[at - 1]
            at -= 1
        rows[at], scores[at] = row, score


@inline
def best_entries(
    rows: NDArray[np.int64],
    scores: NDArray[np.floating],
    excluded: NDArray[np.int64],
    limit: int,
) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
    """Return the ``limit`` best rows with a score above 0, best first, and their scores.

    Equal scores stand in the order of their rows. The scores are first distributed over buckets by
    their magnitude. If too many are in the same bucket, a heap selects the best.

    Args:
        rows: (n,) unique.
        scores: (n,)
        excluded: (e,) ascending; these rows are left out.
        limit: how many to return, at most.
    """
    left_out = row_set(excluded)
    allowed, values = np.empty(len(rows), np.int64), np.empty(len(rows), scores.dtype)
    size = 0
    for i in range(len(rows)):
        allowed[size], values[size] = rows[i], scores[i]
        size += scores[i] > 0 and not contains(left_out, rows[i])
    return best_of(allowed[:size], values[:size], limit)


@inline
def best_of(
    allowed: NDArray[np.int64], values: NDArray[np.floating], limit: int
) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
    """Return the ``limit`` best of unique rows with values above 0; see ``best_entries``."""
    size = len(allowed)
    limit = min(limit, size)
    largest = magnitude(values.max()) if size else 0
    counts = np.zeros(N_BUCKETS, np.int64)
    for i in range(size):
        counts[min(largest - magnitude(values[i]), N_BUCKETS - 1)] += 1
    n_kept, n_buckets, steps = 0, 0, 0
    while n_kept < limit:
        count = counts[n_buckets]
        counts[n_buckets] = n_kept  # from here on, where the next entry of the bucket goes
        n_kept += count
        steps += count * count
        n_buckets += 1
    if steps > MAX_SORTING_STEPS * limit:
        best_rows, best = np.empty(limit, np.int64), np.empty(limit, values.dtype)
        best_by_heap(allowed, values, best_rows, best)
        return best_rows, best
    kept_rows, kept = np.empty(n_kept, np.int64), np.empty(n_kept, values.dtype)
    for i in range(size):
        bucket = min(largest - magnitude(values[i]), N_BUCKETS - 1)
        if bucket < n_buckets:
            at = counts[bucket]
            kept_rows[at], kept[at] = allowed[i], values[i]
            counts[bucket] += 1
    sort_almost_sorted(kept_rows, kept)
    return kept_rows[:limit], kept[:limit]


@kernel(*((read("i8"), read(dtype), read("i8"), scalar("i8")) for dtype in ("f4", "f8")))
def select_top(
    rows: NDArray[np.int64],
    scores: NDArray[np.floating],
    excluded: NDArray[np.int64],
    limit: int,
) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
    """Return ``best_entries`` of these rows."""
    return best_entries(rows, scores, excluded, limit)
