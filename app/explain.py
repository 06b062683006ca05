"""Explain why an item is not in a list: find the stage of the funnel that lost it.

The explanation is computed from a slate and its funnel, and only when a caller asks for it.
"""

import itertools
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.contracts import ABSENT, NO_ROWS, SLOTS, Candidates, Query, Rows
from app.funnel import Funnel, FunnelRun, RankStage
from app.query_builder import disliked_rows
from app.recall.registry import CHANNELS
from app.request_log.request_record import RequestedExclusions
from app.rerank.filters import is_permitted
from app.rerank.policy_settings import PolicySettings
from app.rerank.seen import seen_rules
from app.rerank.slate_builder import COMPLETION, SlateBuilder, policy_of_draft
from app.rerank.slate_draft import SlateDraft
from app.stages import Reranker


def explain_rerank_loss(reranker: Reranker, run: FunnelRun, row: int) -> tuple[str, dict[str, Any]]:
    """Return the reason and its figures. A name that ends in ``_row`` is that of another item."""
    has_failed = any(result.stage == "rerank" and result.outcome != "ok" for result in run.results)
    if not isinstance(reranker, SlateBuilder) or has_failed:
        return "the last stage failed, and the best items of the order before it were shown", {}
    drafts = reranker.build_drafts(run.query, run.fine)
    for (_, before), (name, after) in itertools.pairwise(drafts):
        if row in _listed_rows(before) and row not in _listed_rows(after):
            added = [other for other in _listed_rows(after) if other not in _listed_rows(before)]
            facts = {"policy": name, "lost_to_row": added[0] if added else None}
            winner = policy_of_draft(name).winner
            return f"it was in the list, and lost its position to {winner}", facts
    return _compare_with_last(reranker, run, drafts, row)


def _listed_rows(draft: SlateDraft) -> list[int]:
    return [int(row) for row in draft.pool.rows[draft.listed]]


def _compare_with_last(
    reranker: SlateBuilder, run: FunnelRun, drafts: list[tuple[str, SlateDraft]], row: int
) -> tuple[str, dict[str, Any]]:
    """Compare the item with the last one that was chosen by utility and dissimilarity."""
    draft = next((draft for name, draft in drafts if name == "diversity"), drafts[-1][1])
    context = reranker.build_context(run.query)
    diversity = context.settings.diversity if "diversity" in context.order else 0.0
    at = int(np.flatnonzero(draft.pool.rows == row)[0])
    listed = draft.listed
    if not len(listed):
        return "the ranking had no position left", {"policy": COMPLETION.name}
    vectors = context.content[draft.pool.rows]
    cosines = vectors[listed] @ vectors[at]
    last, nearest = int(listed[-1]), int(listed[np.argmax(cosines)])
    cosines_of_last = vectors[listed[:-1]] @ vectors[last]
    utility, utility_of_last = float(draft.utility[at]), float(draft.utility[last])
    facts = {
        "policy": "diversity",
        "utility": utility,
        "likeness_penalty": diversity * max(float(cosines.max()), 0.0),
        "lost_to_row": int(draft.pool.rows[last]),
        "lost_to_utility": utility_of_last,
        "lost_to_penalty": diversity * max(float(cosines_of_last.max(initial=0.0)), 0.0),
        "nearest_row": int(draft.pool.rows[nearest]),
        "nearest_cosine": float(cosines.max()),
    }
    if utility > utility_of_last:
        return "it is too similar to an item in the list, and a less relevant one was chosen", facts
    return "the last position of the ranking went to an item with a higher utility", facts


ExplainedStage: TypeAlias = Literal[
    "catalogue", "filter", "recall", "coarse", "fine", "rerank", "shown"
]
FILTER_REASONS = {
    "blocked": "this scene blocks it, its provider or its category",
    "blocked_by_user": "the user has blocked it, its provider or its category",
    "hidden_by_others": "some user has hidden or blocked it, and it is not known what this one has",
    "rating": "it has a policy flag that this scene forbids",
    "filter": "the filter of the request does not allow it",
    "candidates": "it is not among the items to rank",
}
EXCLUSION_REASONS = {
    "hidden": "the user has hidden it",
    "disliked": "the user dislikes it",
    "exclude": "the request excludes it",
    "earlier_pages": "an earlier page had it",
    "seen": "the user has already acted on it",
    "shown": "the user was shown it lately",
}


