"""The events that stand for feedback: they change lists, popularity and the next training."""

import time
from collections import Counter
from collections.abc import Sequence

from app.api.endpoint import await_store, require_deployment
from app.api.event_bodies import MAX_EVENTS
from app.api.events import store_events
from app.gorse_api.times import MICROSECONDS
from app.service.service import Service
from app.state.event_codec import Event
from app.state.feedback_events import feedback_event_id, withdraw_events
from app.state.gorse_feedback import FeedbackRow
from app.timestamps import MAX_CLOCK_SKEW


async def store_feedback_events(service: Service, rows: Sequence[FeedbackRow]) -> None:
    """Store an event for each row whose type has an event type and whose time has come."""
    weights = require_deployment(service).bundle.manifest.event_weights()
    types, now = service.settings.feedback_types, time.time()
    events: list[Event] = []
    outcomes: Counter[str] = Counter()
    for row in rows:
        kind = types.event_type(row.kind, row.value, weights.type_weights)
        is_future = row.at / MICROSECONDS > now + MAX_CLOCK_SKEW
        if kind is None or is_future:
            outcomes["future" if is_future else "no_event_type"] += 1
            continue
        outcomes["event"] += 1
        events.append(_event_of(row, kind, now))
    for start in range(0, len(events), MAX_EVENTS):
        if service.admission.in_flight:
            await service.admission.yield_to_lists()
        await store_events(service, events[start : start + MAX_EVENTS], now)
    for outcome, n in outcomes.items():
        service.metrics.count("gorse_feedback", outcome, n=n)


def _event_of(row: FeedbackRow, kind: str, now: float) -> Event:
    """Return the event of a row. A row without a time, or of before 1970, counts as of now."""
    return Event(
        event_id=feedback_event_id(row, is_timed=row.at > 0),
        user=row.user,
        item=row.item,
        type=kind,
        value=row.value if row.value or kind == "rating" else 1.0,
        timestamp=row.at / MICROSECONDS if row.at > 0 else now,
    )


async def withdraw_feedback_events(
    service: Service, user: str, item: str, rows: Sequence[FeedbackRow]
) -> None:
    """Remove the events of deleted rows from the user's live history."""
    weights = require_deployment(service).bundle.manifest.event_weights()
    types = service.settings.feedback_types
    kinds = {types.event_type(row.kind, row.value, weights.type_weights) for row in rows}
    named = {kind for kind in kinds if kind}
    if named:
        prefix = service.settings.key_prefix
        await await_store(withdraw_events(service.writer, prefix, user, item, named))
