"""Events and impressions as bytes: in a user's history and in the two streams.

Only this module writes and reads such an entry. The writers, the consumers of the streams, the
archive, the replay and the erasure all use it. Entries of all earlier releases can be read: a
release may only append fields.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import MappingProxyType, NoneType
from typing import Any, NamedTuple, TypeAlias, TypeVar

import orjson

T = TypeVar("T")
FieldTypes: TypeAlias = tuple[type | tuple[type, ...], ...]  # types of an entry's required fields

EVENT_FIELD_TYPES: FieldTypes = (*[str] * 4, (float, NoneType), (float, int), (str, NoneType))
IMPRESSION_TYPES: FieldTypes = (str, str, list)
CONTEXT_AT = 8  # position of the context in an event's entry
EMPTY: Mapping[str, Any] = MappingProxyType({})


def events_key(prefix: str) -> str:
    """Return the key of the stream of events."""
    return f"{prefix}:events"


def impressions_key(prefix: str) -> str:
    """Return the key of the stream of impressions."""
    return f"{prefix}:shown"


@dataclass(frozen=True, slots=True)
class Event:
    """One action of a user on an item."""

    event_id: str  # a repeated event has the same id
    user: str
    item: str
    type: str
    value: float = 1.0  # stars, plays, seconds; 1.0 for an event without a value
    timestamp: float = 0.0  # unix seconds by the wall clock
    request_id: str | None = None  # id of the answer that showed the item
    position: int | None = None  # in that answer; 0 is the first
    context: Mapping[str, str | float | bool] = field(default_factory=dict)  # device, page ...

    def history_member(self) -> bytes:
        """Return the entry of the user's history. The same event always gives the same bytes."""
        return orjson.dumps((self.event_id, self.type, self.item, float(self.value)))

    def stream_entry(self) -> bytes:
        """Return the entry of the stream, without attributes of the user."""
        names = (self.event_id, self.user, self.item, self.type)
        numbers = (float(self.value), float(self.timestamp))
        return encode_event(
            EventEntry(*names, *numbers, self.request_id, self.position, self.context)
        )


class EventEntry(NamedTuple):
    """An event in the stream. The stored entry is a JSON array of these fields, in this order."""

    event_id: str
    user: str
    item: str
    type: str
    value: float | None
    timestamp: float  # unix seconds by the wall clock
    request_id: str | None
    position: int | None = None
    context: Mapping[str, Any] = EMPTY
    attributes: Mapping[str, str] = EMPTY  # the user's attributes when the event was written


class Impression(NamedTuple):
    """A list that was shown. The stored entry is a JSON array of these fields, in this order."""

    request_id: str
    user: str
    items: Sequence[str]
    scene: str = ""
    at: float | None = None  # unix seconds; None in entries of old releases


def encode_event(entry: EventEntry) -> bytes:
    """Return the stored entry of an event. Empty attributes are left out."""
    fields = (*entry[:-2], dict(entry.context), dict(entry.attributes))
    return orjson.dumps(fields if entry.attributes else fields[:-1])


def encode_impression(impression: Impression) -> bytes:
    """Return the stored entry of an impression."""
    return orjson.dumps(tuple(impression))


def decode_event(content: Any) -> EventEntry | None:
    """Read the parsed entry of an event; None if it is not one."""
    if not _has_fields(content, EVENT_FIELD_TYPES):
        return None
    position, context, attributes = (*content[7:10], None, None, None)[:3]
    optional = (
        position if isinstance(position, int) else None,
        context if isinstance(context, dict) else EMPTY,
        _texts(attributes) if isinstance(attributes, dict) else EMPTY,
    )
    return EventEntry._make((*content[:7], *optional))


def decode_impression(content: Any) -> Impression | None:
    """Read the parsed entry of an impression; None if it is not one."""
    if not _has_fields(content, IMPRESSION_TYPES):
        return None
    request_id, user, items, scene, at = (*content[:5], None, None)[:5]
    return Impression(
        request_id,
        user,
        [item for item in items if isinstance(item, str)],
        scene if isinstance(scene, str) else "",
        at if isinstance(at, float) else None,
    )


def decode_entries(texts: Sequence[bytes], decode: Callable[[Any], T | None]) -> list[T | None]:
    """Read many stored entries with ``decode``; None stands for a damaged or foreign entry."""
    return [decode(content) for content in _parse(texts)]


def user_and_context(text: bytes) -> tuple[str | None, Mapping[str, Any]]:
    """Return the user that an entry of either stream is about, and the context of an event.

    A damaged entry has no user and an empty context.
    """
    try:
        content = orjson.loads(text)
        user = content[1]
    except (ValueError, LookupError, TypeError):
        return None, EMPTY
    context = content[CONTEXT_AT] if len(content) > CONTEXT_AT else None
    return user if isinstance(user, str) else None, context if isinstance(context, dict) else EMPTY


def without_context_of(text: bytes, users: Collection[str]) -> bytes:
    """Return the entry of an event without the values of its context that name these users."""
    content = orjson.loads(text)
    context = content[CONTEXT_AT]
    content[CONTEXT_AT] = {name: value for name, value in context.items() if value not in users}
    return orjson.dumps(content)


def decode_impression_time(text: bytes, written_at: float) -> float:
    """Return when a list was shown, unix seconds; at the latest when it was written."""
    shown = decode_entries([text], decode_impression)[0]
    return written_at if shown is None or shown.at is None else min(shown.at, written_at)


def decode_history(
    members: Sequence[bytes],
) -> tuple[Sequence[str], Sequence[str], Sequence[str], Sequence[float]]:
    """Return ids, types, items and values of the entries of a history, as parallel columns."""
    if not members:
        return (), (), (), ()
    ids, types, items, values = zip(*orjson.loads(b"[%b]" % b",".join(members)), strict=True)
    return ids, types, items, values


def _has_fields(content: Any, types: FieldTypes) -> bool:
    is_long_enough = isinstance(content, list) and len(content) >= len(types)
    return is_long_enough and all(map(isinstance, content, types))


def _texts(attributes: Mapping[str, Any]) -> dict[str, str]:
    return {name: text for name, text in attributes.items() if isinstance(text, str)}


def _parse(texts: Sequence[bytes]) -> list[Any]:
    """Parse all entries together, which is cheaper; one by one if one of them is damaged."""
    with suppress(orjson.JSONDecodeError):
        together: list[Any] = orjson.loads(b"[%b]" % b",".join(texts))
        if len(together) == len(texts):
            return together
    return [_parse_one(text) for text in texts]


def _parse_one(text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
