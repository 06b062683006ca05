"""``/explain``: where an item dropped out of the list that a user would get now."""

from functools import partial
from uuid import uuid4

import numpy as np
from fastapi import APIRouter, Request, Response

from app.api.endpoint import (
    describe_parameters,
    json_response,
    read_query_string,
    require_deployment,
    service_of,
)
from app.api.explanations import ItemExplanation, explain_missing_item
from app.api.item_fields import add_fields
from app.api.recommend import ERRORS, build_record, candidate_share
from app.api.schemas import ExplainQuery

router = APIRouter(tags=["recommend"])


@router.get(
    "/explain",
    summary="Why an item is not shown",
    response_model=ItemExplanation,
    responses=ERRORS,
    openapi_extra=describe_parameters(ExplainQuery),
)
async def explain(http: Request) -> Response:
    """Explain where an item drops out of the list that the user would get now, and why.

    `stage` is where: `catalogue` (unknown item), `filter` (a hard filter, named by `policy`),
    `recall` (no channel proposes it), `coarse` or `fine` (cut at `rank` with `score`; `threshold`
    is the lowest score that went on), `rerank` (lost its position to `lost_to`), or `shown`. The
    list does not count as shown.
    """
    query = read_query_string(http, ExplainQuery)
    service = service_of(http)
    deployment = require_deployment(service)
    request_id = uuid4().hex
    record = build_record(service, deployment, query, request_id, candidate_share(http.scope))
    explanation = partial(explain_missing_item, deployment.bundle, record, query.item_id)
    answer = await service.recommend(request_id, record, http.scope["arrived"], explanation)
    version = answer.deployment.bundle.version
    body = {"user_id": query.user_id, "bundle": version, **answer.explanation}
    if query.fields:
        catalogue = answer.deployment.live_items.catalogue
        row = catalogue.ids.row(query.item_id)
        body["fields"] = None
        if row >= 0:
            add_fields([body], catalogue, np.array([row]), query.fields)
    return json_response(body)
