"""Loops of the channel ``session_knn``: the most similar past visits, and the items in them.

No array here is longer than a few times the input, see ``app.kernels.slots``.
"""

import numpy as np
from numpy.typing import NDArray

from app.kernels.compiled import inline, kernel, read, scalar
from app.kernels.selection import best_entries
from app.kernels.slots import NO_POSITION, find_slot, new_slots, slot_bits

NO_ROWS = np.empty(0, np.int64)
# Of the visits of each item: start and end of each span, visits, places; weights of the visits.
POSTINGS = (read("i8"), read("i8"), read("i4"), read("u1"), read("f4"))
DECAYS = (read("f8"), read("f8"), read("f8"), scalar("i8"))  # of likes, steps, places; limit
ITEMS = (read("i8"), read("i4"), read("f4"))  # of the visits: starts, rows; weights of the items


@inline
def nearest_visits(
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    visits: NDArray[np.int32],
    places: NDArray[np.uint8],
    visit_weights: NDArray[np.float32],
    like_weights: NDArray[np.float64],
    step_decays: NDArray[np.float64],
    limit: int,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Return the visits most similar to the likes of a user, their factors, and matched places.

    The similarity of a visit is its weight times the sum of the weights of the likes that it has.
    Its factor is the similarity times the decay of the newest of these likes.

    Returns:
        The visits, most similar first; their factors; where they have the newest shared like.
    """
    n, largest = 0, 0
    for s in range(len(starts)):
        n += ends[s] - starts[s]
        for j in range(starts[s], ends[s]):
            largest = max(largest, np.int64(visits[j]))
    bits = slot_bits(n, largest)
    slots = new_slots(bits, largest)
    candidates, sums = np.empty(n, np.int64), np.empty(n, np.float64)
    steps, matched = np.empty(n, np.int64), np.empty(n, np.int64)
    size = 0
    for s in range(len(starts)):
        weight = like_weights[s]
        for j in range(starts[s], ends[s]):
            visit = np.int64(visits[j])
            slot = find_slot(slots, candidates, visit, bits)
            at = slots[slot] - 1
            if at == NO_POSITION:
                at = size
                size += 1
                slots[slot] = size
                candidates[at], sums[at] = visit, 0.0
                steps[at], matched[at] = s, places[j]
            sums[at] += weight
    for at in range(size):
        sums[at] *= visit_weights[candidates[at]]
    nearest, factors = best_entries(candidates[:size], sums[:size], NO_ROWS, limit)
    where = np.empty(len(nearest), np.int64)
    for i in range(len(nearest)):
        at = slots[find_slot(slots, candidates, nearest[i], bits)] - 1
        factors[i] *= step_decays[steps[at]]
        where[i] = matched[at]
    return nearest, factors, where


@kernel((*POSTINGS, *DECAYS, *ITEMS))
def sum_visits(
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    visits: NDArray[np.int32],
    places: NDArray[np.uint8],
    visit_weights: NDArray[np.float32],
    like_weights: NDArray[np.float64],
    step_decays: NDArray[np.float64],
    place_decays: NDArray[np.float64],
    limit: int,
    indptr: NDArray[np.int64],
    rows: NDArray[np.int32],
    item_weights: NDArray[np.float32],
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the items of the most similar visits, and their scores.

    Args:
        starts: (s,) first entry of each like of the user in ``visits`` and ``places``.
        ends: (s,) the end of each.
        visits: (m,) the visits with an item.
        places: (m,) the item's place in the visit.
        visit_weights: (v,)
        like_weights: (s,)
        step_decays: (s,) of a visit, by the newest like that it shares.
        place_decays: (p,) of an item, by its distance from that like in the visit.
        limit: how many visits are summed, at most.
        indptr: (v + 1,) where the items of each visit begin.
        rows: (e,) items of the visits, in order of time.
        item_weights: (i,)

    Returns:
        The unique rows, in the order of their first occurrence, and their scores.
    """
    nearest, factors, matched = nearest_visits(
        starts, ends, visits, places, visit_weights, like_weights, step_decays, limit
    )
    n, largest = 0, 0
    for visit in nearest:
        n += indptr[visit + 1] - indptr[visit]
        for j in range(indptr[visit], indptr[visit + 1]):
            largest = max(largest, np.int64(rows[j]))
    bits = slot_bits(n, largest)
    slots = new_slots(bits, largest)
    unique, sums = np.empty(n, np.int64), np.empty(n, np.float64)
    size = 0
    for i in range(len(nearest)):
        start, factor = indptr[nearest[i]], factors[i]
        for j in range(start, indptr[nearest[i] + 1]):
            row = np.int64(rows[j])
            slot = find_slot(slots, unique, row, bits)
            at = slots[slot] - 1
            if at == NO_POSITION:
                at = size
                size += 1
                slots[slot] = size
                unique[at], sums[at] = row, 0.0
            sums[at] += factor * place_decays[abs(j - start - matched[i])]
    scores = np.empty(size, np.float32)
    for at in range(size):
        scores[at] = sums[at] * item_weights[unique[at]]
    return unique[:size], scores


@kernel((*POSTINGS, *DECAYS, *ITEMS, read("i8")))
def visit_amounts(
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    visits: NDArray[np.int32],
    places: NDArray[np.uint8],
    visit_weights: NDArray[np.float32],
    like_weights: NDArray[np.float64],
    step_decays: NDArray[np.float64],
    place_decays: NDArray[np.float64],
    limit: int,
    indptr: NDArray[np.int64],
    rows: NDArray[np.int32],
    item_weights: NDArray[np.float32],
    wanted: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return what each like adds to the score of each wanted row, (n, s).

    Args:
        starts: see ``sum_visits``, as the arguments up to ``item_weights``.
        ends: (s,)
        visits: (m,)
        places: (m,)
        visit_weights: (v,)
        like_weights: (s,)
        step_decays: (s,)
        place_decays: (p,)
        limit: how many visits are summed, at most.
        indptr: (v + 1,)
        rows: (e,)
        item_weights: (i,)
        wanted: (n,) a few items.
    """
    amounts = np.zeros((len(wanted), len(starts)))
    nearest, factors, matched = nearest_visits(
        starts, ends, visits, places, visit_weights, like_weights, step_decays, limit
    )
    at = np.argsort(nearest)
    ordered = nearest[at]
    shared = np.zeros((len(nearest), len(starts)))
    totals = np.zeros(len(nearest))
    for s in range(len(starts)):
        for j in range(starts[s], ends[s]):
            place = np.searchsorted(ordered, np.int64(visits[j]))
            if place < len(ordered) and ordered[place] == visits[j]:
                shared[at[place], s] = like_weights[s]
                totals[at[place]] += like_weights[s]
    for i in range(len(nearest)):
        start = indptr[nearest[i]]
        for j in range(start, indptr[nearest[i] + 1]):
            for n in range(len(wanted)):
                if wanted[n] == rows[j]:
                    score = factors[i] * place_decays[abs(j - start - matched[i])]
                    score *= item_weights[wanted[n]] / totals[i]
                    for s in range(len(starts)):
                        amounts[n, s] += score * shared[i, s]
    return amounts
