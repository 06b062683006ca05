"""Minimum exposure: so many places of every list for the tail, or for a group of providers.

A floor lets its items into the list where it acts, and asks ``finish`` to see to it that what acts
later does not take their places.
"""

from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from app.contracts import ORGANIC, Rows
from app.rerank.slate_draft import MinimumExposure, RerankContext, SlateDraft


def ensure_tail_exposure(draft: SlateDraft, occasion: RerankContext) -> SlateDraft:
    """Let so many items of the tail into the list, the best there are."""
    policy = occasion.policy
    if not policy.tail_places:
        return draft
    likes = occasion.counters.liked[-1]
    liked = likes[occasion.catalogue.available]
    last = max(round(policy.tail_share * len(liked)) - 1, 0)
    if not len(liked):
        return draft
    few = float(np.partition(liked, last)[last])
    return _floor(draft, MinimumExposure(partial(_liked_little, likes, few), policy.tail_places))


def ensure_provider_exposure(draft: SlateDraft, occasion: RerankContext) -> SlateDraft:
    """Let so many items of each group of providers into the list, the best there are."""
    catalogue = occasion.catalogue
    for group, places in occasion.policy.provider_places.items():
        codes = catalogue.provider_codes(group.split("|"))
        draft = _floor(
            draft, MinimumExposure(partial(_made_by, catalogue.providers, codes), places)
        )
    return draft


def _liked_little(likes: NDArray[np.float64], few: float, rows: Rows) -> NDArray[np.bool_]:
    mask: NDArray[np.bool_] = likes[rows] <= few
    return mask


def _made_by(
    providers: NDArray[np.int32], codes: NDArray[np.integer], rows: Rows
) -> NDArray[np.bool_]:
    return np.isin(providers[rows], codes)


def _floor(draft: SlateDraft, floor: MinimumExposure) -> SlateDraft:
    """Put favoured candidates in the places of the last organic items that no floor favours."""
    before, draft = draft, replace(draft, minimums=(*draft.minimums, floor))
    favoured, listed = floor.favours(draft.pool.rows), draft.pool.rows[draft.listed]
    rest = draft.unlisted
    missing = floor.places - int(favoured[draft.listed].sum())
    coming = rest[favoured[rest]][: max(missing, 0)]
    free = draft.slots == ORGANIC
    for each in draft.minimums:
        free &= ~each.favours(listed)
    going = np.flatnonzero(free)
    going = going[max(len(going) - len(coming), 0) :]
    coming = coming[: len(going)]
    if not len(coming):
        return draft if floor.places else before
    kept = np.setdiff1d(np.arange(len(draft.listed)), going)
    added = draft.take(kept).append(coming)
    order = np.argsort(np.concatenate([kept, going]), kind="stable")
    return added.take(order)
