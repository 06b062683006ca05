"""The last stage: the policies of a scene, in their order, make the list of k."""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType

import numpy as np

from app.catalogue.catalogue import Catalogue
from app.contracts import EXPLORE, Candidates, Matrix, Query, Scores, Selection
from app.rerank.exploration import explore
from app.rerank.final_order import complete_slate, count_cap_rejections
from app.rerank.fixed_positions import pin_items, place_sponsored
from app.rerank.freshness import boost_new_items
from app.rerank.minimum_exposure import ensure_provider_exposure, ensure_tail_exposure
from app.rerank.mmr import diversify
from app.rerank.policies import is_permitted
from app.rerank.policy import Policy
from app.rerank.seen import demote_seen
from app.rerank.slate_draft import RerankContext, SlateDraft
from app.state.counters import PopularityCounters

__all__ = ["POLICIES", "Policy", "SlateBuilder"]

# A policy takes a draft of the list and gives another. None can undo a hard filter: the pool has
# only what is permitted, and what is put there by hand is checked first. To add one, write a file,
# register it here and name it in ORDER.
POLICIES: Mapping[str, Callable[[SlateDraft, RerankContext], SlateDraft]] = MappingProxyType(
    {
        "freshness": boost_new_items,
        "seen": demote_seen,
        "diversity": diversify,
        "explore": explore,
        "tail": ensure_tail_exposure,
        "providers": ensure_provider_exposure,
        "sponsored": place_sponsored,
        "pinned": pin_items,
        "finish": complete_slate,
    }
)


@dataclass(frozen=True, slots=True, eq=False)
class SlateBuilder:
    """Orders what the fine ranker let through. Never shows what a filter forbids."""

    catalogue: Catalogue
    content: Matrix  # (n, e) unit vectors
    counters: PopularityCounters
    policy: Policy
    scenes: Mapping[str, Policy] = field(default_factory=dict)  # where another one holds

    def rerank(self, query: Query, pool: Candidates) -> Selection:
        """Choose ``query.k`` items; the reserve behind them fills every gap."""
        drafts = self.build_drafts(query, pool)
        _, draft = drafts[-1]
        return Selection(
            draft.pool.take(draft.listed),
            draft.slots == EXPLORE,
            draft.propensities,
            draft.slots,
            partial(count_changes, drafts),
            partial(count_cap_rejections, _unfinished(drafts), self.build_context(query)),
        )

    def build_drafts(self, query: Query, pool: Candidates) -> list[tuple[str, SlateDraft]]:
        """Give the list after each policy that changed it, named; the first has no name."""
        occasion = self.build_context(query)
        free = is_permitted(query, pool.rows, self.catalogue.available)
        pool = pool.take(free.nonzero()[0]).top(len(pool))
        draft = SlateDraft.start(pool, relevance(pool))
        drafts = [("", draft)]
        for name in (*occasion.policy.order, "finish"):
            before, draft = draft, POLICIES[name](draft, occasion)
            if draft is not before:
                drafts.append((name, draft))
        return drafts

    def build_context(self, query: Query) -> RerankContext:
        """Give what the policies may look at."""
        policy = self.scenes.get(query.scene, self.policy)
        return RerankContext(query, policy, self.catalogue, self.content, self.counters)


def relevance(pool: Candidates) -> Scores:
    """Map the fine scores to [0, 1] within the pool, (n,) float32."""
    known = pool.scores[np.isfinite(pool.scores)]
    low, high = (known.min(), known.max()) if len(known) else (0.0, 0.0)
    scaled = (np.clip(pool.scores, low, high) - low) / max(float(high - low), 1e-9)
    return scaled.astype(np.float32)


def _unfinished(drafts: list[tuple[str, SlateDraft]]) -> SlateDraft:
    """Give the list as it came to ``finish``, which changes only what is not whole."""
    return drafts[-2 if drafts[-1][0] == "finish" else -1][1]


def count_changes(drafts: list[tuple[str, SlateDraft]]) -> list[tuple[str, int]]:
    """Say for each policy how many items got another worth, or places of the list another item."""
    return [
        (name, _change(before, after)) for (_, before), (name, after) in itertools.pairwise(drafts)
    ]


def _change(before: SlateDraft, after: SlateDraft) -> int:
    if after.worth is not before.worth and len(after.worth) == len(before.worth):
        return int(np.count_nonzero(after.worth != before.worth))
    n = max(len(before.listed), len(after.listed))
    same = min(len(before.listed), len(after.listed))
    kept = before.listed[:same] == after.listed[:same]
    return n - int(np.count_nonzero(kept & (before.slots[:same] == after.slots[:same])))
