"""``/events``: what users do. 202 only when the store has it."""

import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from app.api.batch_bodies import RefusedRecord, batch_error, describe_batch, list_refused
from app.api.endpoint import await_workers, json_response, require_deployment, service_of
from app.api.errors import RefusalError
from app.api.event_bodies import BatchCheck, EventIn, check_in_slices, parse_body
from app.api.schemas import error_bodies
from app.contracts import StageError
from app.service.service import Service
from app.service.serving_bundle import trained_events
from app.state.event_codec import Event
from app.state.event_writer import AppendOutcome, KeyLifetimes, append_events
from app.state.user_store import HIDING_EVENTS

router = APIRouter(tags=["events"])
ONE = [{"user_id": "196", "item_id": "50", "type": "click"}]
IN_LINES = '{"user_id": "196", "item_id": "50"}\n{"user_id": "196", "item_id": "181"}\n'
BODY = describe_batch(EventIn, ONE, IN_LINES)
ERRORS = error_bodies(
    {
        413: "The body is too large; send fewer events at once.",
        422: "An event is not valid; nothing was stored.",
        503: "The store did not take it; send it again.",
    }
)
OUTCOMES = {
    AppendOutcome.NEW: "accepted",
    AppendOutcome.DUPLICATE: "duplicate",
    AppendOutcome.TOO_OLD: "too_old",
    AppendOutcome.OUT_OF_ORDER: "out_of_order",
}


class EventsAccepted(BaseModel):
    """The number of events that the store accepted."""

    accepted: int = Field(description="New ones.")
    duplicates: int = Field(description="The user has had an event of this id: without effect.")
    trained: int = Field(description="Of the data that the bundle was trained on: without effect.")
    too_old: int = Field(description="New ones that are older than all that a full history keeps.")
    out_of_order: int = Field(description="New ones that are older than the user's newest event.")
    late: int = Field(description="New ones from longer ago than `late_seconds`.")
    event_ids: list[str | None] = Field(description="In the order sent; null where refused.")
    refused: list[RefusedRecord] | None = None


@router.post(
    "/events",
    summary="What users did",
    status_code=202,
    response_model=EventsAccepted,
    responses=ERRORS,
    openapi_extra=BODY,
)
async def events(http: Request, *, partial: bool = False) -> Response:
    """Store up to 1,000 events: a JSON list, one object, or one object a line (NDJSON).

    They change the user's next list. Sending an event again has no effect: its user and `event_id`
    identify it. When one event is wrong, nothing is stored and 422 names it. With `partial=true`
    the others are stored, and `refused` lists what is wrong with which. An event for an unknown
    item is kept, and counts once a bundle has the item.
    """
    service = service_of(http)
    deployment = require_deployment(service)
    batch = parse_body(await http.body(), http.headers.get("content-type", ""))
    now = time.time()
    checked = await check_in_slices(batch, deployment.bundle.manifest.event_weights(), now)
    for position, fault in checked.invalid.items():
        label = _type_label(batch.records[position], fault.reason)
        service.metrics.count("events", label, fault.reason)
    if checked.invalid and not (partial and checked.valid):
        raise batch_error(batch, checked.invalid, "event")
    counts = await store_events(service, list(checked.valid.values()), now)
    return json_response(counts | _list_events(len(batch.records), checked), 202)


async def store_events(service: Service, new_events: Sequence[Event], now: float) -> dict[str, int]:
    """Store events, and return the counts of ``EventsAccepted``; ``now`` in unix seconds.

    Events that the bundle in service was trained on are counted and not stored.
    """
    new_events, trained = _separate_trained(service, new_events)
    settings = service.settings
    segments = service.deployment.bundle.models.segments.names if service.deployment else ()
    limits = (
        settings.history_limit,
        service.stream_limit,
        segments,
        KeyLifetimes.of_days(settings.event_id_days, settings.history_days),
    )
    try:
        outcomes = await append_events(service.writer, settings.key_prefix, new_events, *limits)
    except StageError as error:
        for event_type, n in Counter(event.type for event in new_events).items():
            service.metrics.count("events", event_type, "lost", n=n)
        raise RefusalError(503, f"the events were not stored: {error}", retry_after=1) from error
    if any(event.type in HIDING_EVENTS for event in new_events):
        await await_workers(service)
    pairs = list(zip(new_events, outcomes, strict=True))
    for (event_type, outcome), n in Counter((e.type, OUTCOMES[o]) for e, o in pairs).items():
        service.metrics.count("events", event_type, outcome, n=n)
    accepted = [event for event, outcome in pairs if outcome != AppendOutcome.DUPLICATE]
    _count_by_scene(service, accepted)
    for event_type, n in Counter(event.type for event in trained).items():
        service.metrics.count("events", event_type, "trained", n=n)
    limit = now - settings.late_seconds
    late = Counter(event.type for event in accepted if event.timestamp < limit)
    for event_type, n in late.items():
        service.metrics.count("events_late", event_type, n=n)
    return {
        "accepted": len(accepted),
        "duplicates": len(pairs) - len(accepted),
        "trained": len(trained),
        "too_old": outcomes.count(AppendOutcome.TOO_OLD),
        "out_of_order": outcomes.count(AppendOutcome.OUT_OF_ORDER),
        "late": late.total(),
    }


def _count_by_scene(service: Service, events: Sequence[Event]) -> None:
    """Count the events for the scenes of the recent lists that they name."""
    if service.deployment is None:
        return
    scene_of = service.deployment.consumer.scene_of
    named = [(scene_of(event.request_id), event.type) for event in events if event.request_id]
    for (scene, event_type), n in Counter(named).items():
        if scene is not None:
            service.metrics.count("scene_events", service.scenes.label(scene), event_type, n=n)


def _separate_trained(
    service: Service, new_events: Sequence[Event]
) -> tuple[Sequence[Event], Sequence[Event]]:
    """Return the events to store, and those that the bundle in service was trained on."""
    if service.deployment is None:
        return new_events, ()
    names = [(event.user, event.item, event.type, event.timestamp) for event in new_events]
    is_trained = trained_events(service.deployment.bundle).contain(names)
    is_trained &= [event.type not in HIDING_EVENTS for event in new_events]  # the store keeps these
    if not is_trained.any():
        return new_events, ()
    return (
        [event for event, old in zip(new_events, is_trained, strict=True) if not old],
        [event for event, old in zip(new_events, is_trained, strict=True) if old],
    )


def _list_events(size: int, checked: BatchCheck) -> dict[str, Any]:
    ids = {position: event.event_id for position, event in checked.valid.items()}
    body: dict[str, Any] = {"event_ids": [ids.get(position) for position in range(size)]}
    if checked.invalid:
        body["refused"] = list_refused(checked.invalid)
    return body


def _type_label(event: Any, reason: str) -> str:
    """Return the type of a refused event for metrics, if it is a configured one."""
    return str(event.get("type", "click")) if reason == "future" else "unknown"
