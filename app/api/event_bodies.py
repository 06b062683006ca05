"""Read the body of ``POST /events``: a JSON object, a JSON list, or one JSON object a line."""

import asyncio
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
MAX_LINES = 10 * MAX_EVENTS  # of a body, empty ones too
MAX_CONTEXT = 20  # fields
MAX_FIELDS = 30  # of an event that is looked at; it has 9, and names of others are refused by name
MAX_NAMED_FAULTS = 5  # of an event
SLICE = 25  # events that are checked at a time: at most 20 ms, if all of them are wrong
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
        max_length=MAX_CONTEXT,
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


async def check_in_slices(batch: EventBatch, event_weights: EventWeights, now: float) -> BatchCheck:
    """Check all events as ``check_events`` does, and let other requests compute in between."""
    checked = BatchCheck({}, {})
    for start in range(0, len(batch.events), SLICE):
        part = check_events(EventBatch(batch.events[start : start + SLICE]), event_weights, now)
        checked.valid.update({start + n: event for n, event in part.valid.items()})
        checked.invalid.update({start + n: fault for n, fault in part.invalid.items()})
        await asyncio.sleep(0)
    return checked


def check_events(batch: EventBatch, event_weights: EventWeights, now: float) -> BatchCheck:
    """Separate the valid events from the invalid ones; ``now`` in unix seconds."""
    faults = ((position, _size_fault(event)) for position, event in enumerate(batch.events))
    invalid = {position: fault for position, fault in faults if fault}
    positions = [position for position in range(len(batch.events)) if position not in invalid]
    try:
        events = EVENTS.validate_python([batch.events[position] for position in positions])
    except ValidationError as error:
        wrong = _name_faults(error)
        invalid |= {positions[number]: fault for number, fault in wrong.items()}
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
    if body.count(b"\n") > MAX_LINES:
        raise RefusalError(422, f"the body has more than {MAX_LINES:,} lines; send less")
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


def _size_fault(event: Any) -> InvalidEvent | None:
    """Return the fault of an event that has too many fields to name each that is wrong."""
    if not isinstance(event, dict):
        return None
    if len(event) > MAX_FIELDS:
        fields = ", ".join(EventIn.model_fields)
        message = f"the event has {len(event)} fields; the fields of an event are {fields}"
        return InvalidEvent("invalid", None, message)
    context = event.get("context")
    if isinstance(context, dict) and len(context) > MAX_CONTEXT:
        message = f"the context has {len(context)} fields; send at most {MAX_CONTEXT}"
        return InvalidEvent("invalid", "context", message)
    return None


def _name_faults(error: ValidationError) -> dict[int, InvalidEvent]:
    """Return the faults of a list of events by their positions, each with all of its messages."""
    named: dict[int, list[tuple[str | None, str]]] = {}
    hinted: set[int | str] = set()
    for fault in error.errors(include_url=False, include_context=False):
        position, *path = fault["loc"]
        messages = named.setdefault(int(position), [])
        if len(messages) < MAX_NAMED_FAULTS:
            is_unknown = fault["type"] == "extra_forbidden"
            # The search for the nearest name takes long, so one name of an event has it.
            names = EventIn.model_fields if is_unknown and position not in hinted else ()
            hinted |= {position} if is_unknown else set()
            field = ".".join(map(str, path)) or None
            messages.append((field, fault_message(fault, names)))
    return {
        position: InvalidEvent(
            "invalid",
            first_field,
            "; ".join([first, *(f"{field}: {message}" for field, message in others)]),
        )
        for position, ((first_field, first), *others) in named.items()
    }


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
