"""``GET /events``: the newest events as they were stored, to see what arrives."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from app.api.endpoint import await_store, json_response, service_of
from app.api.schemas import error_bodies
from app.state.event_codec import decode_entries, decode_event, events_key

router = APIRouter(tags=["events"])
MAX_NEWEST = 200


class NewestEvent(BaseModel):
    """An event as it was stored."""

    event_id: str
    user_id: str
    item_id: str
    type: str
    value: float | None
    timestamp: float = Field(description="When it happened, unix seconds.")
    request_id: str | None
    position: int | None
    context: dict[str, Any]


class NewestEvents(BaseModel):
    """The newest events."""

    events: list[NewestEvent] = Field(description="The last one stored first.")


@router.get(
    "/events",
    summary="The newest events",
    response_model=NewestEvents,
    responses=error_bodies({422: "Not valid.", 503: "The store did not answer; ask again."}),
)
async def newest_events(
    http: Request,
    limit: Annotated[int, Query(ge=1, le=MAX_NEWEST, description="How many.")] = 50,
) -> Response:
    """Return the newest stored events of all users, the last one first."""
    service = service_of(http)
    key = events_key(service.settings.key_prefix)
    work = service.writer.command("XREVRANGE", key, "+", "-", "COUNT", limit)
    entries = await await_store(work)
    events = decode_entries([fields[-1] for _, fields in entries], decode_event)
    return json_response(
        {
            "events": [
                {
                    "event_id": event.event_id,
                    "user_id": event.user,
                    "item_id": event.item,
                    "type": event.type,
                    "value": event.value,
                    "timestamp": event.timestamp,
                    "request_id": event.request_id,
                    "position": event.position,
                    "context": event.context,
                }
                for event in events
                if event
            ]
        }
    )
