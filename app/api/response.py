"""The answer of ``/recommend`` as JSON: rows become public ids here."""

from itertools import islice
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
from app.api.pins import pin_notes
from app.api.short_lists import short_list_note
from app.catalogue.attributes import column_kinds
from app.contracts import SLOTS, Candidates, Rows, UnfilledMinimum
from app.expressions.boost import parse_boost
from app.kernels.recall import best_lists
from app.recall.contributions import Contributions
from app.recall.registry import CHANNEL_SPECS, CHANNELS, PERSONAL_CHANNELS
from app.service.answering import CONTROL, Answer

BY_HISTORY = frozenset(n for n, spec in enumerate(CHANNEL_SPECS) if spec.kind == "history")
# Half a rank more than a personal channel of the same rank; the order of what did not rank an item.
IMPERSONAL = np.array([name not in PERSONAL_CHANNELS for name in CHANNELS], np.int32)
UNRANKED = np.array([2**30 - (name == "popular") for name in CHANNELS], np.int32)
MAX_REASONS = 2  # items of the history named as the reason
MAX_LIKED = 50  # newest liked items among which they are


class Reason(BaseModel):
    """Why an item is in the list: the channel that ranked it best, and items of the history."""

    channel: str
    because: list[str] = Field(description="Those that contributed most to the channel's score.")
    because_titles: list[str | None] = Field(description="Their titles.")


class AnswerItem(BaseModel):
    """One item of the answer."""

    item_id: str
    title: str | None = None
    score: float
    reason: Reason
    slot: Literal["organic", "explore", "sponsored", "pinned"]
    propensity: float = Field(description="The probability with which it was put here.")
    fields: dict[str, Any] | None = Field(None, description="As `fields` of the request names.")
    explain: dict[str, Any] | None = None


class Degraded(BaseModel):
    """A stage that did not do its part, and why."""

    stage: str
    outcome: Literal["late", "down", "bug", "lost", "unknown", "short", "untrained"]


class RankedBody(BaseModel):
    """A list of items in the order to show them; diversity may put a lower score first."""

    request_id: str
    user_id: str | None
    bundle: str
    variant: str
    items: list[AnswerItem]
    degraded: list[Degraded]
    took_ms: float
    notes: list[str] | None = Field(
        None,
        description="What may be a mistake, such as a category in `filter` that no item has, or "
        "`tail_places` that cannot be filled, and what left items out of a list that is short.",
    )
    policies: list[PolicyStep] | None = None
    stages: list[StageReport] | None = None


class AnswerBody(RankedBody):
    """A list of items, and how to get the next page of it."""

    page_token: str | None = Field(None, description="For the next page; null: no more pages.")
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
    if notes := _notes(answer):
        body["notes"] = notes
    if explain:
        for item, explanation in zip(items, explain_items(run), strict=True):
            item["explain"] = explanation
        exclusions = record.exclusions(deployment.bundle)
        catalogue = deployment.bundle.models.catalogue
        body["policies"] = explain_policies(run, catalogue, answer.policy, exclusions)
        body["stages"] = explain_stages(run, deployment.funnel.fine.scorer)
    if answer.explanation:
        body["why"] = answer.explanation
    return body


def _notes(answer: Answer) -> list[str]:
    """Return a sentence for all that may be a mistake, and for a list that is short."""
    record = answer.record
    notes = _unknown_name_notes(answer) if record.filter or record.boosts else []
    notes += map(describe_unfilled, answer.run.slate.unfilled)
    if record.pins:
        notes += pin_notes(record.pins, answer.item_ids, record.offset, record.k)
    if note := short_list_note(answer):
        notes.append(note)
    return notes


def _unknown_name_notes(answer: Answer) -> list[str]:
    """Return a sentence for each category and flag of the filter and boosts that no item has."""
    record, catalogue = answer.record, answer.deployment.live_items.catalogue
    kinds = column_kinds(catalogue.attributes)
    conditions = [parse_boost(text, kinds).filter for text in record.boosts]
    return filter_notes(catalogue, [record.filter, *conditions] if record.filter else conditions)


def describe_unfilled(minimum: UnfilledMinimum) -> str:
    """Return the sentence about a minimum that the list does not have."""
    return (
        f"{minimum.setting} asks for {minimum.min_items} items, and the list has "
        f"{minimum.n_items}: there are no more of them among the candidates, or the caps and other "
        "positions leave no room"
    )


def _render_items(answer: Answer) -> list[dict[str, Any]]:
    """Return the answer's items, best first."""
    run = answer.run
    pool, slate, catalogue = run.slate.pool, run.slate, answer.deployment.bundle.models.catalogue
    best = _best_channels(pool)
    reasons = _reasons(answer, best)
    named = reasons[reasons >= 0]
    names, titles = iter(catalogue.ids.names(named)), iter(catalogue.titles.take(named))
    columns = zip(
        answer.item_ids,
        catalogue.titles.take(pool.rows),
        pool.scores.tolist(),
        best.tolist(),
        (reasons >= 0).sum(axis=1).tolist(),
        slate.slots.tolist(),
        slate.propensities.tolist(),
        strict=True,
    )
    return [
        {
            "item_id": item_id,
            "title": title,
            "score": score,
            "reason": {
                "channel": CHANNELS[channel],
                "because": list(islice(names, n_reasons)),
                "because_titles": list(islice(titles, n_reasons)),
            },
            "slot": SLOTS[slot],
            "propensity": propensity,
        }
        for item_id, title, score, channel, n_reasons, slot, propensity in columns
    ]


def _best_channels(pool: Candidates) -> NDArray[np.intp]:
    """Return for each item the channel that ranked it best; personal channels win ties.

    An item that no channel ranked came from the fallback, and counts as ``popular``.
    """
    return best_lists(pool.ranks, IMPERSONAL, UNRANKED)


def _reasons(answer: Answer, best: NDArray[np.intp]) -> NDArray[np.int64]:
    """Return for each item the items of the history that its best channel recalled it by.

    Returns:
        (n, MAX_REASONS), filled up with -1. An item whose best channel does not use the history has
        no reasons.
    """
    query, rows = answer.run.query, answer.run.slate.pool.rows
    reasons = np.full((len(rows), MAX_REASONS), -1, np.int64)
    for channel in BY_HISTORY.intersection(best.tolist()) if len(query.history) else ():
        at = (best == channel).nonzero()[0]
        parts = answer.deployment.funnel.contributions(CHANNELS[channel], query, rows[at])
        if not len(parts.events):
            parts = _similarities(answer, rows[at])
        reasons[at] = parts.best(MAX_REASONS)
    return reasons


def _similarities(answer: Answer, rows: Rows) -> Contributions:
    """Return how similar liked items are, for a channel that cannot tell: cosine of the factors."""
    liked = answer.run.query.history.liked(MAX_LIKED).rows
    factors = answer.deployment.bundle.models.factors.items
    history = factors.take(liked, axis=0)
    similarities = factors.take(rows, axis=0) @ history.T
    similarities /= np.maximum(np.sqrt((history * history).sum(axis=1)), 1e-9)
    return Contributions(liked, similarities.astype(np.float64))
