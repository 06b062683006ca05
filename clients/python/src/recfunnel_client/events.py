"""The call that sends events."""

from uuid import uuid4

from recfunnel_client.answers import EventsAccepted, NewestEvents
from recfunnel_client.bodies import EventIn
from recfunnel_client.call import Call


def send(*events: EventIn, partial: bool = False) -> Call[EventsAccepted]:
    """Store up to 1,000 events of users.

    Each event without an ``event_id`` gets one here, so that it counts once however often it is
    sent. If one is wrong, nothing is stored. With ``partial`` the others are stored, and
    ``refused`` of the answer lists what is wrong with which.
    """
    body = [with_id(event) for event in events]
    return Call("POST", "/events", EventsAccepted, {"partial": partial}, body)


def newest_events(*, limit: int | None = None) -> Call[NewestEvents]:
    """Return the newest stored events of all users, the last one first."""
    return Call("GET", "/events", NewestEvents, {"limit": limit})


def with_id(event: EventIn) -> EventIn:
    """Return the event with its ``event_id``, or with a new one."""
    return event if event.get("event_id") else {**event, "event_id": uuid4().hex}
