"""Live events that stand for feedback of Gorse's API: their ids, and how they are taken back."""

from collections.abc import Collection, Sequence
from hashlib import blake2b
from uuid import uuid4

from app.state.event_codec import decode_history
from app.state.event_writer import id_mark, marks_keys
from app.state.gorse_feedback import SEPARATOR, FeedbackRow
from app.state.store import CommandPart, Store
from app.state.user_store import announce, history_key

EVENT_ID_START = "gorse-"
# KEYS: the user's history, and the sets of marks of accepted ids. ARGV: a member of the history and
# the mark of its id, and so on. Without its mark, the event is accepted when it is sent again.
WITHDRAW = """
for at = 1, #ARGV, 2 do
  redis.call('ZREM', KEYS[1], ARGV[at])
  for which = 2, #KEYS do redis.call('SREM', KEYS[which], ARGV[at + 1]) end
end
return 1
"""


def feedback_event_id(row: FeedbackRow, *, is_repeatable: bool) -> str:
    """Return the id of the event of a row. It begins with a digest of the feedback type.

    A repeatable row has the same id whenever it is sent, so that an import can be repeated. Another
    one is a new event each time.
    """
    if not is_repeatable:
        return new_event_id(row.kind)
    text = SEPARATOR.join([*row.key, str(row.at), repr(row.value)])
    return _id_start(row.kind) + blake2b(text.encode(), digest_size=16).hexdigest()


def new_event_id(kind: str) -> str:
    """Return an id that no event has, for feedback of a type."""
    return _id_start(kind) + uuid4().hex


def _id_start(kind: str) -> str:
    return f"{EVENT_ID_START}{blake2b(kind.encode(), digest_size=8).hexdigest()}-"


async def withdraw_events(
    store: Store, prefix: str, user: str, item: str, kinds: Collection[str]
) -> None:
    """Remove from a user's live history the events of feedback of some types about an item.

    Counts of popularity, the stream and the archive keep them.
    """
    key = history_key(prefix, user)
    members = await store.command("ZRANGE", key, 0, -1)
    starts = tuple(map(_id_start, kinds))
    withdrawn = [
        part
        for member, event_id, of_item in zip(members, *_ids_and_items(members), strict=True)
        if of_item == item and event_id.startswith(starts)
        for part in (member, id_mark(event_id))
    ]
    if withdrawn:
        keys = (key, *marks_keys(prefix, user))
        remove: tuple[CommandPart, ...] = ("EVAL", WITHDRAW, len(keys), *keys, *withdrawn)
        await store.pipeline("feedback", [remove, *announce(prefix, user)])


def _ids_and_items(members: Sequence[bytes]) -> tuple[Sequence[str], Sequence[str]]:
    ids, _, items = decode_history(members)[:3]
    return ids, items
