"""Read the body of ``POST /events``: a JSON object, a JSON list, or one JSON object a line."""

import asyncio
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from app.api.batch_bodies import Batch, InvalidRecord, name_faults, parse_batch
from app.api.errors import unknown_type_message
from app.api.schemas import EventId, FieldName, InlineEvent, PublicId, ScalarValue
from app.event_types import find_event_type
from app.event_weights import EventWeights
from app.state.event_codec import Event
from app.timestamps import MAX_CLOCK_SKEW

MAX_EVENTS = 1_000
MAX_CONTEXT = 20  # fields
MAX_FIELDS = 30  # of an event that is looked at; it has 9, and names of others are refused by name
SLICE = 25  # events that are checked at a time: at most 20 ms, if all of them are wrong


class EventIn(InlineEvent):
    """One thing that a user did."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"user_id": "196", "item_id": "50", "type": "click"}]},
    )
    user_id: EventId
    event_id: PublicId | None = Field(
        None, description="Repeat it when you send the event again; null: the service makes one."
    )
    request_id: PublicId | None = Field(None, description="Of the list that showed the item.")
    position: int | None = Field(None, ge=0, le=10_000, description="In that list; 0 is first.")
    context: dict[FieldName, ScalarValue] = Field(
        default_factory=dict,
        max_length=MAX_CONTEXT,
        description="Device, page and so on; kept for training.",
    )


EVENTS = TypeAdapter(list[EventIn])


@dataclass(frozen=True, slots=True)
class InvalidEvent(InvalidRecord):
    """The fault of one event."""

    reason: str = "invalid"  # or "type" or "future": the outcome in metrics


@dataclass(frozen=True, slots=True)
class BatchCheck:
    """The events of a batch by their positions: each is valid or invalid."""

    valid: dict[int, Event]
    invalid: dict[int, InvalidEvent]


def parse_body(body: bytes, content_type: str) -> Batch:
    """Split a body into its events.

    Raises:
        RefusalError: the body is not of its content type, or has no event or too many.
    """
    return parse_batch(body, content_type, "event", MAX_EVENTS)


async def check_in_slices(batch: Batch, event_weights: EventWeights, now: float) -> BatchCheck:
    """Check all events as ``check_events`` does, and let other requests compute in between."""
    checked = BatchCheck({}, {})
    for start in range(0, len(batch.records), SLICE):
        part = check_events(Batch(batch.records[start : start + SLICE]), event_weights, now)
        checked.valid.update({start + n: event for n, event in part.valid.items()})
        checked.invalid.update({start + n: fault for n, fault in part.invalid.items()})
        await asyncio.sleep(0)
    return checked


def check_events(batch: Batch, event_weights: EventWeights, now: float) -> BatchCheck:
    """Separate the valid events from the invalid ones; ``now`` in unix seconds."""
    faults = ((position, _size_fault(event)) for position, event in enumerate(batch.records))
    invalid = {position: fault for position, fault in faults if fault}
    positions = [position for position in range(len(batch.records)) if position not in invalid]
    try:
        events = EVENTS.validate_python([batch.records[position] for position in positions])
    except ValidationError as error:
        wrong = name_faults(error, EventIn)
        invalid |= {
            positions[n]: InvalidEvent(fault.field, fault.message) for n, fault in wrong.items()
        }
        positions = [position for position in positions if position not in invalid]
        events = EVENTS.validate_python([batch.records[position] for position in positions])
    valid: dict[int, Event] = {}
    for position, event in zip(positions, events, strict=True):
        checked = _check_event(event, event_weights, now)
        if isinstance(checked, Event):
            valid[position] = checked
        else:
            invalid[position] = checked
    return BatchCheck(valid, invalid)


def _size_fault(event: Any) -> InvalidEvent | None:
    """Return the fault of an event that has too many fields to name each that is wrong."""
    if not isinstance(event, dict):
        return None
    if len(event) > MAX_FIELDS:
        fields = ", ".join(EventIn.model_fields)
        message = f"the event has {len(event)} fields; the fields of an event are {fields}"
        return InvalidEvent(None, message)
    context = event.get("context")
    if isinstance(context, dict) and len(context) > MAX_CONTEXT:
        message = f"the context has {len(context)} fields; send at most {MAX_CONTEXT}"
        return InvalidEvent("context", message)
    return None


def _check_event(event: EventIn, event_weights: EventWeights, now: float) -> Event | InvalidEvent:
    """Complete an event, or return what is wrong with it."""
    kind = find_event_type(event.type, event_weights.type_weights)
    if kind is None:
        return InvalidEvent("type", unknown_type_message(event.type, event_weights), "type")
    if kind == "rating" and event.value is None:
        return InvalidEvent(None, "a rating needs a value")
    moment = now if event.timestamp is None else event.timestamp
    if moment > now + MAX_CLOCK_SKEW:
        message = f"timestamp {moment:.0f} is in the future: the time here is {now:.0f}"
        return InvalidEvent("timestamp", message, "future")
    return Event(
        event_id=event.event_id or uuid4().hex,
        user=event.user_id,
        item=event.item_id,
        type=kind,
        value=event.amount,
        timestamp=moment,
        request_id=event.request_id,
        position=event.position,
        context=event.context,
    )
