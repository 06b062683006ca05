"""Loops of recall: sum the weights of neighbours, merge the channels' lists, read whole lists.

No array here is longer than a few times the input: rows are counted in a table with a slot for
each row where the rows are small numbers, as in a small catalogue, and else in a hash table.
"""

import numpy as np
from numpy.typing import NDArray

from app.kernels.compiled import inline, kernel, read, scalar
from app.kernels.selection import contains, row_set

NO_POSITION = -1
MAX_SLOTS = 4  # slots for each key, at most, where each row has a slot of its own
OWN_SLOTS = 0  # in place of a number of bits: each row has a slot of its own
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio (Knuth, TAOCP 3, 6.4)


@inline
def slot_bits(n: int, largest: int) -> int:
    """Return the number of bits of a hash table that ``n`` keys fill at most half.

    ``OWN_SLOTS`` where the ``largest`` key is small enough.
    """
    if largest < MAX_SLOTS * n:
        return OWN_SLOTS
    bits = 4
    while (1 << bits) < 2 * n:
        bits += 1
    return bits


@inline
def new_slots(bits: int, largest: int) -> NDArray[np.int32]:
    """Return a table of free slots."""
    return np.zeros(largest + 1 if bits == OWN_SLOTS else 1 << bits, np.int32)


@inline
def find_slot(slots: NDArray[np.int32], keys: NDArray[np.int64], key: int, bits: int) -> int:
    """Return the slot that holds ``key``, or the free slot where it belongs.

    A slot holds the key's position in ``keys``, plus 1; 0: the slot is free.
    """
    if bits == OWN_SLOTS:
        return key
    mask = (1 << bits) - 1
    slot = np.int64((np.uint64(key) * MULTIPLIER) >> np.uint64(64 - bits))
    while slots[slot] and keys[slots[slot] - 1] != key:
        slot = (slot + 1) & mask
    return slot


@kernel((read("i8"), read("i8")))
def table_spans(
    indptr: NDArray[np.int64], rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where the entries of rows of a table begin and end, (n,) each.

    Args:
        indptr: (table + 1,) where each row begins; the last one is the end of the table.
        rows: (n,) a row that the table does not have has no entries.
    """
    last = len(indptr) - 1
    starts, ends = np.empty(len(rows), np.int64), np.empty(len(rows), np.int64)
    for i in range(len(rows)):
        has_entries = 0 <= rows[i] < last
        row = rows[i] if has_entries else last
        starts[i], ends[i] = indptr[row], indptr[row + has_entries]
    return starts, ends


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
    n, largest = 0, 0
    for s in range(len(starts)):
        n += ends[s] - starts[s]
        for j in range(starts[s], ends[s]):
            largest = max(largest, np.int64(rows[j]))
    bits = slot_bits(n, largest)
    slots = new_slots(bits, largest)
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


@kernel((read("i8"), read("i8"), read("i4"), read("f4"), read("i8")))
def weights_of_rows(
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    rows: NDArray[np.int32],
    weights: NDArray[np.float32],
    wanted: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return the weight of each wanted row in each span, (n, s); repeats are added up.

    Args:
        starts: (s,) first entry of each span in ``rows`` and ``weights``.
        ends: (s,) the end of each span.
        rows: (m,)
        weights: (m,)
        wanted: (n,) a few rows.
    """
    result = np.zeros((len(wanted), len(starts)), np.float64)
    if not len(wanted):
        return result
    n, largest = len(wanted), wanted.max()
    for s in range(len(starts)):
        n += ends[s] - starts[s]
    bits = slot_bits(len(wanted), largest) if largest >= MAX_SLOTS * n else OWN_SLOTS
    slots = new_slots(bits, largest)
    earlier = np.empty(len(wanted), np.int64)  # position of the same row before, if it repeats
    for i in range(len(wanted)):
        slot = find_slot(slots, wanted, wanted[i], bits)
        earlier[i] = slots[slot] - 1
        slots[slot] = i + 1
    for s in range(len(starts)):
        for j in range(starts[s], ends[s]):
            row = np.int64(rows[j])
            if row <= largest:
                i = slots[find_slot(slots, wanted, row, bits)] - 1
                while i != NO_POSITION:
                    result[i, s] += weights[j]
                    i = earlier[i]
    return result


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
