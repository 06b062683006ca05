"""Items that the user has acted on: dropped before they get here, demoted, or like any other."""

from dataclasses import replace

import numpy as np

from app.rerank.draft import Draft, Occasion


def demote_seen(draft: Draft, occasion: Occasion) -> Draft:
    """Take the demotion off what the user has acted on, where the scene demotes it."""
    policy, history = occasion.policy, occasion.query.history
    if policy.seen != "demote" or not len(history):
        return draft
    seen = np.isin(draft.pool.rows, history.rows)
    worth = draft.worth - np.float32(policy.demotion) * seen
    return replace(draft, worth=worth.astype(np.float32))
