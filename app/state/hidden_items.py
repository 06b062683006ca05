"""Items that a user hid, or unhid again: one sorted set beside the history, by time.

A member is ``h`` or ``u`` and the item; of the two of an item the later one holds. So it is the
same in whatever order events arrive, and however often.
"""

from collections.abc import Sequence

from app.state.keys import user_key

HIDING_EVENTS = {"hide": "h", "unhide": "u"}  # event types, and the letter of each
MAX_HIDDEN = 1_000  # newest that are kept of each user


def hidden_key(prefix: str, user: str) -> str:
    """Name what a user hid."""
    return user_key(prefix, user, "x")


def hidden_member(kind: str, item: str) -> str:
    """Give the member that an event writes; "": it hides nothing."""
    letter = HIDING_EVENTS.get(kind)
    return f"{letter}{item}" if letter else ""


def decode_hidden(reply: Sequence[bytes]) -> tuple[list[str], list[str]]:
    """Read members and their times, in turn; give items that are hidden, and that are no more."""
    times = dict(zip(reply[::2], map(float, reply[1::2]), strict=True))
    hidden = [m for m in times if m[:1] == b"h" and times[m] >= times.get(b"u" + m[1:], -1.0)]
    restored = [m for m in times if m[:1] == b"u" and times[m] > times.get(b"h" + m[1:], -1.0)]
    return [m[1:].decode() for m in hidden], [m[1:].decode() for m in restored]
