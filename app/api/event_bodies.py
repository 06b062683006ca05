"""Read the body of ``POST /events``: a JSON object, a JSON list, or one JSON object a line."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import orjson
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from app.api.errors import RefusalError, fault_message, unknown_type_message
from app.api.schemas import EventId, FieldName, InlineEvent, PublicId, ScalarValue
from app.event_types import find_event_type
from app.event_weights import EventWeights
from app.state.event_codec import Event
from app.timestamps import MAX_CLOCK_SKEW

MAX_EVENTS = 1_000
JSON, LINES = "application/json", "application/x-ndjson"
LINE_TYPES = frozenset({LINES, "application/ndjson", "application/jsonl", "application/jsonlines"})


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
        max_length=20,
        description="Device, page and so on; kept for training.",
    )


EVENTS = TypeAdapter(list[EventIn])


@dataclass(frozen=True, slots=True)
class EventBatch:
    """The events of one body, as they came."""

    events: Sequence[Any]
    lines: Sequence[int] = ()  # line of each event, from 1; empty: the body has no lines
    is_single: bool = False  # an object, not a list


@dataclass(frozen=True, slots=True)
class InvalidEvent:
    """The fault of one event."""

    reason: str  # invalid, type or future: the outcome in metrics
    field: str | None
    message: str


@dataclass(frozen=True, slots=True)
class BatchCheck:
    """The events of a batch by their positions: each is valid or invalid."""

    valid: dict[int, Event]
    invalid: dict[int, InvalidEvent]


def parse_body(body: bytes, content_type: str) -> EventBatch:
    """Split a body into its events.

    Raises:
        RefusalError: the body is not of its content type, or has no event or too many.
    """
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type in LINE_TYPES:
        batch = _parse_lines(body)
    elif media_type == JSON or (
        media_type.startswith("application/") and media_type.endswith("+json")
    ):
        batch = _parse_json(body)
    else:
        raise RefusalError(422, f"send JSON, and say so: Content-Type: {JSON} (or {LINES})")
    if not 1 <= len(batch.events) <= MAX_EVENTS:
        raise RefusalError(
            422, f"there are {len(batch.events)} events, send 1 to {MAX_EVENTS:,} at once"
        )
    return batch


def check_events(batch: EventBatch, event_weights: EventWeights, now: float) -> BatchCheck:
    """Separate the valid events from the invalid ones; ``now`` in unix seconds."""
    invalid: dict[int, InvalidEvent] = {}
    positions = list(range(len(batch.events)))
    try:
        events = EVENTS.validate_python(batch.events)
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_context=False):
            position, *path = fault["loc"]
            field = ".".join(map(str, path)) or None
            message = fault_message(fault, EventIn.model_fields if len(path) == 1 else ())
            if int(position) in invalid:
                first = invalid[int(position)]
                message = f"{first.message}; {field}: {message}"
                field = first.field
            invalid[int(position)] = InvalidEvent("invalid", field, message)
        positions = [position for position in positions if position not in invalid]
        events = EVENTS.validate_python([batch.events[position] for position in positions])
    valid: dict[int, Event] = {}
    for position, event in zip(positions, events, strict=True):
        checked = _check_event(event, event_weights, now)
        if isinstance(checked, Event):
            valid[position] = checked
        else:
            invalid[position] = checked
    return BatchCheck(valid, invalid)


def batch_error(batch: EventBatch, invalid: dict[int, InvalidEvent]) -> RefusalError:
    """Return the error that names the first invalid event and its position."""
    position = min(invalid)
    first = invalid[position]
    others = f" (and {len(invalid) - 1} other events are wrong)" if len(invalid) > 1 else ""
    line = f"line {batch.lines[position]}: " if batch.lines else ""
    parts = ([] if batch.is_single else [str(position)]) + ([first.field] if first.field else [])
    return RefusalError(422, f"{line}{first.message}{others}", ".".join(parts) or None)


def _parse_json(body: bytes) -> EventBatch:
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RefusalError(422, f"the body is not JSON: {error}") from None
    if isinstance(content, list):
        return EventBatch(content)
    if isinstance(content, dict):
        return EventBatch([content], is_single=True)
    raise RefusalError(422, "the body is neither an event nor a list of events")


def _parse_lines(body: bytes) -> EventBatch:
    events: list[Any] = []
    lines: list[int] = []
    for number, line in enumerate(body.split(b"\n"), 1):
        if not line.strip():
            continue
        if len(events) == MAX_EVENTS:
            raise RefusalError(422, f"line {number}: send at most {MAX_EVENTS:,} events at once")
        try:
            events.append(orjson.loads(line))
        except orjson.JSONDecodeError as error:
            raise RefusalError(
                422, f"line {number} is not JSON: {error}; write one event a line", str(len(events))
            ) from None
        lines.append(number)
    return EventBatch(events, lines)


def _check_event(event: EventIn, event_weights: EventWeights, now: float) -> Event | InvalidEvent:
    """Complete an event, or return what is wrong with it."""
    kind = find_event_type(event.type, event_weights.type_weights)
    if kind is None:
        return InvalidEvent("type", "type", unknown_type_message(event.type, event_weights))
    if kind == "rating" and event.value is None:
        return InvalidEvent("invalid", None, "a rating needs a value")
    moment = now if event.timestamp is None else event.timestamp
    if moment > now + MAX_CLOCK_SKEW:
        message = f"timestamp {moment:.0f} is in the future: the time here is {now:.0f}"
        return InvalidEvent("future", "timestamp", message)
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
