"""The events that stand for feedback: they change lists, popularity and the next training."""

import asyncio
import time
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Literal

from app.api.endpoint import await_store, require_deployment
from app.api.errors import RefusalError
from app.api.event_bodies import MAX_EVENTS
from app.api.events import store_events
from app.gorse_api.bodies import SLICE
from app.service.service import Service
from app.state.event_codec import Event
from app.state.feedback_events import feedback_event_id, new_event_id, withdraw_events
from app.state.gorse_feedback import MAX_TYPES, MICROSECONDS, FeedbackRow, count_types_with
from app.timestamps import MAX_CLOCK_SKEW


async def require_few_types(service: Service, kinds: Collection[str]) -> None:
    """Refuse feedback types that would be too many: each makes reading and deleting slower."""
    n = await await_store(count_types_with(service.writer, service.settings.key_prefix, kinds))
    if n > MAX_TYPES:
        raise RefusalError(
            400,
            f"there would be {n} feedback types, at most {MAX_TYPES} are allowed: the type is a "
            "kind of feedback such as like, not an id",
        )


async def store_feedback_events(
    service: Service, rows: Sequence[FeedbackRow], how: Literal["add", "put"]
) -> None:
    """Store an event for each row whose type has an event type and whose time has come.

    Of rows that replace others, one without a time is the same event whenever it is sent.
    """
    weights = require_deployment(service).bundle.manifest.event_weights()
    types, now = service.settings.feedback_types, time.time()
    events: list[Event] = []
    outcomes: Counter[str] = Counter()
    for n, row in enumerate(rows):
        if n % SLICE == 0:
            await asyncio.sleep(0)  # lists go first
        kind = types.event_type(row.kind, row.value, weights.type_weights)
        is_future = row.at / MICROSECONDS > now + MAX_CLOCK_SKEW
        if kind is None or is_future:
            outcomes["future" if is_future else "no_event_type"] += 1
            continue
        outcomes["event"] += 1
        events.append(_event_of(row, kind, now, is_repeatable=how == "put"))
    for start in range(0, len(events), MAX_EVENTS):
        if service.admission.in_flight:
            await service.admission.yield_to_lists()
        await store_events(service, events[start : start + MAX_EVENTS], now)
    for outcome, n in outcomes.items():
        service.metrics.count("gorse_feedback", outcome, n=n)


def _event_of(row: FeedbackRow, kind: str, now: float, *, is_repeatable: bool) -> Event:
    """Return the event of a row. A row without a time, or of before 1970, counts as of now."""
    return Event(
        event_id=feedback_event_id(row, is_repeatable=is_repeatable or row.at > 0),
        user=row.user,
        item=row.item,
        type=kind,
        value=row.value if row.value or kind == "rating" else 1.0,
        timestamp=row.at / MICROSECONDS if row.at > 0 else now,
    )


async def withdraw_feedback_events(
    service: Service, deleted: Sequence[FeedbackRow], rows: Sequence[FeedbackRow]
) -> None:
    """Remove the events of rows that are to be deleted from the user's live history.

    An item that they alone hide is shown again.

    Args:
        service: whose store has them.
        deleted: rows of one user about one item.
        rows: all rows of this user about this item.
    """
    if not deleted:
        return
    user, item = deleted[0].user, deleted[0].item
    prefix = service.settings.key_prefix
    kinds = {row.kind for row in deleted}
    await await_store(withdraw_events(service.writer, prefix, user, item, kinds))
    weights = require_deployment(service).bundle.manifest.event_weights()
    types = service.settings.feedback_types
    now = time.time()
    hiding = {
        row.kind: row.at / MICROSECONDS
        for row in rows
        if types.event_type(row.kind, row.value, weights.type_weights) == "hide"
        and row.at / MICROSECONDS <= now + MAX_CLOCK_SKEW  # else it is no event yet
    }
    if hiding and hiding.keys() <= kinds:
        at = max(now, *hiding.values())
        unhide = Event(new_event_id("unhide"), user, item, "unhide", 1.0, at)
        await store_events(service, [unhide], now)
