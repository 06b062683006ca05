"""Items met before, acted on or shown lately: dropped on the way, demoted, or like any other."""

from dataclasses import replace

import numpy as np

from app.contracts import NO_ROWS
from app.rerank.slate_draft import RerankContext, SlateDraft


def demote_seen(draft: SlateDraft, occasion: RerankContext) -> SlateDraft:
    """Take the demotion off what the user has met before, where the scene demotes it."""
    policy, query = occasion.policy, occasion.query
    seen = query.history.rows if policy.seen == "demote" else NO_ROWS
    shown = query.impressions if policy.shown == "demote" else NO_ROWS
    if not len(seen) and not len(shown):
        return draft
    met = np.isin(draft.pool.rows, np.concatenate([seen, shown]))
    worth = draft.worth - np.float32(policy.demotion) * met
    return replace(draft, worth=worth.astype(np.float32))
