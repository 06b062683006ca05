"""Explain why an item is not in a list: find the stage of the funnel that lost it.

The explanation is computed from a slate and its funnel, and only when a caller asks for it.
"""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.contracts import ABSENT, NO_ROWS, SLOTS, Candidates, Query, Rows
from app.explain.rerank_loss import explain_rerank_loss
from app.funnel import Funnel, FunnelRun, RankStage
from app.query_builder import disliked_rows
from app.recall.registry import CHANNELS
from app.request_log.request_record import RequestedExclusions
from app.rerank.filters import is_permitted
from app.rerank.policy_settings import PolicySettings

ExplainedStage: TypeAlias = Literal[
    "catalogue", "filter", "recall", "coarse", "fine", "rerank", "shown"
]
FILTER_REASONS = {
    "blocked": "this scene blocks it, its provider or its category",
    "blocked_by_user": "the user has blocked it, its provider or its category",
    "rating": "it has a policy flag that this scene forbids",
    "filter": "the filter of the request does not allow it",
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

    A row counts for the first name that excludes it. A query holds the newest events only. What
    older ones exclude counts as seen, or as disliked where seen items are not dropped.
    """
    drops_seen = settings.seen == "drop"
    excluded_by = {
        "hidden": query.hidden,
        "disliked": disliked_rows(query.history),
        "exclude": requested.exclude,
        "earlier_pages": requested.earlier,
        "seen": query.history.rows if drops_seen else NO_ROWS,
        "shown": query.impressions if settings.shown == "drop" else NO_ROWS,
    }
    remaining, masks = query.excluded[rows], {}
    for name, excluded in excluded_by.items():
        masks[name] = remaining & np.isin(rows, excluded)
        remaining = remaining & ~masks[name]
    masks["seen" if drops_seen else "disliked"] |= remaining
    return masks


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
                reason = FILTER_REASONS.get(each.name, f"the filter {each.name} does not allow it")
                return Explanation("filter", reason, {"policy": each.name})
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
