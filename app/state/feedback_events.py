"""Live events that stand for feedback of Gorse's API: their ids, and how they are taken back."""

from collections.abc import Collection
from hashlib import blake2b
from uuid import uuid4

from app.state.event_codec import decode_history
from app.state.gorse_feedback import SEPARATOR, FeedbackRow
from app.state.store import CommandPart, Store
from app.state.user_store import announce, history_key

EVENT_ID_START = "gorse-"


def feedback_event_id(row: FeedbackRow, *, is_timed: bool) -> str:
    """Return the id of the event of a row.

    A row with a time has the same id whenever it is sent, so that an import can be repeated. One
    without a time is a new event each time.
    """
    if not is_timed:
        return EVENT_ID_START + uuid4().hex
    text = SEPARATOR.join([*row.key, str(row.at), repr(row.value)])
    return EVENT_ID_START + blake2b(text.encode(), digest_size=16).hexdigest()


async def withdraw_events(
    store: Store, prefix: str, user: str, item: str, types: Collection[str]
) -> None:
    """Remove from a user's live history the events of deleted feedback about an item.

    Counts of popularity, the stream and the archive keep them.
    """
    members = await store.command("ZRANGE", history_key(prefix, user), 0, -1)
    events = zip(members, *decode_history(members)[:3], strict=True)
    withdrawn = [
        member
        for member, event_id, kind, of_item in events
        if of_item == item and kind in types and event_id.startswith(EVENT_ID_START)
    ]
    if withdrawn:
        remove: tuple[CommandPart, ...] = ("ZREM", history_key(prefix, user), *withdrawn)
        await store.pipeline("feedback", [remove, *announce(prefix, user)])
