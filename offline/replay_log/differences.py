"""What is not the same in two entries of the served log."""

from dataclasses import dataclass

from app.contracts import SLOTS
from app.request_log.answer_record import ARRAYS
from app.request_log.entry_codec import Entry


class DifferentError(Exception):
    """An answer that should have come out the same did not."""


@dataclass(frozen=True, slots=True)
class Place:
    """One place of the list, then and now."""

    was: str  # "" where there was none
    now: str
    told: str  # what is to say about it


def differing(was: Entry, now: Entry) -> list[str]:
    """Name what differs in any bit: items, or arrays; empty when nothing does."""
    found = [] if was.told["items"] == now.told["items"] else ["items"]
    return found + [name for name in ARRAYS if not _equal(was, now, name)]


def _equal(was: Entry, now: Entry, name: str) -> bool:
    one, other = was.arrays[name], now.arrays[name]
    return one.shape == other.shape and one.tobytes() == other.tobytes()


def places(was: Entry, now: Entry) -> list[Place]:
    """Lay the lists side by side."""
    before, after = was.told["items"], now.told["items"]
    n = max(len(before), len(after))
    old, new = ([*items, *[""] * (n - len(items))] for items in (before, after))
    return [Place(a, b, _told(b, before, now)) for a, b in zip(old, new, strict=True)]


def _told(item: str, before: list[str], now: Entry) -> str:
    if not item:
        return "gone"
    at = now.told["items"].index(item)
    slot, score = SLOTS[now.arrays["slots"][at]], float(now.arrays["scores"][at, -1])
    moved = "new" if item not in before else _moved(before.index(item) - at)
    return f"{moved} {slot} {score:.4f}".strip()


def _moved(up: int) -> str:
    return f"{'up' if up > 0 else 'down'} {abs(up)}" if up else ""


def overlap(was: Entry, now: Entry) -> float:
    """Give the share of items that both lists have."""
    before, after = set(was.told["items"]), set(now.told["items"])
    return len(before & after) / max(len(before), len(after), 1)
