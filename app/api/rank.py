"""``/rank``: the caller's own candidates, in the order in which a user should see them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import uuid4

import numpy as np
import orjson
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from app.api.endpoint import require_deployment, service_of
from app.api.item_fields import add_fields
from app.api.recommend import ERRORS, AnswerResponse, build_record, candidate_share, with_times
from app.api.response import RankedBody, render_answer
from app.api.schemas import RankBody
from app.explain import explain_forbidden
from app.service.answering import Answer

router = APIRouter(tags=["recommend"])


class LeftOutItem(BaseModel):
    """A candidate that may not be shown."""

    item_id: str
    policy: str = Field(description="What removes it, as in `/explain`.")
    reason: str


class RankAnswer(RankedBody):
    """The candidates in the order to show them, at most k, and those that may not be shown."""

    unknown: list[str] = Field(description="Items that the catalogue does not have.")
    left_out: list[LeftOutItem]


@router.post("/rank", summary="Rank items for a user", response_model=RankAnswer, responses=ERRORS)
async def rank(http: Request, body: RankBody) -> Response:
    """Return the items of the request in the order in which this user should see them.

    They pass the features, both rankers and the policies of `/recommend`, within the same time.
    What the user has seen, hidden or blocked is left out as there: `left_out` names it, and
    `unknown` names what the catalogue does not have.
    """
    service = service_of(http)
    deployment = require_deployment(service)
    request_id, items = uuid4().hex, tuple(dict.fromkeys(body.items))
    record = build_record(service, deployment, body, request_id, candidate_share(http.scope))
    history = with_times(deployment, body.history) if body.history else ()
    record = replace(record, candidates=items, k=min(record.k, len(items)), history=history)
    answer = await service.recommend(request_id, record, http.scope["arrived"])
    content = render_answer(answer, http.scope["arrived"], explain=body.explain)
    content.pop("page_token", None)  # the caller has the other items
    catalogue = answer.deployment.live_items.catalogue
    add_fields(content["items"], catalogue, answer.run.slate.pool.rows, body.fields)
    content |= _name_left_out(answer, items)
    return AnswerResponse(service, answer, orjson.dumps(content))


def _name_left_out(answer: Answer, items: Sequence[str]) -> dict[str, Any]:
    """Return the items that the catalogue does not have, and those that may not be shown."""
    bundle, funnel = answer.deployment.bundle, answer.deployment.funnel
    rows = bundle.models.catalogue.ids.rows(items)
    listed = np.flatnonzero(rows >= 0)
    exclusions = answer.record.exclusions(bundle)
    reasons = explain_forbidden(funnel, answer.run.query, exclusions, rows[listed])
    return {
        "unknown": [items[n] for n in np.flatnonzero(rows < 0).tolist()],
        "left_out": [
            {"item_id": items[listed[at]], "policy": policy, "reason": reason}
            for at, (policy, reason) in sorted(reasons.items())
        ],
    }
