"""``/users/{id}/history``: the events that a list for this user rests on, with titles."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from app.api.endpoint import await_store, json_response, require_deployment, service_of
from app.api.schemas import UserPathId, error_bodies
from app.contracts import Request as ListRequest
from app.event_weights import type_code

router = APIRouter(tags=["users"])
ERRORS = error_bodies({422: "Not valid.", 503: "The store did not answer; ask again."})
MAX_EVENTS = 500


class HistoryEvent(BaseModel):
    """An event, of the bundle's data or live."""

    item_id: str
    title: str | None
    type: str | None = Field(description="Null: not known, or not configured.")
    value: float
    weight: float = Field(description="Above 0 the user likes the item, below 0 dislikes it.")
    timestamp: float = Field(description="Unix seconds.")


class HistoryBody(BaseModel):
    """The history of a user."""

    user_id: str
    events: list[HistoryEvent] = Field(description="Newest first.")


@router.get(
    "/users/{user_id}/history",
    summary="What a user's lists rest on",
    response_model=HistoryBody,
    responses=ERRORS,
)
async def get_user_history(
    http: Request,
    user_id: UserPathId,
    limit: Annotated[int, Query(ge=1, le=MAX_EVENTS, description="How many of the newest.")] = 50,
) -> Response:
    """Return the user's newest events as `/recommend` reads them: the bundle's and the live ones.

    A user without any has an empty history.
    """
    deployment = require_deployment(service_of(http))
    with deployment.state.reading() as replica:
        funnel = replica.reader
        recent = await await_store(funnel.histories.recent(user_id))
        request = ListRequest(user_id, 1, 0, arrived=http.scope["arrived"])
        history = funnel.query_builder.build(request, recent).history
    catalogue, manifest = deployment.live_items.catalogue, deployment.bundle.manifest
    types = {type_code(name): name for name in manifest.type_weights}
    newest = slice(limit)
    rows = history.rows[newest]
    columns = zip(
        catalogue.ids.names(rows),
        catalogue.titles.take(rows),
        history.types[newest].tolist() if len(history.types) else [None] * len(rows),
        history.values[newest].tolist(),
        history.weights[newest].tolist(),
        (history.times[newest] + manifest.time_shift).tolist(),
        strict=True,
    )
    events = [
        {
            "item_id": item_id,
            "title": title,
            "type": types.get(code),
            "value": value,
            "weight": weight,
            "timestamp": moment,
        }
        for item_id, title, code, value, weight, moment in columns
    ]
    return json_response({"user_id": user_id, "events": events})
