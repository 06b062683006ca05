"""What is not the same in two entries of the served log."""

from dataclasses import dataclass

from app.contracts import SLOTS
from app.request_log.answer_record import ARRAY_NAMES
from app.request_log.entry_codec import LogEntry


class DifferentError(Exception):
    """An answer that should have come out the same did not."""


@dataclass(frozen=True, slots=True)
class PlaceDifference:
    """One place of the list, then and now."""

    was: str  # "" where there was none
    now: str
    told: str  # what is to say about it


def differing(was: LogEntry, now: LogEntry) -> list[str]:
    """Name what differs in any bit: items, or arrays; empty when nothing does."""
    found = [] if was.head["items"] == now.head["items"] else ["items"]
    return found + [name for name in ARRAY_NAMES if not _equal(was, now, name)]


def _equal(was: LogEntry, now: LogEntry, name: str) -> bool:
    one, other = was.arrays[name], now.arrays[name]
    return one.shape == other.shape and one.tobytes() == other.tobytes()


def places(was: LogEntry, now: LogEntry) -> list[PlaceDifference]:
    """Lay the lists side by side."""
    before, after = was.head["items"], now.head["items"]
    n = max(len(before), len(after))
    old, new = ([*items, *[""] * (n - len(items))] for items in (before, after))
    return [PlaceDifference(a, b, _told(b, before, now)) for a, b in zip(old, new, strict=True)]


def _told(item: str, before: list[str], now: LogEntry) -> str:
    if not item:
        return "gone"
    at = now.head["items"].index(item)
    slot, score = SLOTS[now.arrays["slots"][at]], float(now.arrays["scores"][at, -1])
    moved = "new" if item not in before else _moved(before.index(item) - at)
    return f"{moved} {slot} {score:.4f}".strip()


def _moved(up: int) -> str:
    return f"{'up' if up > 0 else 'down'} {abs(up)}" if up else ""


def overlap(was: LogEntry, now: LogEntry) -> float:
    """Give the share of items that both lists have."""
    before, after = set(was.head["items"]), set(now.head["items"])
    return len(before & after) / max(len(before), len(after), 1)
