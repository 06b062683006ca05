"""Freshness: a small, fading bonus for items that are new to the catalogue."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from app.artifacts import DAY
from app.contracts import Scores, Times
from app.rerank.slate_draft import RerankContext, SlateDraft


def freshness_bonus(now: float, first_seen: Times, half_life: float = 14 * DAY) -> Scores:
    """Give 1 for an item first seen now, half of it every ``half_life`` seconds, (n,) float32.

    An item that was never seen gets 0: nothing says that it is new.
    """
    age: NDArray[np.float64] = np.maximum(now - first_seen, 0.0)
    fade = np.where(np.isfinite(first_seen), np.exp2(-age / half_life), 0.0)
    return fade.astype(np.float32)


def boost_new_items(draft: SlateDraft, occasion: RerankContext) -> SlateDraft:
    """Add the bonus of the new."""
    if not occasion.policy.freshness:
        return draft
    bonus = freshness_bonus(occasion.query.now, occasion.counters.first_seen[draft.pool.rows])
    worth = draft.worth + occasion.policy.freshness * bonus
    return replace(draft, worth=worth.astype(np.float32))
