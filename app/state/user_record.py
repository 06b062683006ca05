"""All that the store has of one user, for whoever asks what is known of them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from app.contracts import Blocked
from app.state.event_codec import history_key
from app.state.hidden_items import decode_hidden, hidden_key
from app.state.shown_items import recently_shown_key
from app.state.store import Store
from app.state.user_blocks import blocked_key, decode_blocked
from app.state.user_store import (
    attributes_key,
    decode_attributes,
    decode_friends,
    erased_key,
    friends_key,
)

VALUES = (attributes_key, friends_key, blocked_key)


@dataclass(frozen=True, slots=True)
class UserData:
    """What the store has of one user."""

    events: list[dict[str, Any]]  # newest first, at most as many as asked for
    history_length: int  # events in the history
    attributes: Mapping[str, str]
    friends: tuple[str, ...]
    blocked: Blocked
    hidden: list[str]
    shown: list[str]  # lately, newest first; where a policy asks for it
    erased_at: float  # unix seconds by the wall clock; -inf: never

    def __bool__(self) -> bool:
        told = (self.attributes, self.friends, self.blocked, self.hidden, self.shown)
        return bool(self.history_length or any(told))


async def read_user_data(store: Store, prefix: str, user: str, newest: int) -> UserData:
    """Read all that is kept of a user, of the history the ``newest`` events.

    Raises:
        StageError: the store cannot answer.
    """
    history = history_key(prefix, user)
    values = [named(prefix, user) for named in VALUES]
    events, kept, told, erased, hidden, shown = await store.pipeline(
        "dossier",
        [
            ("ZREVRANGE", history, 0, max(newest, 1) - 1, "WITHSCORES"),
            ("ZCARD", history),
            ("MGET", *values),
            ("GET", erased_key(prefix, user)),
            ("ZRANGE", hidden_key(prefix, user), 0, -1, "WITHSCORES"),
            ("LRANGE", recently_shown_key(prefix, user), 0, -1),
        ],
    )
    attributes, friends, blocked = told
    return UserData(
        [_event(m, s) for m, s in zip(events[::2], events[1::2], strict=True)][:newest],
        int(kept),
        decode_attributes(attributes),
        decode_friends(friends),
        decode_blocked(blocked),
        decode_hidden(hidden)[0],
        [item.decode() for item in shown],
        float(erased) if erased else -math.inf,
    )


def _event(member: bytes, score: bytes) -> dict[str, Any]:
    event_id, kind, item, value = orjson.loads(member)
    said = {"event_id": event_id, "item_id": item, "type": kind, "value": value}
    return {**said, "timestamp": float(score)}
