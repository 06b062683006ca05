"""From the body of ``POST /events`` to events: JSON, one or many, or one JSON object a line."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import orjson
from pydantic import TypeAdapter, ValidationError

from app.api.errors import RefusalError, fault_message
from app.api.schemas import MAX_CLOCK_SKEW, EventIn
from app.event_weights import EventWeights
from app.state.event_codec import Event

MAX_EVENTS = 1_000
JSON, LINES = "application/json", "application/x-ndjson"
ALSO_LINES = frozenset({LINES, "application/ndjson", "application/jsonl", "application/jsonlines"})
EVENTS = TypeAdapter(list[EventIn])


@dataclass(frozen=True, slots=True)
class EventBatch:
    """The events of one body, as they came."""

    events: Sequence[Any]
    lines: Sequence[int] = ()  # of each event in the body, from 1; empty: the body has no lines
    alone: bool = False  # a single object, not a list


@dataclass(frozen=True, slots=True)
class InvalidEvent:
    """What is wrong with one event."""

    reason: str  # invalid, type or future: the outcome in metrics
    field: str | None
    message: str


@dataclass(frozen=True, slots=True)
class CheckedEvents:
    """Each place of a body has an event or what is wrong with it."""

    sound: dict[int, Event]
    unfit: dict[int, InvalidEvent]


def parse_body(body: bytes, content_type: str) -> EventBatch:
    """Take a body apart.

    Raises:
        RefusalError: it is not what it says, or has no event or too many.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind in ALSO_LINES:
        sent = _by_line(body)
    elif kind == JSON or (kind.startswith("application/") and kind.endswith("+json")):
        sent = _json(body)
    else:
        raise RefusalError(422, f"send JSON, and say so: Content-Type: {JSON} (or {LINES})")
    if not 1 <= len(sent.events) <= MAX_EVENTS:
        raise RefusalError(
            422, f"there are {len(sent.events)} events, send 1 to {MAX_EVENTS:,} at once"
        )
    return sent


def check_events(sent: EventBatch, preferences: EventWeights, now: float) -> CheckedEvents:
    """Tell the events that can be taken from those that can not; ``now`` in unix seconds."""
    unfit: dict[int, InvalidEvent] = {}
    places = list(range(len(sent.events)))
    try:
        given = EVENTS.validate_python(sent.events)
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_context=False):
            place, *where = fault["loc"]
            field = ".".join(map(str, where)) or None
            unfit.setdefault(int(place), InvalidEvent("invalid", field, fault_message(fault)))
        places = [place for place in places if place not in unfit]
        given = EVENTS.validate_python([sent.events[place] for place in places])
    sound: dict[int, Event] = {}
    for place, event in zip(places, given, strict=True):
        found = _judged(event, preferences, now)
        if isinstance(found, Event):
            sound[place] = found
        else:
            unfit[place] = found
    return CheckedEvents(sound, unfit)


def batch_error(sent: EventBatch, unfit: dict[int, InvalidEvent]) -> RefusalError:
    """Say what is wrong with the first of the events that cannot be taken, and where it is."""
    place = min(unfit)
    first = unfit[place]
    others = f" (and {len(unfit) - 1} other events are wrong)" if len(unfit) > 1 else ""
    line = f"line {sent.lines[place]}: " if sent.lines else ""
    parts = ([] if sent.alone else [str(place)]) + ([first.field] if first.field else [])
    return RefusalError(422, f"{line}{first.message}{others}", ".".join(parts) or None)


def _json(body: bytes) -> EventBatch:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RefusalError(422, f"the body is not JSON: {error}") from None
    if isinstance(found, list):
        return EventBatch(found)
    if isinstance(found, dict):
        return EventBatch([found], alone=True)
    raise RefusalError(422, "the body is neither an event nor a list of events")


def _by_line(body: bytes) -> EventBatch:
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


def _judged(event: EventIn, preferences: EventWeights, now: float) -> Event | InvalidEvent:
    """Complete an event, or say what speaks against it."""
    if not preferences.accepts(event.type):
        known = ", ".join(sorted(preferences.type_weights))
        return InvalidEvent(
            "type", "type", f"type {event.type} is not configured; there are {known}"
        )
    moment = now if event.timestamp is None else event.timestamp
    if moment > now + MAX_CLOCK_SKEW:
        told = f"timestamp {moment:.0f} is in the future: the time here is {now:.0f}"
        return InvalidEvent("future", "timestamp", told)
    return Event(
        event_id=event.event_id or uuid4().hex,
        user=event.user_id,
        item=event.item_id,
        type=event.type,
        value=event.amount,
        timestamp=moment,
        request_id=event.request_id,
        position=event.position,
        context=event.context,
    )
