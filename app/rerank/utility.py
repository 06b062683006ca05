"""Policies that change the utility of items: a bonus for new ones, a demotion of repeated ones."""

import numpy as np
from numpy.typing import NDArray

from app.artifacts import DAY
from app.contracts import NO_ROWS, Scores, Times
from app.rerank.slate_draft import RerankContext, SlateDraft


def freshness_bonus(now: float, first_seen: Times, half_life: float = 14 * DAY) -> Scores:
    """Compute the bonus of each item, (n,) float32.

    It is 1 for an item first seen now, and halves every ``half_life`` seconds. An item without a
    first sight (infinite) has 0: nothing shows that it is new.
    """
    age: NDArray[np.float64] = np.maximum(now - first_seen, 0.0)
    bonus = np.where(np.isfinite(first_seen), np.exp2(-age / half_life), 0.0)
    return bonus.astype(np.float32)


def boost_new_items(draft: SlateDraft, context: RerankContext) -> SlateDraft:
    """Add the bonus of new items to their utility."""
    if not context.settings.freshness:
        return draft
    bonus = freshness_bonus(context.query.now, context.counters.first_seen[draft.pool.rows])
    utility = draft.utility + context.settings.freshness * bonus
    return draft.with_utility(utility)


def demote_seen(draft: SlateDraft, context: RerankContext) -> SlateDraft:
    """Subtract the demotion from seen and shown items, where the scene demotes these."""
    settings, query = context.settings, context.query
    seen = query.demoted
    shown = query.impressions if settings.shown == "demote" else NO_ROWS
    if not len(seen) and not len(shown):
        return draft
    is_repeated = np.isin(draft.pool.rows, np.concatenate([seen, shown]))
    return draft.with_utility(draft.utility - np.float32(settings.demotion) * is_repeated)
