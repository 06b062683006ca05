"""``/events``: what users do. 202 only when the store has it."""

import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from app.api.errors import RefusalError
from app.api.event_bodies import JSON, LINES, CheckedEvents, batch_error, check_events, parse_body
from app.api.schemas import ErrorBody, EventIn, EventsAccepted
from app.contracts import StageError
from app.service import Service
from app.state.event_codec import Event
from app.state.event_writer import AppendOutcome, append_events

router = APIRouter(tags=["events"])
ONE = [{"user_id": "196", "item_id": "50", "type": "click"}]
IN_LINES = '{"user_id": "196", "item_id": "50"}\n{"user_id": "196", "item_id": "181"}\n'
SCHEMA = EventIn.model_json_schema()
BODY = {
    "requestBody": {
        "required": True,
        "content": {
            JSON: {
                "schema": {"anyOf": [{"type": "array", "items": SCHEMA}, SCHEMA]},
                "example": ONE,
            },
            LINES: {"schema": {"type": "string"}, "example": IN_LINES},
        },
    }
}
ERRORS: dict[int | str, dict[str, Any]] = {
    413: {"model": ErrorBody, "description": "The body is too large; send fewer events at once."},
    422: {"model": ErrorBody, "description": "An event is not valid; nothing was stored."},
    503: {"model": ErrorBody, "description": "The store did not take it; send it again."},
}
OUTCOMES = {
    AppendOutcome.NEW: "accepted",
    AppendOutcome.DUPLICATE: "duplicate",
    AppendOutcome.TOO_OLD: "too_old",
    AppendOutcome.OUT_OF_ORDER: "out_of_order",
}


@router.post(
    "/events",
    summary="What users did",
    status_code=202,
    response_model=EventsAccepted,
    responses=ERRORS,
    openapi_extra=BODY,
)
async def events(http: Request, *, partial: bool = False) -> Response:
    """Take up to 1,000 events: a JSON list, one object, or one object a line (NDJSON).

    The user's next list knows of them. Sending an event again has no effect: it is known by its
    user and `event_id`. When one event is wrong nothing is stored and 422 names it; with
    `partial=true` the others are, and `refused` says what is wrong with which. An item that the
    catalogue does not know is kept, and counts once a bundle knows it.
    """
    service: Service = http.app.state.service
    if service.deployment is None:
        raise RefusalError(503, service.refusal or "the service is starting", retry_after=1)
    sent = parse_body(await http.body(), http.headers.get("content-type", ""))
    now = time.time()
    checked = check_events(sent, service.deployment.bundle.manifest.event_weights(), now)
    for place, unfit in checked.unfit.items():
        service.metrics.count_events(_kind(sent.events[place], unfit.reason), unfit.reason)
    if checked.unfit and not (partial and checked.sound):
        raise batch_error(sent, checked.unfit)
    counts = await store_events(service, list(checked.sound.values()), now)
    told = counts | _told(len(sent.events), checked)
    return Response(orjson.dumps(told), 202, media_type="application/json")


async def store_events(service: Service, given: Sequence[Event], now: float) -> dict[str, int]:
    """Store events and count what became of them, as ``Accepted`` tells it; ``now`` is unix time.

    Raises:
        RefusalError: the store did not confirm all of it.
    """
    settings = service.settings
    deployed = service.deployment
    names = deployed.bundle.models.segments.names if deployed else ()
    limits = (settings.history_limit, service.stream_limit, names)
    try:
        taken = await append_events(service.writer, settings.key_prefix, given, *limits)
    except StageError as error:
        for kind, n in Counter(event.type for event in given).items():
            service.metrics.count_events(kind, "lost", n)
        raise RefusalError(503, f"the events were not stored: {error}", retry_after=1) from error
    became = Counter((e.type, OUTCOMES[what]) for e, what in zip(given, taken, strict=True))
    for (kind, outcome), n in became.items():
        service.metrics.count_events(kind, outcome, n)
    new = [
        event for event, what in zip(given, taken, strict=True) if what != AppendOutcome.DUPLICATE
    ]
    late = Counter(event.type for event in new if event.timestamp < now - settings.late_seconds)
    for kind, n in late.items():
        service.metrics.count_late_events(kind, n)
    return {
        "accepted": len(new),
        "duplicates": len(given) - len(new),
        "too_old": taken.count(AppendOutcome.TOO_OLD),
        "out_of_order": taken.count(AppendOutcome.OUT_OF_ORDER),
        "late": late.total(),
    }


def _told(size: int, checked: CheckedEvents) -> dict[str, Any]:
    named = {place: event.event_id for place, event in checked.sound.items()}
    told: dict[str, Any] = {
        "event_ids": [named.get(place) for place in range(size)],
    }
    if checked.unfit:
        told["refused"] = [
            {"index": place, "field": unfit.field, "message": unfit.message}
            for place, unfit in sorted(checked.unfit.items())
        ]
    return told


def _kind(event: Any, reason: str) -> str:
    """Give the type of a refused event for metrics: only one that is configured."""
    return str(event.get("type", "click")) if reason == "future" else "unknown"