def attribute_exclusions(
    query: Query, settings: PolicySettings, requested: RequestedExclusions, rows: Rows
) -> dict[str, NDArray[np.bool_]]:
    """Return for each name of ``EXCLUSION_REASONS`` which of ``rows`` it excludes, (n,).

    A row counts for the first name that excludes it. A query holds the newest events only. Older
    dislikes count as seen, or as disliked where no event hides its item.
    """
    drops_seen = seen_rules(settings.seen).hides
    excluded_by = {
        "hidden": query.hidden,
        "disliked": disliked_rows(query.history),
        "exclude": requested.exclude,
        "earlier_pages": requested.earlier,
        "seen": query.seen if drops_seen else NO_ROWS,
        "shown": query.impressions if settings.shown == "drop" else NO_ROWS,
    }
    remaining, masks = np.isin(rows, query.excluded), {}
    for name, excluded in excluded_by.items():
        masks[name] = remaining & np.isin(rows, excluded)
        remaining = remaining & ~masks[name]
    masks["seen" if drops_seen else "disliked"] |= remaining
    return masks


def explain_forbidden(
    funnel: Funnel, query: Query, exclusions: RequestedExclusions, rows: Rows
) -> dict[int, tuple[str, str]]:
    """Return what removes items that may not be shown: the policy and the reason, by position.

    ``rows`` is (n,). An item counts for the first policy that removes it.
    """
    builder, removed = funnel.query_builder, np.zeros(len(rows), np.bool_)
    settings = builder.settings_for(query.scene)
    available = builder.models.catalogue.available[rows]
    by_policy = {"availability": (~available, "it is not available")}
    for each in query.filters:
        by_policy[each.name] = (~each.allows(rows), filter_reason(each.name))
    for name, mask in attribute_exclusions(query, settings, exclusions, rows).items():
        by_policy[name] = (mask, EXCLUSION_REASONS[name])
    reasons: dict[int, tuple[str, str]] = {}
    for policy, (mask, reason) in by_policy.items():
        reasons |= dict.fromkeys(np.flatnonzero(mask & ~removed).tolist(), (policy, reason))
        removed |= mask
    return reasons


def filter_reason(name: str) -> str:
    """Return why a filter of this name removes an item."""
    return FILTER_REASONS.get(name, f"the filter {name} does not allow it")


@dataclass(frozen=True, slots=True)
class Explanation:
    """The stage at which an item was lost, the reason, and its figures."""

    stage: ExplainedStage
    reason: str
    facts: dict[str, Any]  # a name that ends in _row holds the row of another item


