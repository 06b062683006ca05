"""The answer of ``/recommend`` as JSON: rows become public ids here."""

from time import monotonic
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from app.api.explanations import (
    ItemExplanation,
    PolicyStep,
    StageReport,
    explain_items,
    explain_policies,
    explain_stages,
)
from app.api.filter_notes import filter_notes
from app.api.paging import encode_page_token
from app.bundle.bundle import Bundle
from app.contracts import SLOTS, Candidates
from app.funnel import FunnelRun
from app.recall.registry import CHANNEL_SPECS, CHANNELS, PERSONAL_CHANNELS
from app.service.answering import CONTROL, Answer

BY_HISTORY = np.array([spec.kind == "history" for spec in CHANNEL_SPECS])
# Half a rank more than a personal channel of the same rank; the order of what did not rank an item.
IMPERSONAL = np.array([name not in PERSONAL_CHANNELS for name in CHANNELS], np.int32)
UNRANKED = np.array([2**30 - (name == "popular") for name in CHANNELS], np.int32)
MAX_REASONS = 2  # items of the history named as the reason
MAX_LIKED = 50  # newest liked items among which they are


class Reason(BaseModel):
    """Why an item is in the list: the channel that ranked it best, and similar liked items."""

    channel: str
    because: list[str]


class AnswerItem(BaseModel):
    """One item of the answer."""

    item_id: str
    title: str | None = None
    score: float
    reason: Reason
    slot: Literal["organic", "explore", "sponsored", "pinned"]
    propensity: float = Field(description="The probability with which it was put here.")
    explain: dict[str, Any] | None = None


class Degraded(BaseModel):
    """A stage that did not do its part, and why."""

    stage: str
    outcome: Literal["late", "down", "bug", "short", "untrained"]


class AnswerBody(BaseModel):
    """A list of items in the order to show them; diversity may put a lower score first."""

    request_id: str
    user_id: str | None
    bundle: str
    variant: str
    items: list[AnswerItem]
    degraded: list[Degraded]
    took_ms: float
    page_token: str | None = Field(None, description="For the next page; null: no more pages.")
    notes: list[str] | None = Field(
        None, description="What may be a mistake, such as a category in `filter` that no item has."
    )
    policies: list[PolicyStep] | None = None
    stages: list[StageReport] | None = None
    why: ItemExplanation | None = None


def render_answer(answer: Answer, arrived: float, *, explain: bool) -> dict[str, Any]:
    """Return an answer as ``AnswerBody`` describes it. ``arrived`` is as of time.monotonic."""
    record, run, deployment = answer.record, answer.run, answer.deployment
    items = _render_items(answer)
    body: dict[str, Any] = {
        "request_id": answer.request_id,
        "user_id": record.user or None,
        "bundle": deployment.bundle.version,
        "variant": CONTROL,
        "items": items,
        "degraded": [{"stage": stage, "outcome": outcome} for stage, outcome in answer.degraded],
        "took_ms": round((monotonic() - arrived) * 1000, 3),
    }
    if len(items) == record.k:
        earlier = record.exclude[len(record.exclude) - record.offset :]
        body["page_token"] = encode_page_token([*earlier, *answer.item_ids])
    if record.filter:
        notes = filter_notes(deployment.live_items.catalogue, record.filter)
        if notes:
            body["notes"] = notes
    if explain:
        for item, explanation in zip(items, explain_items(run), strict=True):
            item["explain"] = explanation
        exclusions = record.exclusions(deployment.bundle)
        funnel = deployment.funnel
        body["policies"] = explain_policies(run, funnel.query_builder, exclusions)
        body["stages"] = explain_stages(run, funnel.fine.scorer)
    if answer.explanation:
        body["why"] = answer.explanation
    return body


def _render_items(answer: Answer) -> list[dict[str, Any]]:
    """Return the answer's items, best first."""
    bundle, run = answer.deployment.bundle, answer.run
    pool, slate = run.slate.pool, run.slate
    best = _best_channels(pool)
    columns = zip(
        answer.item_ids,
        bundle.models.catalogue.titles.take(pool.rows),
        pool.scores.tolist(),
        best.tolist(),
        _nearest_liked(bundle, run, BY_HISTORY[best]),
        slate.slots.tolist(),
        slate.propensities.tolist(),
        strict=True,
    )
    return [
        {
            "item_id": item_id,
            "title": title,
            "score": score,
            "reason": {"channel": CHANNELS[channel], "because": because},
            "slot": SLOTS[slot],
            "propensity": propensity,
        }
        for item_id, title, score, channel, because, slot, propensity in columns
    ]


def _best_channels(pool: Candidates) -> NDArray[np.intp]:
    """Return for each item the channel that ranked it best; personal channels win ties.

    An item that no channel ranked came from the fallback, and counts as ``popular``.
    """
    ranks = pool.ranks[:, : len(CHANNELS)]
    best: NDArray[np.intp] = np.where(ranks < 0, UNRANKED, 2 * ranks + IMPERSONAL).argmin(axis=1)
    return best


def _nearest_liked(
    bundle: Bundle, run: FunnelRun, by_history: NDArray[np.bool_]
) -> list[list[str]]:
    """Return for each item the most similar liked items of the history, by cosine of the factors.

    The list is empty for an item whose best channel does not use the history (``by_history``).
    """
    liked = run.query.history.liked(MAX_LIKED).rows
    if not len(liked) or not by_history.any():
        return [[] for _ in by_history]
    factors = bundle.models.factors.items
    history = factors.take(liked, axis=0)
    similarities = factors.take(run.slate.pool.rows, axis=0) @ history.T
    similarities /= np.maximum(np.sqrt((history * history).sum(axis=1)), 1e-9)
    every = np.arange(len(similarities))
    nearest = []
    for _ in range(min(MAX_REASONS, len(liked))):
        best = similarities.argmax(axis=1)
        similarities[every, best] = -np.inf
        nearest.append(bundle.models.catalogue.ids.names(liked[best]))
    return [
        list(dict.fromkeys(names)) if has_reason else []
        for names, has_reason in zip(zip(*nearest, strict=True), by_history.tolist(), strict=True)
    ]
