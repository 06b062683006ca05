"""Loops that name the events of a history which contributed most to the scores of items."""

import numpy as np
from numpy.typing import NDArray

from app.kernels.compiled import inline, kernel, read, scalar
from app.kernels.slots import MAX_SLOTS, NO_POSITION, OWN_SLOTS, find_slot, new_slots, slot_bits

MAX_SCANNED = 8  # rows that are compared with every entry; more are looked up in a table


@kernel((read("i8"), read("f8", 2), scalar("i8")))
def largest_sums(
    keys: NDArray[np.int64], amounts: NDArray[np.float64], limit: int
) -> NDArray[np.int64]:
    """Return for each row of ``amounts`` the keys with the largest positive sums, best first.

    Amounts with the same key are added up. Of equal sums, that of the smaller key comes first.

    Args:
        keys: (l,) 0 or larger; they may repeat.
        amounts: (n, l)
        limit: how many keys to return of each row.

    Returns:
        (n, limit), filled up with -1.
    """
    order = np.argsort(keys, kind="mergesort")
    best = np.full((len(amounts), limit), -1, np.int64)
    sums = np.empty(limit, np.float64)
    for n in range(len(amounts)):
        size, start = 0, 0
        while start < len(order):
            key, total = keys[order[start]], 0.0
            while start < len(order) and keys[order[start]] == key:
                total += amounts[n, order[start]]
                start += 1
            if not total > 0 or (size == limit and (limit == 0 or total <= sums[size - 1])):
                continue
            at = min(size, limit - 1)
            while at and sums[at - 1] < total:
                sums[at], best[n, at] = sums[at - 1], best[n, at - 1]
                at -= 1
            sums[at], best[n, at] = total, key
            size = min(size + 1, limit)
    return best


@inline
def find_weights(
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    rows: NDArray[np.int32],
    weights: NDArray[np.float32],
    wanted: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return the weight of each wanted row in each span; see ``weights_of_rows``."""
    result = np.zeros((len(wanted), len(starts)), np.float64)
    if len(wanted) <= MAX_SCANNED:
        for s in range(len(starts)):
            span = rows[starts[s] : ends[s]]
            for i in range(len(wanted)):
                row, count = wanted[i], np.int32(0)
                for j in range(len(span)):  # compares many rows at once, as it has no branch
                    count += np.int32(span[j] == row)
                if count:
                    for j in range(len(span)):
                        result[i, s] += weights[starts[s] + j] if span[j] == row else 0.0
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
    return find_weights(starts, ends, rows, weights, wanted)


@kernel(
    (
        *(read("i8"), read("i8"), read("f8"), read("i4"), read("f4"), read("i8"), read("f8")),
        *(read("i8"), read("i4"), read("f4"), read("i8")),
    )
)
def similarity_amounts(
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    vector: NDArray[np.float64],
    users: NDArray[np.int32],
    weights: NDArray[np.float32],
    nearest: NDArray[np.int64],
    similarities: NDArray[np.float64],
    indptr: NDArray[np.int64],
    items: NDArray[np.int32],
    likes: NDArray[np.float32],
    rows: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return what each item of a vector adds to the similarity of those who liked rows, (n, s).

    Args:
        starts: see ``nearest_users``, as the arguments up to ``weights``.
        ends: (s,)
        vector: (s,)
        users: (m,)
        weights: (m,)
        nearest: (u,) similar users.
        similarities: (u,)
        indptr: (all users + 1,) where the events of each user begin.
        items: (events,) rows.
        likes: (events,) weights; a negative one is no like.
        rows: (n,) items.
    """
    amounts = np.zeros((len(rows), len(starts)))
    liked = find_weights(indptr[nearest], indptr[nearest + 1], items, likes, rows)
    matters = np.zeros(len(nearest), np.bool_)
    for i in range(len(rows)):
        for u in range(len(nearest)):
            matters[u] |= liked[i, u] > 0
    who = np.flatnonzero(matters)
    parts = find_weights(starts, ends, users, weights, nearest[who])
    for at in range(len(who)):
        product = 0.0
        for s in range(len(starts)):
            parts[at, s] *= vector[s]
            product += parts[at, s]
        if product != 0.0:
            scale = similarities[who[at]] / product
            for i in range(len(rows)):
                like = max(liked[i, who[at]], 0.0) * scale
                for s in range(len(starts)):
                    amounts[i, s] += like * parts[at, s]
    return amounts