@dataclass(frozen=True, slots=True, eq=False)
class MissingItem:
    """One item, and the list that may lack it."""

    funnel: Funnel
    run: FunnelRun
    row: int  # -1: it is not in the catalogue
    exclusions: RequestedExclusions

    def explain(self) -> Explanation:
        """Return what became of the item: the first stage that lost it."""
        checks = (
            *(self._not_in_catalogue, self._shown, self._filtered),
            *(self._funnel_cut_off, self._not_proposed),
        )
        for check in checks:
            if explanation := check():
                return explanation
        run, funnel = self.run, self.funnel
        if self.row not in run.coarse.rows:
            return self._cut("coarse", funnel.coarse, run.merged, run.coarse)
        if self.row not in run.fine.rows:
            return self._cut("fine", funnel.fine, run.coarse, run.fine)
        return self._lost_by_rerank()

    def _not_in_catalogue(self) -> Explanation | None:
        is_known = self.row >= 0
        return None if is_known else Explanation("catalogue", "no item has this id", {})

    def _shown(self) -> Explanation | None:
        slate = self.run.slate
        at = np.flatnonzero(slate.pool.rows == self.row)
        if not len(at):
            return None
        position, slot = int(at[0]) + 1, SLOTS[slate.slots[at[0]]]
        facts = {"position": position, "slot": slot, "score": float(slate.pool.scores[at[0]])}
        return Explanation("shown", f"it is shown at position {position} ({slot})", facts)

    def _filtered(self) -> Explanation | None:
        query, builder = self.run.query, self.funnel.query_builder
        row, available = np.array([self.row], np.int64), builder.models.catalogue.available
        if is_permitted(query, row, available)[0]:
            return None
        if not available[self.row]:
            return Explanation("filter", "it is not available", {"policy": "availability"})
        for each in query.filters:
            if not each.allows(row)[0]:
                return Explanation("filter", filter_reason(each.name), {"policy": each.name})
        masks = attribute_exclusions(query, builder.settings_for(query.scene), self.exclusions, row)
        name = next(name for name, mask in masks.items() if mask[0])
        return Explanation("filter", EXCLUSION_REASONS[name], {"policy": name})

    def _funnel_cut_off(self) -> Explanation | None:
        if not any(result.stage == "funnel" for result in self.run.results):
            return None
        reason = "the funnel was cut off, and popular items were shown instead"
        return Explanation("recall", reason, {"outcome": "late"})

    def _not_proposed(self) -> Explanation | None:
        if self.row in self.run.merged.rows:
            return None
        sizes = dict(zip(CHANNELS, map(len, self.run.proposals), strict=False))
        channels, items = sum(n > 0 for n in sizes.values()), sum(sizes.values())
        reason = f"no channel proposed it; {channels} channels proposed {items} items"
        return Explanation("recall", reason, {"proposed": sizes})

    def _cut(
        self, name: ExplainedStage, stage: RankStage, before: Candidates, after: Candidates
    ) -> Explanation:
        has_failed = any(
            result.stage == stage.name and result.outcome != "ok" for result in self.run.results
        )
        scored = before if has_failed else stage.score(self.run.query, before)
        at = int(np.flatnonzero(scored.rows == self.row)[0])
        order = (-scored.scores).argsort(kind="stable")
        rank, score = int(np.flatnonzero(order == at)[0]) + 1, float(scored.scores[at])
        threshold = float(scored.scores[order[len(after) - 1]]) if len(after) else None
        ranker = "the ranker failed; the order before it" if has_failed else "the ranker"
        reason = (
            f"{ranker} put it at {rank} of {len(before)} with {score:.4f}; the best {len(after)} "
            f"go on, from {threshold:.4f}"
            if threshold is not None
            else "no item goes on"
        )
        facts: dict[str, Any] = {"rank": rank, "of": len(before), "score": score}
        facts |= {
            "threshold": threshold,
            "kept": len(after),
            "channels": describe_channels(scored, at),
        }
        return Explanation(name, f"{stage.name}: {reason}", facts)

    def _lost_by_rerank(self) -> Explanation:
        fine = self.run.fine
        at = int(np.flatnonzero(fine.rows == self.row)[0])
        rank = int(np.count_nonzero(fine.scores > fine.scores[at])) + 1
        facts: dict[str, Any] = {"rank": rank, "of": len(fine), "score": float(fine.scores[at])}
        reason, more = explain_rerank_loss(self.funnel.reranker, self.run, self.row)
        return Explanation(
            "rerank", reason, facts | more | {"channels": describe_channels(fine, at)}
        )


def describe_channels(pool: Candidates, at: int) -> dict[str, dict[str, float]]:
    """Return rank and score in each channel that proposed a candidate."""
    return {
        channel: {"rank": int(pool.ranks[at, c]), "score": float(pool.signals[at, c])}
        for c, channel in enumerate(CHANNELS)
        if pool.ranks[at, c] != ABSENT
    }
