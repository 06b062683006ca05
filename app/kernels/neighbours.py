"""Loops over the rows of a similarity table: add up the weights of neighbours, keep the best.

No array here is longer than a few times the input, see ``app.kernels.slots``.
"""

import numpy as np
from numpy.typing import NDArray

from app.kernels.compiled import inline, kernel, read, scalar
from app.kernels.selection import best_entries, best_of
from app.kernels.slots import NO_POSITION, OWN_SLOTS, find_slot, new_slots, slot_bits

SPANS = (read("i8"), read("i8"), read("f8"), read("i4"), read("f4"))


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


@inline
def size_of(
    starts: NDArray[np.int64], ends: NDArray[np.int64], rows: NDArray[np.int32]
) -> tuple[int, int]:
    """Return the number of entries of all spans, and the largest row among them."""
    n, largest = 0, 0
    for s in range(len(starts)):
        n += ends[s] - starts[s]
        for j in range(starts[s], ends[s]):
            largest = max(largest, np.int64(rows[j]))
    return n, largest


@inline
def sums_by_row(
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    factors: NDArray[np.float64],
    rows: NDArray[np.int32],
    weights: NDArray[np.float32],
    least: float,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Return the unique rows, the sums of their weights, and how often each occurs."""
    n, largest = size_of(starts, ends, rows)
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


@kernel((*SPANS, scalar("f8")))
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
    return sums_by_row(starts, ends, factors, rows, weights, least)


@kernel((*SPANS, scalar("f8"), read("i8"), scalar("i8")))
def best_sums(
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    factors: NDArray[np.float64],
    rows: NDArray[np.int32],
    weights: NDArray[np.float32],
    least: float,
    excluded: NDArray[np.int64],
    limit: int,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the rows with the largest sums of ``sum_weights``, above 0 and best first.

    Equal sums stand in the order of their rows.

    Args:
        starts: see ``sum_weights``, as the arguments up to ``least``.
        ends: (s,)
        factors: (s,)
        rows: (m,)
        weights: (m,)
        least: the smallest weight.
        excluded: (e,) ascending, 0 or larger; these rows are left out.
        limit: how many to return, at most.
    """
    n, largest = size_of(starts, ends, rows)
    if slot_bits(n, largest) != OWN_SLOTS:
        unique, added, _ = sums_by_row(starts, ends, factors, rows, weights, least)
        return best_entries(unique, added.astype(np.float32), excluded, limit)
    sums = np.zeros(largest + 1)
    for s in range(len(starts)):
        factor = factors[s]
        for j in range(starts[s], ends[s]):
            sums[np.uint64(rows[j])] += max(np.float64(weights[j]), least) * factor
    for row in excluded:
        if row > largest:
            break
        sums[row] = 0.0
    unique, values, size = np.empty(largest + 1, np.int64), np.empty(largest + 1, np.float32), 0
    for row in range(largest + 1):
        unique[size], values[size] = row, np.float32(sums[row])
        size += values[size] > 0
    return best_of(unique[:size], values[:size], limit)


@kernel((*SPANS, scalar("f8"), scalar("i8"), scalar("i8")))
def nearest_users(
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    vector: NDArray[np.float64],
    users: NDArray[np.int32],
    weights: NDArray[np.float32],
    shrink: float,
    own: int,
    limit: int,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the users whose ratings have the largest products with a vector.

    A product counts ``shared / (shared + shrink)``, where ``shared`` is the number of items that
    both have rated. Equal similarities stand in the order of the users.

    Args:
        starts: (s,) first rating of each item of the vector in ``users`` and ``weights``.
        ends: (s,) the end of each.
        vector: (s,)
        users: (m,) who rated the item.
        weights: (m,)
        shrink: shared items at which a product counts half.
        own: this user is left out; -1: none is.
        limit: how many to return, at most.

    Returns:
        The users, ascending, and their similarities, above 0.
    """
    unique, sums, counts = sums_by_row(starts, ends, vector, users, weights, -np.inf)
    for i in range(len(sums)):
        sums[i] *= counts[i] / (counts[i] + shrink)
    left_out = np.full(1, own, np.int64)
    nearest, best = best_entries(unique, sums, left_out, limit)
    order = np.argsort(nearest)
    return nearest[order], best[order]
