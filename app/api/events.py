"""``/events``: what users do. 202 only when the store has it."""

import time
from typing import Annotated, Any
from uuid import uuid4

import orjson
from fastapi import APIRouter, Body, Request, Response
from pydantic import BeforeValidator

from app.api.errors import RefusalError, require_known
from app.api.models import FUTURE, Accepted, Error, EventIn
from app.contracts import StageError
from app.preferences import Preferences
from app.service import Service
from app.state.events import Event, append

router = APIRouter(tags=["events"])
BATCH = 1_000
ONE = [[{"user_id": "196", "item_id": "50", "type": "click"}]]
ERRORS: dict[int | str, dict[str, Any]] = {
    422: {"model": Error, "description": "An event is not valid; nothing was stored."},
    503: {"model": Error, "description": "The store did not take it; send it again."},
}


def _listed(body: object) -> object:
    if isinstance(body, bytes | str):
        raise ValueError("send JSON, and say so: Content-Type: application/json")
    return [body] if isinstance(body, dict) else body


@router.post(
    "/events", summary="What users did", status_code=202, response_model=Accepted, responses=ERRORS
)
async def events(
    http: Request,
    given: Annotated[
        list[EventIn], BeforeValidator(_listed), Body(min_length=1, max_length=BATCH, examples=ONE)
    ],
) -> Response:
    """Take up to 1,000 events, or one without brackets. The user's next list knows of them.

    An item that the catalogue does not know is kept, and counts once a bundle knows it.
    """
    service: Service = http.app.state.service
    if service.deployment is None:
        raise RefusalError(503, service.refusal or "the service is starting", retry_after=1)
    preferences = service.deployment.bundle.manifest.preferences()
    checked = [_checked(event, n, preferences, time.time()) for n, event in enumerate(given)]
    try:
        await append(
            service.writer,
            service.settings.key_prefix,
            checked,
            limit=service.settings.history_limit,
            stream_limit=service.settings.stream_limit,
        )
    except StageError as error:
        _count(service, checked, "lost")
        raise RefusalError(503, f"the events were not stored: {error}", retry_after=1) from error
    _count(service, checked, "accepted")
    told = {"accepted": len(checked), "event_ids": [event.event_id for event in checked]}
    return Response(orjson.dumps(told), 202, media_type="application/json")


def _checked(event: EventIn, n: int, preferences: Preferences, now: float) -> Event:
    """Complete an event.

    Raises:
        RefusalError: its type is not configured, or its time is in the future.
    """
    require_known(event.type, preferences, f"{n}.type")
    moment = now if event.timestamp is None else event.timestamp
    if moment > now + FUTURE:
        raise RefusalError(422, f"timestamp {moment:.0f} is in the future", f"{n}.timestamp")
    return Event(
        event_id=event.event_id or uuid4().hex,
        user=event.user_id,
        item=event.item_id,
        type=event.type,
        value=event.amount,
        timestamp=moment,
        request_id=event.request_id,
    )


def _count(service: Service, given: list[Event], outcome: str) -> None:
    for event in given:
        service.metrics.events(event.type, outcome)
