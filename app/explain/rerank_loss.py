"""Why an item that reached the last stage is not in the list."""

import itertools
from typing import Any

import numpy as np

from app.funnel import FunnelRun
from app.rerank.policies import find_policy
from app.rerank.slate_builder import COMPLETION, SlateBuilder
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
            policy = COMPLETION if name == COMPLETION.name else find_policy(name)
            facts = {"policy": name, "lost_to_row": added[0] if added else None}
            return f"it was in the list, and lost its position to {policy.winner}", facts
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
        "lost_to_worth": utility_of_last,
        "lost_to_penalty": diversity * max(float(cosines_of_last.max(initial=0.0)), 0.0),
        "nearest_row": int(draft.pool.rows[nearest]),
        "nearest_cosine": float(cosines.max()),
    }
    if utility > utility_of_last:
        return "it is too similar to an item in the list, and a less relevant one was chosen", facts
    return "the last position of the ranking went to an item with a higher utility", facts
