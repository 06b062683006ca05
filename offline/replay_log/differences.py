"""The differences between two entries of the request log."""

from dataclasses import dataclass
from itertools import zip_longest

from app.contracts import SLOTS
from app.request_log.answer_record import ARRAY_NAMES
from app.request_log.entry_codec import LogEntry
from offline.errors import CommandError


class DifferentError(CommandError):
    """A replayed answer differs, although nothing was changed."""


@dataclass(frozen=True, slots=True)
class PositionChange:
    """One position of the list, before and after."""

    before: str  # item; "" if the list was shorter
    after: str
    remark: str


def find_differences(before: LogEntry, after: LogEntry) -> list[str]:
    """Return what differs in any bit: "items", or names of arrays; empty if nothing does."""
    items = [] if before.head["items"] == after.head["items"] else ["items"]
    return items + [name for name in ARRAY_NAMES if not _is_equal(before, after, name)]


def _is_equal(before: LogEntry, after: LogEntry, name: str) -> bool:
    one, other = before.arrays[name], after.arrays[name]
    return one.shape == other.shape and one.tobytes() == other.tobytes()


def compare_positions(before: LogEntry, after: LogEntry) -> list[PositionChange]:
    """Return the two lists, position by position."""
    old_items = before.head["items"]
    pairs = zip_longest(old_items, after.head["items"], fillvalue="")
    return [PositionChange(old, new, _remark(new, old_items, after)) for old, new in pairs]


def _remark(item: str, old_items: list[str], after: LogEntry) -> str:
    if not item:
        return "gone"
    at = after.head["items"].index(item)
    slot, score = SLOTS[after.arrays["slots"][at]], float(after.arrays["scores"][at, -1])
    movement = "new" if item not in old_items else _movement(old_items.index(item) - at)
    return f"{movement} {slot} {score:.4f}".strip()


def _movement(up: int) -> str:
    return f"{'up' if up > 0 else 'down'} {abs(up)}" if up else ""


def compute_overlap(before: LogEntry, after: LogEntry) -> float:
    """Return the share of items that both lists have."""
    old, new = set(before.head["items"]), set(after.head["items"])
    return len(old & new) / max(len(old), len(new), 1)
