"""Loops of recall: sum the weights of neighbours, select the best, merge the channels' lists.

No array here is as long as the catalogue: rows are counted in hash tables as large as the input.
"""

import numpy as np
from numpy.typing import NDArray

from app.kernels.compiled import inline, kernel, read, scalar

NO_POSITION = -1
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio (Knuth, TAOCP 3, 6.4)


@inline
def slot_bits(n: int) -> int:
    """Return the number of bits of a hash table that ``n`` keys fill at most half."""
    bits = 4
    while (1 << bits) < 2 * n:
        bits += 1
    return bits


@inline
def find_slot(slots: NDArray[np.int32], keys: NDArray[np.int64], key: int, bits: int) -> int:
    """Return the slot that holds ``key``, or the free slot where it belongs.

    A slot holds the key's position in ``keys``, plus 1; 0: the slot is free.
    """
    mask = (1 << bits) - 1
    slot = np.int64((np.uint64(key) * MULTIPLIER) >> np.uint64(64 - bits))
    while slots[slot] and keys[slots[slot] - 1] != key:
        slot = (slot + 1) & mask
    return slot


@inline
def contains(ascending: NDArray[np.int64], row: int) -> bool:
    """Return whether a sorted array contains ``row``."""
    low, high = 0, len(ascending)
    while low < high:
        middle = (low + high) >> 1
        if ascending[middle] < row:
            low = middle + 1
        else:
            high = middle
    return low < len(ascending) and ascending[low] == row


