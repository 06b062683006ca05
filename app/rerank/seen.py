"""Demotion of items that the user has acted on, or was shown lately."""

from dataclasses import replace

import numpy as np

from app.contracts import NO_ROWS
from app.rerank.slate_draft import RerankContext, SlateDraft


def demote_seen(draft: SlateDraft, context: RerankContext) -> SlateDraft:
    """Subtract the demotion from seen and shown items, where the scene demotes these."""
    settings, query = context.settings, context.query
    seen = query.history.rows if settings.seen == "demote" else NO_ROWS
    shown = query.impressions if settings.shown == "demote" else NO_ROWS
    if not len(seen) and not len(shown):
        return draft
    is_repeated = np.isin(draft.pool.rows, np.concatenate([seen, shown]))
    utility = draft.utility - np.float32(settings.demotion) * is_repeated
    return replace(draft, utility=utility.astype(np.float32))
