"""Minimum exposure: positions of every list for the tail, or for a group of providers.

A policy of this file lists its items where it acts, and records its minimum in the draft. The
completion of the slate sees to it that later policies do not take these positions.
"""

from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from app.contracts import ORGANIC, Rows
from app.rerank.slate_draft import MinimumExposure, RerankContext, SlateDraft


def ensure_tail_exposure(draft: SlateDraft, context: RerankContext) -> SlateDraft:
    """List the best items of the tail until it has its positions."""
    settings = context.settings
    if not settings.tail_places:
        return draft
    likes = context.counters.liked[-1]
    available = likes[context.catalogue.available]
    last = max(round(settings.tail_share * len(available)) - 1, 0)
    if not len(available):
        return draft
    threshold = float(np.partition(available, last)[last])
    in_tail = partial(_is_in_tail, likes, threshold)
    return _ensure(draft, MinimumExposure(in_tail, settings.tail_places, "tail_places"))


def ensure_provider_exposure(draft: SlateDraft, context: RerankContext) -> SlateDraft:
    """List the best items of each group of providers until it has its positions."""
    catalogue = context.catalogue
    for group, min_items in context.settings.provider_places.items():
        codes = catalogue.provider_codes(group.split("|"))
        in_group = partial(_is_by_provider, catalogue.providers, codes)
        draft = _ensure(draft, MinimumExposure(in_group, min_items, f"provider_places of {group}"))
    return draft


def _is_in_tail(likes: NDArray[np.float64], threshold: float, rows: Rows) -> NDArray[np.bool_]:
    mask: NDArray[np.bool_] = likes[rows] <= threshold
    return mask


def _is_by_provider(
    providers: NDArray[np.int32], codes: NDArray[np.integer], rows: Rows
) -> NDArray[np.bool_]:
    return np.isin(providers[rows], codes)


def _ensure(draft: SlateDraft, minimum: MinimumExposure) -> SlateDraft:
    """Replace the last organic items that no minimum includes by candidates of this one."""
    before, draft = draft, replace(draft, minimums=(*draft.minimums, minimum))
    included, listed = minimum.includes(draft.pool.rows), draft.pool.rows[draft.listed]
    rest = draft.unlisted
    missing = minimum.min_items - int(included[draft.listed].sum())
    added = rest[included[rest]][: max(missing, 0)]
    is_replaceable = draft.slots == ORGANIC
    for each in draft.minimums:
        is_replaceable &= ~each.includes(listed)
    replaced = np.flatnonzero(is_replaceable)
    replaced = replaced[max(len(replaced) - len(added), 0) :]
    added = added[: len(replaced)]
    if not len(added):
        return draft if minimum.min_items else before
    kept = np.setdiff1d(np.arange(len(draft.listed)), replaced)
    order = np.argsort(np.concatenate([kept, replaced]), kind="stable")
    return draft.take(kept).append(added).take(order)