@kernel((read("i8"), read("i8")))
def are_contained(ascending: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return whether a sorted array contains each of ``rows``, (n,)."""
    result = np.empty(len(rows), np.bool_)
    for i in range(len(rows)):
        result[i] = contains(ascending, rows[i])
    return result


@kernel(
    (
        *(read("i8"), read("i8"), read("f8")),
        *(read("i4"), read("f4"), scalar("f8")),
    )
)
def sum_weights(
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    factors: NDArray[np.float64],
    rows: NDArray[np.int32],
    weights: NDArray[np.float32],
    least: float,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Add up ``factors[s] · weights[j]`` by row, over the entries j of each span s.

    Args:
        starts: (s,) first entry of each span in ``rows`` and ``weights``.
        ends: (s,) the end of each span.
        factors: (s,)
        rows: (m,)
        weights: (m,)
        least: smaller weights count as this; ``-inf``: all count as they are.

    Returns:
        The unique rows in the order of their first occurrence, their sums, and how often each
        occurs; (u,) each.
    """
    n = 0
    for s in range(len(starts)):
        n += ends[s] - starts[s]
    bits = slot_bits(n)
    slots = np.zeros(1 << bits, np.int32)
    unique, sums, counts = np.empty(n, np.int64), np.empty(n, np.float64), np.empty(n, np.int64)
    size = 0
    for s in range(len(starts)):
        factor = factors[s]
        for j in range(starts[s], ends[s]):
            row = np.int64(rows[j])
            weight = max(np.float64(weights[j]), least)
            slot = find_slot(slots, unique, row, bits)
            position = slots[slot] - 1
            if position == NO_POSITION:
                position = size
                size += 1
                slots[slot] = size
                unique[position], sums[position], counts[position] = row, 0.0, 0
            sums[position] += weight * factor
            counts[position] += 1
    return unique[:size], sums[:size], counts[:size]


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
        scores[parent], scores[child] = scores[child], scores[parent]
        rows[parent], rows[child] = rows[child], rows[parent]
        parent = child


@inline
def is_worse(scores: NDArray[np.floating], rows: NDArray[np.int64], one: int, other: int) -> bool:
    """Return whether an entry ranks below another: by score, then by descending row."""
    a, b = scores[one], scores[other]
    return a < b or (a == b and rows[one] > rows[other])


@inline
def best_entries(
    rows: NDArray[np.int64],
    scores: NDArray[np.floating],
    excluded: NDArray[np.int64],
    limit: int,
) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
    """Return the ``limit`` best rows with a score above 0, best first, and their scores.

    Equal scores stand in the order of their rows.

    Args:
        rows: (n,) unique.
        scores: (n,)
        excluded: (e,) ascending; these rows are left out.
        limit: how many to return, at most.
    """
    limit = min(limit, len(rows))
    best_rows, best = np.empty(limit, np.int64), np.empty(limit, scores.dtype)
    size = 0
    for i in range(len(rows)):
        score, row = scores[i], rows[i]
        if not score > 0 or limit == 0:
            continue
        is_full = size == limit
        if is_full and (score < best[0] or (score == best[0] and row > best_rows[0])):
            continue
        if contains(excluded, row):
            continue
        if is_full:
            best[0], best_rows[0] = score, row
            sift_down(best_rows, best, size)
            continue
        child = size
        best[child], best_rows[child] = score, row
        size += 1
        while child and is_worse(best, best_rows, child, (child - 1) >> 1):
            parent = (child - 1) >> 1
            best[parent], best[child] = best[child], best[parent]
            best_rows[parent], best_rows[child] = best_rows[child], best_rows[parent]
            child = parent
    for end in range(size - 1, 0, -1):  # the worst goes to the end
        best[0], best[end] = best[end], best[0]
        best_rows[0], best_rows[end] = best_rows[end], best_rows[0]
        sift_down(best_rows, best, end)
    return best_rows[:size], best[:size]


@kernel(*((read("i8"), read(dtype), read("i8"), scalar("i8")) for dtype in ("f4", "f8")))
def select_top(
    rows: NDArray[np.int64],
    scores: NDArray[np.floating],
    excluded: NDArray[np.int64],
    limit: int,
) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
    """Return ``best_entries`` of these rows."""
    return best_entries(rows, scores, excluded, limit)


@kernel((read("i8"), read("f4"), read("?"), read("i8"), scalar("i8")))
def first_allowed(
    rows: NDArray[np.int64],
    scores: NDArray[np.float32],
    available: NDArray[np.bool_],
    excluded: NDArray[np.int64],
    limit: int,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the first ``limit`` rows of a list that are available and not excluded.

    Args:
        rows: (n,) in the order of the list.
        scores: (n,)
        available: (catalogue,)
        excluded: (e,) ascending.
        limit: how many to return, at most.
    """
    size = 0
    limit = min(limit, len(rows))
    kept, kept_scores = np.empty(limit, np.int64), np.empty(limit, np.float32)
    for i in range(len(rows)):
        if size == limit:
            break
        if available[rows[i]] and not contains(excluded, rows[i]):
            kept[size], kept_scores[size] = rows[i], scores[i]
            size += 1
    return kept[:size], kept_scores[:size]


@kernel((read("i8"), read("f4"), read("i8"), read("i8"), scalar("i8")))
def merge_lists(
    rows: NDArray[np.int64],
    scores: NDArray[np.float32],
    sizes: NDArray[np.int64],
    excluded: NDArray[np.int64],
    rrf_offset: int,
) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.int32], NDArray[np.float32]]:
    """Merge lists by reciprocal rank fusion.

    Args:
        rows: (m,) the rows of all lists, end to end; each list best first.
        scores: (m,) of the channel that made the list.
        sizes: (c,) length of each list.
        excluded: (e,) ascending; these rows are left out.
        rrf_offset: added to each rank.

    Returns:
        The unique rows, ascending, (n,); the sums of ``1 / (offset + rank)``, (n,); the rank in
        each list, (n, c), -1 where it lacks the row; the score in each list, (n, c), else 0.
    """
    bits = slot_bits(len(rows))
    slots = np.zeros(1 << bits, np.int32)
    unique = np.empty(len(rows), np.int64)
    positions = np.empty(len(rows), np.int64)
    size = 0
    for i in range(len(rows)):
        slot = find_slot(slots, unique, rows[i], bits)
        if not slots[slot]:
            if contains(excluded, rows[i]):
                positions[i] = NO_POSITION
                continue
            unique[size] = rows[i]
            size += 1
            slots[slot] = size
        positions[i] = slots[slot] - 1
    order = np.argsort(unique[:size])
    place = np.empty(size, np.int64)
    for i in range(size):
        place[order[i]] = i
    fused = np.zeros(size, np.float64)
    ranks = np.full((size, len(sizes)), np.int32(NO_POSITION), np.int32)
    signals = np.zeros((size, len(sizes)), np.float32)
    at = 0
    for c in range(len(sizes)):
        for rank in range(sizes[c]):
            if positions[at] != NO_POSITION:
                i = place[positions[at]]
                ranks[i, c], signals[i, c] = rank, scores[at]
                fused[i] += 1.0 / (rrf_offset + rank)
            at += 1
    return unique[:size][order], fused.astype(np.float32), ranks, signals
