"""What the caller of one request asks for: boosts of some items, and items at fixed positions.

They act in every scene: boosts before its policies, so that diversity and caps still hold, and pins
after them, so that they win a position that two items have. Neither can undo a hard filter.
"""

import numpy as np

from app.catalogue.attributes import column_kinds
from app.contracts import PINNED
from app.expressions.boost import parse_boost
from app.rerank.fixed_positions import place_items
from app.rerank.policies import SlatePolicy
from app.rerank.slate_draft import RerankContext, SlateDraft


def boost_items(draft: SlateDraft, context: RerankContext) -> SlateDraft:
    """Add the amount of each boost to the utility of its items."""
    boosts, catalogue = context.query.boosts, context.catalogue
    if not boosts:
        return draft
    kinds, utility = column_kinds(catalogue.attributes), draft.utility.copy()
    for text in boosts:
        boost = parse_boost(text, kinds)
        utility[boost.condition(catalogue, draft.pool.rows)] += np.float32(boost.amount)
    return draft.with_utility(utility)


def pin_requested(draft: SlateDraft, context: RerankContext) -> SlateDraft:
    """Put each item that the request pins at its position."""
    pins = context.query.pins
    if not pins:
        return draft
    positions, items = zip(*pins, strict=True)
    return place_items(draft, context, context.catalogue.ids.rows(items), positions, PINNED)


BOOST = SlatePolicy(
    "boost",
    boost_items,
    (),
    "adds the amounts of the request's `boost` to the utility of items",
    "an item that the request boosts",
)
PIN = SlatePolicy(
    "pin",
    pin_requested,
    (),
    "puts the items of the request's `pin` at their positions",
    "an item that the request pins",
)
