"""The last stage: the policies of a scene, in their order, build the list of k."""

import itertools
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from app.catalogue.catalogue import Catalogue
from app.catalogue.duplicates import NO_DUPLICATES, NO_GROUP, groups_of
from app.contracts import (
    EXPLORE,
    ORGANIC,
    Candidates,
    Matrix,
    Query,
    Scores,
    Slate,
    UnfilledMinimum,
)
from app.kernels.rerank import scale_to_unit
from app.recall.popularity import fill_from_catalogue
from app.rerank.caps import CappedList
from app.rerank.filters import is_permitted
from app.rerank.policies import SceneSettings, SlatePolicy, find_policy
from app.rerank.request_policies import BOOST, PIN
from app.rerank.slate_draft import NO_POSITION, RerankContext, SlateDraft
from app.state.counters import PopularityCounters

MAX_BACKFILL = 1_000  # items of the whole catalogue that are tried when caps leave too few


@dataclass(frozen=True, slots=True, eq=False)
class SlateBuilder:
    """Makes the list from the candidates that the fine ranker kept. Obeys all filters."""

    catalogue: Catalogue
    content: Matrix  # (n, e) unit vectors
    counters: PopularityCounters
    default_scene: SceneSettings
    scenes: Mapping[str, SceneSettings] = field(default_factory=dict)  # others: the default
    duplicates: NDArray[np.int32] = field(default_factory=lambda: NO_DUPLICATES)  # groups, by row

    def rerank(self, query: Query, pool: Candidates) -> Slate:
        """Choose ``query.k`` items. The next best candidates fill the gaps that policies leave."""
        drafts = self.build_drafts(query, pool)
        _, draft = drafts[-1]
        return Slate(
            draft.pool.take(draft.listed),
            draft.slots == EXPLORE,
            draft.propensities,
            draft.slots,
            partial(count_changes, drafts),
            partial(count_cap_rejections, _incomplete(drafts), self.build_context(query)),
            _unfilled_minimums(draft) if draft.minimums else (),
        )

    def build_drafts(self, query: Query, pool: Candidates) -> list[tuple[str, SlateDraft]]:
        """Return the draft after each policy that changed it, by name; the first has no name."""
        context = self.build_context(query)
        permitted = is_permitted(query, pool.rows, self.catalogue.available)
        is_ordered = (pool.scores[1:] <= pool.scores[:-1]).all()
        if not (is_ordered and permitted.all()):
            shown = permitted.nonzero()[0]
            pool = pool.take(shown.take((-pool.scores.take(shown)).argsort(kind="stable")))
        draft = SlateDraft.start(pool, relevance(pool))
        drafts = [("", draft)]
        for policy in (BOOST, *map(find_policy, context.order), PIN, COMPLETION):
            before, draft = draft, policy.apply(draft, context)
            if draft is not before:
                drafts.append((policy.name, draft))
        return drafts

    def build_context(self, query: Query) -> RerankContext:
        settings = self.scenes.get(query.scene, self.default_scene)
        return RerankContext(
            query,
            settings,
            settings.order,
            self.catalogue,
            self.content,
            self.counters,
            self.duplicates,
        )


def relevance(pool: Candidates) -> Scores:
    """Map the fine scores to [0, 1] within the pool, (n,) float32."""
    return scale_to_unit(pool.scores)


def complete_slate(draft: SlateDraft, context: RerankContext) -> SlateDraft:
    """Complete the list of k: organic items, then exploration; placed ones at their positions.

    Caps hold for every item of the list. Placed items have the first claim on them, then come
    exploration and minimum exposure. The rest with the highest utility fills every gap.
    """
    k, settings = context.query.k, context.settings
    has_caps = settings.provider_cap or settings.category_cap or _has_duplicates(draft, context)
    if not has_caps and not draft.minimums and _is_complete(draft, k):
        return draft
    slate = _select(draft, context)
    if has_caps and len(slate.listed) < k:  # the caps leave too few of the ranked items
        rows = fill_from_catalogue(
            context.catalogue, context.counters, context.query, MAX_BACKFILL
        ).rows
        slate = _select(draft.widen_pool(rows[~np.isin(rows, draft.pool.rows)]), context)
    return _arrange(slate)


COMPLETION = SlatePolicy(  # acts last in every scene
    "finish",
    complete_slate,
    ("provider_cap", "category_cap", "duplicate_cap"),
    "applies caps and minimum exposure, fills gaps and puts every item at its position",
    "the caps, or items that have a position of their own",
)


