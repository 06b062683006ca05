"""Why an item is not in a list: where on its way through the funnel it dropped out, in words.

Computed from a slate and its funnel, for who asks; nothing is kept for it while lists are made.
"""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from app.contracts import ABSENT, SLOTS, Candidates, Rows
from app.explain.exclusions import EXCLUSION_REASONS, RequestedExclusions, attribute_exclusions
from app.explain.rerank_loss import explain_rerank_loss
from app.funnel import Funnel, RankStage, Slate
from app.recall.registry import CHANNELS
from app.rerank.filters import is_permitted

ExplainedStage: TypeAlias = Literal[
    "catalogue", "filter", "recall", "coarse", "fine", "rerank", "shown"
]
FILTER_REASONS = {
    "blocked": "the house has blocked it, its provider or its category in this scene",
    "blocked_by_user": "the user has blocked it, its provider or its category",
    "rating": "it has a policy flag that this scene forbids",
    "filter": "the filter of the request does not let it pass",
}


@dataclass(frozen=True, slots=True)
class Explanation:
    """Where an item ended, why, and the figures that say so."""

    stage: ExplainedStage
    reason: str
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class MissingItem:
    """One item of one list."""

    funnel: Funnel
    slate: Slate
    row: int  # -1: the catalogue does not know it
    exclusions: RequestedExclusions  # as was asked

    @property
    def _one(self) -> Rows:
        return np.array([self.row], np.int64)

    def explain(self) -> Explanation:
        """Say what became of the item."""
        for step in (self._known, self._shown, self._filtered, self._cut_off, self._proposed):
            if found := step():
                return found
        slate, funnel = self.slate, self.funnel
        for stage, before, after in (
            (funnel.coarse, slate.merged, slate.coarse),
            (funnel.fine, slate.coarse, slate.fine),
        ):
            if self.row not in after.rows:
                return self._cut(stage, before, after)
        return self._last()

    def _known(self) -> Explanation | None:
        return (
            None if self.row >= 0 else Explanation("catalogue", "no item of this id is known", {})
        )

    def _shown(self) -> Explanation | None:
        chosen = self.slate.selection
        at = np.flatnonzero(chosen.pool.rows == self.row)
        if not len(at):
            return None
        place, slot = int(at[0]), SLOTS[chosen.slots[at[0]]]
        facts = {"place": place + 1, "slot": slot, "score": float(chosen.pool.scores[place])}
        return Explanation("shown", f"it is shown at place {place + 1} ({slot})", facts)

    def _filtered(self) -> Explanation | None:
        query, available = self.slate.query, self.funnel.query_builder.models.catalogue.available
        if is_permitted(query, self._one, available)[0]:
            return None
        if not available[self.row]:
            return Explanation("filter", "it is not available", {"policy": "availability"})
        for rule in query.filters:
            if not rule.allows(self._one)[0]:
                told = FILTER_REASONS.get(rule.name, f"the rule {rule.name} does not let it pass")
                return Explanation("filter", told, {"policy": rule.name})
        policy, told = self._excluded()
        return Explanation("filter", told, {"policy": policy})

    def _excluded(self) -> tuple[str, str]:
        query = self.slate.query
        policy = self.funnel.query_builder.policy(query.scene)
        masks = attribute_exclusions(query, policy, self.exclusions, self._one)
        name = next(name for name, mask in masks.items() if mask[0])
        return name, EXCLUSION_REASONS[name]

    def _cut_off(self) -> Explanation | None:
        if not any(step.stage == "funnel" for step in self.slate.results):
            return None
        facts = {"outcome": "late"}
        return Explanation("recall", "the funnel was cut off, and popular items were given", facts)

    def _proposed(self) -> Explanation | None:
        if self.row in self.slate.merged.rows:
            return None
        sizes = dict(zip(CHANNELS, map(len, self.slate.proposals), strict=False))
        asked = {name: n for name, n in sizes.items() if n}
        told = f"no channel proposed it: {len(asked)} of them gave {sum(asked.values())} items"
        return Explanation("recall", told, {"proposed": sizes})

    def _cut(self, stage: RankStage, before: Candidates, after: Candidates) -> Explanation:
        failed = [
            s.outcome for s in self.slate.results if s.stage == stage.name and s.outcome != "ok"
        ]
        scored = before if failed else stage.score(self.slate.query, before)
        at = int(np.flatnonzero(scored.rows == self.row)[0])
        order = (-scored.scores).argsort(kind="stable")
        rank, score = int(np.flatnonzero(order == at)[0]) + 1, float(scored.scores[at])
        threshold = float(scored.scores[order[len(after) - 1]]) if len(after) else None
        by = "the order that it came in, since the ranker failed," if failed else "the ranker"
        told = (
            f"{by} put it at {rank} of {len(before)} with {score:.4f}; the best {len(after)} go "
            f"on, from {threshold:.4f}"
            if threshold is not None
            else "nothing went on"
        )
        facts = {"rank": rank, "of": len(before), "score": score, "threshold": threshold}
        return Explanation(
            "coarse" if stage is self.funnel.coarse else "fine",
            f"{stage.name}: {told}",
            facts | {"kept": len(after), "channels": describe_channels(scored, at)},
        )

    def _last(self) -> Explanation:
        fine = self.slate.fine
        at = int(np.flatnonzero(fine.rows == self.row)[0])
        rank = int(np.count_nonzero(fine.scores > fine.scores[at])) + 1
        facts: dict[str, Any] = {"rank": rank, "of": len(fine), "score": float(fine.scores[at])}
        told, more = explain_rerank_loss(self.funnel, self.slate, self.row)
        return Explanation("rerank", told, facts | more | {"channels": describe_channels(fine, at)})


def describe_channels(pool: Candidates, at: int) -> dict[str, dict[str, float]]:
    """Give rank and score in each channel that proposed a candidate."""
    return {
        channel: {"rank": int(pool.ranks[at, c]), "score": float(pool.signals[at, c])}
        for c, channel in enumerate(CHANNELS)
        if pool.ranks[at, c] != ABSENT
    }
