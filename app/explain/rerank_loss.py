"""Why an item that came to the last stage is not in the list: to whom it lost its place."""

import itertools
from typing import Any

import numpy as np

from app.funnel import Funnel, Slate
from app.rerank.slate_builder import SlateBuilder
from app.rerank.slate_draft import SlateDraft

GIVEN = {
    "explore": "exploration",
    "tail": "the places kept for the tail",
    "providers": "the places kept for a group of providers",
    "sponsored": "a sponsored item",
    "pinned": "a pinned item",
    "finish": "the caps, or items that stand at a place of their own",
}


def explain_rerank_loss(funnel: Funnel, slate: Slate, row: int) -> tuple[str, dict[str, Any]]:
    """Say in words, and in figures, where the last stage lost an item; ``*_row`` names others."""
    maker = funnel.reranker
    if not isinstance(maker, SlateBuilder) or _failed(slate):
        return "the last stage failed, and the best of the order in hand were shown", {}
    drafts = maker.build_drafts(slate.query, slate.fine)
    for (_, before), (name, after) in itertools.pairwise(drafts):
        if _lists(before, row) and not _lists(after, row):
            taken = [r for r in _rows(after) if r not in _rows(before)]
            facts = {"policy": name, "lost_to_row": taken[0] if taken else None}
            return f"it was in the list, and lost its place to {GIVEN.get(name, name)}", facts
    return _outweighed(maker, slate, drafts, row)


def _failed(slate: Slate) -> bool:
    return any(step.stage == "rerank" and step.outcome != "ok" for step in slate.results)


def _rows(draft: SlateDraft) -> list[int]:
    return [int(row) for row in draft.pool.rows[draft.listed]]


def _lists(draft: SlateDraft, row: int) -> bool:
    return row in _rows(draft)


def _outweighed(
    maker: SlateBuilder, slate: Slate, drafts: list[tuple[str, SlateDraft]], row: int
) -> tuple[str, dict[str, Any]]:
    """Compare the item with the last one that was chosen by worth and unlikeness."""
    draft = next((d for name, d in drafts if name == "diversity"), drafts[-1][1])
    context = maker.build_context(slate.query)
    diversity = context.policy.diversity if "diversity" in context.order else 0.0
    at = int(np.flatnonzero(draft.pool.rows == row)[0])
    listed = draft.listed
    if not len(listed):
        return "there was no place for the ranking to give", {"policy": "finish"}
    vectors = context.content[draft.pool.rows]
    near = vectors[listed] @ vectors[at]
    last, nearest = int(listed[-1]), int(listed[np.argmax(near)])
    alike = vectors[listed[:-1]] @ vectors[last]
    penalty = diversity * max(float(near.max()), 0.0)
    other = diversity * max(float(alike.max(initial=0.0)), 0.0)
    worth, of_last = float(draft.worth[at]), float(draft.worth[last])
    facts = {
        "policy": "diversity",
        "worth": worth,
        "likeness_penalty": penalty,
        "lost_to_row": int(draft.pool.rows[last]),
        "lost_to_worth": of_last,
        "lost_to_penalty": other,
        "nearest_row": int(draft.pool.rows[nearest]),
        "nearest_cosine": float(near.max()),
    }
    if worth > of_last:
        return "it is too much like an item in the list, and a less relevant one was taken", facts
    return "the last place of the ranking went to an item that is worth more", facts
