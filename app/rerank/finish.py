"""The end of the last stage: caps, backfill from the reserve, and every item at its place."""

from collections import Counter
from collections.abc import Hashable, Iterator

import numpy as np
from numpy.typing import NDArray

from app.contracts import EXPLORE, ORGANIC, Rows
from app.recall.reserve import reserve
from app.rerank.draft import UNPLACED, Draft, Occasion

MOST = 1_000  # items of the whole catalogue that are looked through when caps leave too little


def finish(draft: Draft, occasion: Occasion) -> Draft:
    """Make the list of k: organic items, then exploration, and placed ones where they belong.

    Caps hold for everything in the list, whatever put it there; what is placed has the first call
    on them. A gap is filled by what is worth most of the rest.
    """
    k, policy = occasion.query.k, occasion.policy
    if not policy.provider_cap and not policy.category_cap:
        if _is_finished(draft, k):
            return draft
        full = draft if len(draft.listed) >= k else draft.plus(draft.rest)
        return _arranged(full.take(_claims(full, k)[:k]))
    found = _capped(draft, occasion)
    if len(found.listed) < k:  # the caps leave too little of what was ranked
        left = reserve(occasion.catalogue, occasion.live, occasion.query, MOST).rows
        found = _capped(draft.wider(left[~np.isin(left, draft.pool.rows)]), occasion)
    return _arranged(found)


def _is_finished(draft: Draft, k: int) -> bool:
    """Say whether the list is whole as it stands, as it is where nothing was placed by hand."""
    at_end = bool(np.all(draft.slots[:-1] <= draft.slots[1:]))
    return len(draft.listed) == k and at_end and bool(np.all(draft.places == UNPLACED))


def _claims(draft: Draft, k: int) -> NDArray[np.intp]:
    """Order the entries by their claim to be in the list."""
    free = draft.places == UNPLACED
    placed = np.flatnonzero(~free)[:k]
    explored = np.flatnonzero(free & (draft.slots == EXPLORE))[: k - len(placed)]
    organic = np.flatnonzero(free & (draft.slots == ORGANIC))
    room = k - len(placed) - len(explored)
    return np.concatenate([placed, organic[:room], explored, organic[room:]])


def _capped(draft: Draft, occasion: Occasion) -> Draft:
    draft = draft.plus(draft.rest)
    claims = _claims(draft, occasion.query.k)
    fits = _fitting(occasion, draft.pool.rows[draft.listed[claims]])
    kept = claims[np.fromiter(fits, np.bool_, len(claims))]
    return draft.take(kept[: occasion.query.k])


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


def _fitting(occasion: Occasion, rows: Rows) -> Iterator[bool]:
    """Say of each of ``rows``, in turn, whether the caps let it join those that they let in."""
    policy, catalogue = occasion.policy, occasion.catalogue
    providers, categories = Counter[int](), Counter[Hashable]()
    of_all = catalogue.categories_of(rows)
    for provider, mine in zip(catalogue.providers[rows].tolist(), of_all, strict=True):
        known = provider >= 0  # items of which nobody knows the provider have no cap
        full = bool(policy.provider_cap) and known and providers[provider] >= policy.provider_cap
        if policy.category_cap:
            full = full or any(categories[one] >= policy.category_cap for one in mine)
        if not full:
            providers[provider] += 1
            categories.update(mine)
        yield not full
