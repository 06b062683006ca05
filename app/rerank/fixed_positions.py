"""Places that are not for the ranking: pinned items, and sponsored ones, which are labelled.

Neither is ever shown where a hard filter forbids it: not if it is not available, and not to a user
who has blocked it. Places count over all pages of a list.
"""

import numpy as np

from app.contracts import PINNED, SPONSORED, Rows
from app.rerank.policies import is_permitted
from app.rerank.slate_draft import RerankContext, SlateDraft


def pin_items(draft: SlateDraft, occasion: RerankContext) -> SlateDraft:
    """Put each pinned item at its place."""
    pinned = occasion.policy.pinned
    if not pinned:
        return draft
    rows = occasion.catalogue.ids.rows(list(pinned))
    return _put(draft, occasion, rows, list(pinned.values()), PINNED)


def place_sponsored(draft: SlateDraft, occasion: RerankContext) -> SlateDraft:
    """Put the first sponsored items that may be shown at the sponsored places."""
    policy, query, ids = occasion.policy, occasion.query, occasion.catalogue.ids
    places = sorted(policy.sponsored_places)[: policy.sponsored_cap]
    places = [place for place in places if query.offset < place <= query.offset + query.k]
    if not places or not policy.sponsored:
        return draft
    rows = ids.rows(policy.sponsored)
    rows = rows[(rows >= 0) & ~np.isin(rows, ids.rows(list(policy.pinned)))]
    rows = rows[is_permitted(query, rows, occasion.catalogue.available)]
    return _put(draft, occasion, rows[: len(places)], places, SPONSORED)


def _put(
    draft: SlateDraft, occasion: RerankContext, rows: Rows, places: list[int], slot: int
) -> SlateDraft:
    query = occasion.query
    for row, place in zip(rows.tolist(), places, strict=False):
        at, one = place - 1 - query.offset, np.array([row], np.int64)
        fits = row >= 0 and 0 <= at < query.k
        if fits and is_permitted(query, one, occasion.catalogue.available)[0]:
            draft = draft.insert(row, at, slot)
    return draft
