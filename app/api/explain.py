"""``/explain``: where an item dropped out of the list that a user would get now."""

from typing import Annotated

import orjson
from fastapi import APIRouter, Query, Request, Response

from app.api.recommend import ERRORS, made
from app.api.schemas import ExplainQuery, ItemExplanation, RecommendQuery

router = APIRouter(tags=["recommend"])


@router.get(
    "/explain", summary="Why an item is not shown", response_model=ItemExplanation, responses=ERRORS
)
async def explain(http: Request, asked: Annotated[ExplainQuery, Query()]) -> Response:
    """Say where on its way an item drops out of the list that the user would get now, and why.

    `stage` is where: `catalogue` (not known), `filter` (a hard filter, named by `policy`), `recall`
    (no channel proposes it), `coarse` or `fine` (cut, at `rank` with `score`; `threshold` went on),
    `rerank` (lost its place, to `lost_to`), or `shown`. Nothing is noted as shown.
    """
    body = RecommendQuery(why=asked.item_id, **asked.model_dump(exclude={"item_id"}))
    answer = await made(http, body, [])
    told = {"user_id": asked.user_id, "bundle": answer.deployment.bundle.version}
    return Response(orjson.dumps(told | (answer.why or {})), media_type="application/json")
