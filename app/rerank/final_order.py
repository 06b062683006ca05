"""The end of the last stage: floors, caps, backfill from the reserve, every item at its place."""

import numpy as np

from app.contracts import EXPLORE, ORGANIC
from app.recall.catalogue_fallback import fill_from_catalogue
from app.rerank.caps import CappedList
from app.rerank.slate_draft import UNPLACED, RerankContext, SlateDraft

MAX_BACKFILL = (
    1_000  # items of the whole catalogue that are looked through when caps leave too little
)


def complete_slate(draft: SlateDraft, occasion: RerankContext) -> SlateDraft:
    """Make the list of k: organic items, then exploration, and placed ones where they belong.

    Caps hold for everything in the list, whatever put it there; what is placed has the first call
    on them. Then come exploration and what the floors ask for. A gap is filled by what is worth
    most of the rest.
    """
    k, policy = occasion.query.k, occasion.policy
    capped = policy.provider_cap or policy.category_cap
    if not capped and not draft.minimums and _is_finished(draft, k):
        return draft
    found = _seated(draft, occasion)
    if capped and len(found.listed) < k:  # the caps leave too little of what was ranked
        left = fill_from_catalogue(
            occasion.catalogue, occasion.counters, occasion.query, MAX_BACKFILL
        ).rows
        found = _seated(draft.widen_pool(left[~np.isin(left, draft.pool.rows)]), occasion)
    return _arranged(found)


def _is_finished(draft: SlateDraft, k: int) -> bool:
    """Say whether the list is whole as it stands, as it is where nothing was placed by hand."""
    at_end = bool(np.all(draft.slots[:-1] <= draft.slots[1:]))
    return len(draft.listed) == k and at_end and bool(np.all(draft.places == UNPLACED))


def count_cap_rejections(draft: SlateDraft, occasion: RerankContext) -> dict[str, int]:
    """Count the candidates that each cap keeps out of a list, as the draft came to ``finish``."""
    return _seats(draft.append(draft.unlisted), occasion).rejected


def _seated(draft: SlateDraft, occasion: RerankContext) -> SlateDraft:
    """Keep k entries, those with the best claim to be in the list; ``rest`` comes last."""
    draft = draft.append(draft.unlisted)
    return draft.take(np.sort(_seats(draft, occasion).accepted))


def _seats(draft: SlateDraft, occasion: RerankContext) -> CappedList:
    """Fill the seats in the order of claims.

    A floor asks in the order of the list, and only for what is still missing of it.
    """
    free = draft.places == UNPLACED
    organic = np.flatnonzero(free & (draft.slots == ORGANIC))
    rows = draft.pool.rows[draft.listed]
    seats = CappedList(occasion, rows, occasion.query.k)
    seats.add(np.flatnonzero(~free).tolist())
    seats.add(np.flatnonzero(free & (draft.slots == EXPLORE)).tolist())
    for floor in draft.minimums:
        favoured = floor.favours(rows)
        missing = floor.places - int(favoured[seats.accepted].sum())
        seats.add(organic[favoured[organic]].tolist(), max(missing, 0))
    seats.add(organic.tolist())
    return seats


def _arranged(draft: SlateDraft) -> SlateDraft:
    placed = draft.places != UNPLACED
    order = np.concatenate(
        [
            np.flatnonzero(~placed & (draft.slots != EXPLORE)),
            np.flatnonzero(~placed & (draft.slots == EXPLORE)),
        ]
    )
    at = np.flatnonzero(placed)
    for entry in at[np.argsort(draft.places[at], kind="stable")]:
        order = np.insert(order, min(int(draft.places[entry]), len(order)), entry)
    return draft.take(order)
