"""Minimum exposure: so many places of every list for the tail, or for a group of providers."""

import numpy as np
from numpy.typing import NDArray

from app.contracts import ORGANIC
from app.rerank.draft import Draft, Occasion


def tail_floor(draft: Draft, occasion: Occasion) -> Draft:
    """Let so many items of the tail into the list, the best there are."""
    policy = occasion.policy
    if not policy.tail_places:
        return draft
    likes = occasion.live.liked[-1]
    liked = likes[occasion.catalogue.available]
    last = max(round(policy.tail_share * len(liked)) - 1, 0)
    if not len(liked):
        return draft
    is_tail = likes[draft.pool.rows] <= np.partition(liked, last)[last]
    return _floor(draft, is_tail, policy.tail_places)


def provider_floors(draft: Draft, occasion: Occasion) -> Draft:
    """Let so many items of each group of providers into the list, the best there are."""
    for group, places in occasion.policy.provider_places.items():
        codes = occasion.catalogue.provider_codes(group.split("|"))
        mine = np.isin(occasion.catalogue.providers[draft.pool.rows], codes)
        draft = _floor(draft, mine, places)
    return draft


def _floor(draft: Draft, favoured: NDArray[np.bool_], places: int) -> Draft:
    """Put favoured candidates (n,) in the places of the last organic items that are not."""
    missing = places - int(favoured[draft.listed].sum())
    if missing <= 0:
        return draft
    rest = draft.rest
    coming = rest[favoured[rest]][:missing]
    going = np.flatnonzero((draft.slots == ORGANIC) & ~favoured[draft.listed])
    going = going[max(len(going) - len(coming), 0) :]
    coming = coming[: len(going)]
    kept = np.setdiff1d(np.arange(len(draft.listed)), going)
    added = draft.take(kept).plus(coming)
    order = np.argsort(np.concatenate([kept, going]), kind="stable")
    return added.take(order)
