"""The end of the last stage: floors, caps, backfill from the reserve, every item at its place."""

import numpy as np

from app.contracts import EXPLORE, ORGANIC
from app.recall.catalogue_fallback import reserve
from app.rerank.caps import Seats
from app.rerank.slate_draft import UNPLACED, Draft, Occasion

MOST = 1_000  # items of the whole catalogue that are looked through when caps leave too little


def finish(draft: Draft, occasion: Occasion) -> Draft:
    """Make the list of k: organic items, then exploration, and placed ones where they belong.

    Caps hold for everything in the list, whatever put it there; what is placed has the first call
    on them. Then come exploration and what the floors ask for. A gap is filled by what is worth
    most of the rest.
    """
    k, policy = occasion.query.k, occasion.policy
    capped = policy.provider_cap or policy.category_cap
    if not capped and not draft.floors and _is_finished(draft, k):
        return draft
    found = _seated(draft, occasion)
    if capped and len(found.listed) < k:  # the caps leave too little of what was ranked
        left = reserve(occasion.catalogue, occasion.live, occasion.query, MOST).rows
        found = _seated(draft.wider(left[~np.isin(left, draft.pool.rows)]), occasion)
    return _arranged(found)


def _is_finished(draft: Draft, k: int) -> bool:
    """Say whether the list is whole as it stands, as it is where nothing was placed by hand."""
    at_end = bool(np.all(draft.slots[:-1] <= draft.slots[1:]))
    return len(draft.listed) == k and at_end and bool(np.all(draft.places == UNPLACED))


def refused(draft: Draft, occasion: Occasion) -> dict[str, int]:
    """Count the candidates that each cap keeps out of a list, as the draft came to ``finish``."""
    return _seats(draft.plus(draft.rest), occasion).refused


def _seated(draft: Draft, occasion: Occasion) -> Draft:
    """Keep k entries, those with the best claim to be in the list; ``rest`` comes last."""
    draft = draft.plus(draft.rest)
    return draft.take(np.sort(_seats(draft, occasion).taken))


def _seats(draft: Draft, occasion: Occasion) -> Seats:
    """Fill the seats in the order of claims.

    A floor asks in the order of the list, and only for what is still missing of it.
    """
    free = draft.places == UNPLACED
    organic = np.flatnonzero(free & (draft.slots == ORGANIC))
    rows = draft.pool.rows[draft.listed]
    seats = Seats(occasion, rows, occasion.query.k)
    seats.fill(np.flatnonzero(~free).tolist())
    seats.fill(np.flatnonzero(free & (draft.slots == EXPLORE)).tolist())
    for floor in draft.floors:
        favoured = floor.favours(rows)
        missing = floor.places - int(favoured[seats.taken].sum())
        seats.fill(organic[favoured[organic]].tolist(), max(missing, 0))
    seats.fill(organic.tolist())
    return seats


def _arranged(draft: Draft) -> Draft:
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
