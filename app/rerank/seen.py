"""Demotion of items that the user has acted on, or was shown lately."""

from dataclasses import replace

import numpy as np

from app.contracts import NO_ROWS
from app.rerank.slate_draft import RerankContext, SlateDraft


def demote_seen(draft: SlateDraft, context: RerankContext) -> SlateDraft:
    """Subtract the demotion from seen and shown items, where the scene demotes these."""
    policy, query = context.policy, context.query
    seen = query.history.rows if policy.seen == "demote" else NO_ROWS
    shown = query.impressions if policy.shown == "demote" else NO_ROWS
    if not len(seen) and not len(shown):
        return draft
    is_repeated = np.isin(draft.pool.rows, np.concatenate([seen, shown]))
    worth = draft.worth - np.float32(policy.demotion) * is_repeated
    return replace(draft, worth=worth.astype(np.float32))
