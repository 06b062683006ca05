"""Fixed positions: pinned items, and sponsored ones, which are labelled.

An item that a hard filter forbids is never shown: neither one that is not available nor one that
the user has blocked. Positions count over all pages of a list.
"""

from collections.abc import Sequence

import numpy as np

from app.contracts import PINNED, SPONSORED, Rows
from app.rerank.filters import is_permitted
from app.rerank.slate_draft import RerankContext, SlateDraft


def pin_items(draft: SlateDraft, context: RerankContext) -> SlateDraft:
    """Put each pinned item at its position."""
    pinned = context.settings.pinned
    if not pinned:
        return draft
    rows = context.catalogue.ids.rows(list(pinned))
    return place_items(draft, context, rows, list(pinned.values()), PINNED)


def place_sponsored(draft: SlateDraft, context: RerankContext) -> SlateDraft:
    """Put the first permitted sponsored items at the sponsored positions."""
    settings, query, ids = context.settings, context.query, context.catalogue.ids
    positions = sorted(settings.sponsored_places)[: settings.sponsored_cap]
    positions = [
        position for position in positions if query.offset < position <= query.offset + query.k
    ]
    if not positions or not settings.sponsored:
        return draft
    rows = ids.rows(settings.sponsored)
    rows = rows[(rows >= 0) & ~np.isin(rows, ids.rows(list(settings.pinned)))]
    rows = rows[is_permitted(query, rows, context.catalogue.available)]
    return place_items(draft, context, rows[: len(positions)], positions, SPONSORED)


def place_items(
    draft: SlateDraft, context: RerankContext, rows: Rows, positions: Sequence[int], slot: int
) -> SlateDraft:
    """Put the permitted ones of ``rows`` (p,) at their positions, as far as they are on this page.

    Args:
        draft: the list so far.
        context: of the request.
        rows: the items; -1 is none.
        positions: of each, over all pages; 1 is the first.
        slot: why they are there, a code of ``app.contracts.SLOTS``.
    """
    query = context.query
    for row, position in zip(rows.tolist(), positions, strict=False):
        at = position - 1 - query.offset
        is_on_page = row >= 0 and 0 <= at < query.k
        if (
            is_on_page
            and is_permitted(query, np.array([row], np.int64), context.catalogue.available)[0]
        ):
            draft = draft.insert(row, at, slot)
    return draft
