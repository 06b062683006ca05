"""Loops of recall: merge the channels' lists, and read whole lists.

No array here is longer than a few times the input, see ``app.kernels.slots``.
"""

import numpy as np
from numpy.typing import NDArray

from app.kernels.compiled import inline, kernel, read, scalar
from app.kernels.selection import contains, row_set
from app.kernels.slots import NO_POSITION, OWN_SLOTS, find_slot, new_slots, slot_bits


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
    left_out = row_set(excluded)
    kept, kept_scores = np.empty(limit, np.int64), np.empty(limit, np.float32)
    for i in range(len(rows)):
        if size == limit:
            break
        if available[rows[i]] and not contains(left_out, rows[i]):
            kept[size], kept_scores[size] = rows[i], scores[i]
            size += 1
    return kept[:size], kept_scores[:size]


@inline
def ascending_order(
    unique: NDArray[np.int64], slots: NDArray[np.int32], bits: int
) -> NDArray[np.int64]:
    """Return the positions of the keys of a table in ascending order of the keys."""
    if bits != OWN_SLOTS:
        return np.argsort(unique)
    order = np.empty(len(unique), np.int64)
    at = 0
    for slot in slots:
        if slot:
            order[at] = slot - 1
            at += 1
    return order


@kernel((read("i4", 2), read("i4"), read("i4")))
def best_lists(
    ranks: NDArray[np.int32], handicaps: NDArray[np.int32], unranked: NDArray[np.int32]
) -> NDArray[np.int64]:
    """Return for each item the list with the smallest ``2 · rank + handicap``; the first of equals.

    Args:
        ranks: (n, c or more) rank in each list; -1: not in the list.
        handicaps: (c,)
        unranked: (c,) what a list counts that lacks the item.
    """
    best = np.empty(len(ranks), np.int64)
    for i in range(len(ranks)):
        at, smallest = 0, np.int64(2**62)
        for c in range(len(handicaps)):
            rank = np.int64(ranks[i, c])
            value = np.int64(unranked[c]) if rank < 0 else 2 * rank + handicaps[c]
            if value < smallest:
                at, smallest = c, value
        best[i] = at
    return best


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
    largest = 0
    for i in range(len(rows)):
        largest = max(largest, rows[i])
    bits = slot_bits(len(rows), largest)
    slots = new_slots(bits, largest)
    left_out = row_set(excluded)
    unique = np.empty(len(rows), np.int64)
    positions = np.empty(len(rows), np.int64)
    size = 0
    for i in range(len(rows)):
        slot = find_slot(slots, unique, rows[i], bits)
        if not slots[slot]:
            if contains(left_out, rows[i]):
                positions[i] = NO_POSITION
                continue
            unique[size] = rows[i]
            size += 1
            slots[slot] = size
        positions[i] = slots[slot] - 1
    order = ascending_order(unique[:size], slots, bits)
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
