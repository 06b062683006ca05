"""What the lists for no user in particular share: the query, the answer and its items."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

import numpy as np
from fastapi import Request as HttpRequest
from fastapi import Response
from pydantic import BaseModel, Field

from app.api.endpoint import json_response, service_of
from app.api.filter_notes import filter_notes
from app.api.item_fields import add_fields
from app.api.schemas import ItemListQuery
from app.contracts import NO_HISTORY, NO_ROWS, Proposal, Query, Request, Rows
from app.funnel import Funnel
from app.observe.request_trace import record_facts
from app.service.deployment import Deployment


class ListedItem(BaseModel):
    """One item of the list."""

    item_id: str
    title: str | None
    score: float = Field(description="Comparable within one list.")
    fields: dict[str, Any] | None = Field(None, description="As `fields` of the request names.")
    explain: dict[str, Any] | None = None


class ItemListBody(BaseModel):
    """A list of items, best first. The same request has the same list for every user."""

    bundle: str
    items: list[ListedItem]
    notes: list[str] | None = Field(None, description="Why the list may not be as expected.")
    took_ms: float


@dataclass(frozen=True, slots=True, eq=False)
class ItemListResult:
    """What an answer is made of."""

    proposal: Proposal
    notes: Sequence[str] = ()
    explanations: Sequence[dict[str, Any]] = ()  # one for each item; empty: not wanted


def build_query(
    funnel: Funnel, options: ItemListQuery, arrived: float, excluded: Rows = NO_ROWS
) -> Query:
    """Build the query of a list without a user, with the hard filters of its scene.

    ``excluded`` are rows to leave out besides those that the options name.
    """
    rows = funnel.query_builder.models.catalogue.ids.rows(options.exclude)
    request = Request(
        user="",
        k=options.k,
        seed=0,
        scene=options.scene,
        filter=options.filter,
        explore=False,
        arrived=arrived,
        exclude=np.concatenate([rows[rows >= 0], excluded]),
    )
    return funnel.query_builder.build(request, NO_HISTORY)


def unknown_rules_notes(http: HttpRequest) -> list[str]:
    """Return a sentence if the rules are not known, so that the settings alone are in force."""
    if service_of(http).rules.is_known:
        return []
    return [
        "the rules are not known, because Redis has not answered since the start: what they forbid "
        "may be here"
    ]


def item_list_response(
    http: HttpRequest,
    deployment: Deployment,
    options: ItemListQuery,
    result: ItemListResult,
    **facts: Any,
) -> Response:
    """Build the answer as ``ItemListBody`` describes it. ``facts`` come before the items."""
    catalogue, proposal = deployment.live_items.catalogue, result.proposal
    shown = np.flatnonzero(catalogue.available[proposal.rows])  # not what was deleted since
    rows = proposal.rows[shown]
    columns = zip(
        catalogue.ids.names(rows),
        catalogue.titles.take(rows),
        proposal.scores[shown].tolist(),
        strict=True,
    )
    items = [{"item_id": name, "title": title, "score": score} for name, title, score in columns]
    add_fields(items, catalogue, rows, options.fields)
    if result.explanations:
        for item, position in zip(items, shown.tolist(), strict=True):
            item["explain"] = result.explanations[position]
    body: dict[str, Any] = {"bundle": deployment.bundle.version, **facts, "items": items}
    every_note = [
        *result.notes,
        *(filter_notes(catalogue, [options.filter]) if options.filter else ()),
    ]
    if not items and not every_note:
        every_note = ["nothing that may be shown in this scene and passes the filter is known here"]
    every_note = [*unknown_rules_notes(http), *every_note]
    if every_note:
        body["notes"] = every_note
    body["took_ms"] = round((monotonic() - http.scope["arrived"]) * 1000, 3)
    record_facts(
        {
            "recfunnel.scene": options.scene,
            "recfunnel.k": options.k,
            "recfunnel.items": len(items),
            "recfunnel.bundle": deployment.bundle.version,
        }
    )
    return json_response(body)