AROUND = {policy.name: policy for policy in (BOOST, PIN, COMPLETION)}  # the policies of a scene


def policy_of_draft(name: str) -> SlatePolicy:
    """Return the policy after which ``SlateBuilder.build_drafts`` names a draft."""
    return AROUND.get(name) or find_policy(name)


def _has_duplicates(draft: SlateDraft, context: RerankContext) -> bool:
    """Return whether more items of one title and year are listed than the scene allows."""
    if not len(context.duplicates) or not context.settings.duplicate_cap:
        return False
    groups = groups_of(context.duplicates, draft.pool.rows[draft.listed])
    shared = groups[groups != NO_GROUP].tolist()
    cap = context.settings.duplicate_cap
    return len(shared) > cap and max(Counter(shared).values()) > cap


def _unfilled_minimums(draft: SlateDraft) -> tuple[UnfilledMinimum, ...]:
    rows = draft.pool.rows[draft.listed]
    counted = ((each, int(each.includes(rows).sum())) for each in draft.minimums)
    return tuple(
        UnfilledMinimum(each.setting, n, each.min_items)
        for each, n in counted
        if n < each.min_items
    )


def count_cap_rejections(draft: SlateDraft, context: RerankContext) -> dict[str, int]:
    """Count the candidates that each cap keeps out of a list that is not completed yet."""
    return _apply_caps(draft.append(draft.unlisted), context).rejected


def count_changes(drafts: list[tuple[str, SlateDraft]]) -> list[tuple[str, int]]:
    """Return how many utilities, or positions of the list, each policy changed."""
    return [
        (name, _count_change(before, after))
        for (_, before), (name, after) in itertools.pairwise(drafts)
    ]


def _count_change(before: SlateDraft, after: SlateDraft) -> int:
    if after.utility is not before.utility and len(after.utility) == len(before.utility):
        return int(np.count_nonzero(after.utility != before.utility))
    n = max(len(before.listed), len(after.listed))
    shared = min(len(before.listed), len(after.listed))
    is_kept = before.listed[:shared] == after.listed[:shared]
    is_kept &= before.slots[:shared] == after.slots[:shared]
    return n - int(np.count_nonzero(is_kept))


def _incomplete(drafts: list[tuple[str, SlateDraft]]) -> SlateDraft:
    """Return the draft before completion, which changes only incomplete lists."""
    return drafts[-2 if drafts[-1][0] == COMPLETION.name else -1][1]


def _is_complete(draft: SlateDraft, k: int) -> bool:
    """Return whether the list has k items, exploration last, and no fixed positions."""
    slots, positions = draft.slots.tolist(), draft.positions.tolist()
    return len(slots) == k and slots == sorted(slots) and set(positions) <= {NO_POSITION}


def _select(draft: SlateDraft, context: RerankContext) -> SlateDraft:
    """Keep the k entries that ``_apply_caps`` accepts first; unlisted candidates come last."""
    draft = draft.append(draft.unlisted)
    return draft.take(np.sort(_apply_caps(draft, context).accepted))


def _apply_caps(draft: SlateDraft, context: RerankContext) -> CappedList:
    """Accept entries up to k, as far as the caps allow.

    Placed entries come first, then exploration, then the items that each minimum still lacks, in
    the order of the list, then all other entries.
    """
    is_free = draft.positions == NO_POSITION
    organic = np.flatnonzero(is_free & (draft.slots == ORGANIC))
    rows = draft.pool.rows[draft.listed]
    capped = CappedList(context, rows, context.query.k)
    capped.add(np.flatnonzero(~is_free).tolist())
    capped.add(np.flatnonzero(is_free & (draft.slots == EXPLORE)).tolist())
    for minimum in draft.minimums:
        included = minimum.includes(rows)
        missing = minimum.min_items - int(included[capped.accepted].sum())
        capped.add(organic[included[organic]].tolist(), max(missing, 0))
    capped.add(organic.tolist())
    return capped


def _arrange(draft: SlateDraft) -> SlateDraft:
    """Order the list: organic items, exploration, and placed items at their positions."""
    is_placed = draft.positions != NO_POSITION
    parts = [~is_placed & (draft.slots != EXPLORE), ~is_placed & (draft.slots == EXPLORE)]
    order = np.concatenate([np.flatnonzero(part) for part in parts])
    placed = np.flatnonzero(is_placed)
    for entry in placed[np.argsort(draft.positions[placed], kind="stable")]:
        order = np.insert(order, min(int(draft.positions[entry]), len(order)), entry)
    return draft.take(order)
