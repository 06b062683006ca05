"""The keys of recent events and lists, in little memory that is taken from the start."""

from collections.abc import Hashable
from dataclasses import dataclass, field

import numpy as np

MAX_REMEMBERED = 100_000  # keys by which a repeated entry is recognised
MARK_BITS = (1 << 64) - 1
EMPTY, REPLACED_EMPTY = 0, 1  # a hash of 0 would look like an empty slot
FEWEST_SLOTS_PER_KEY = 2  # then a search ends after 1.5 slots on average


@dataclass(slots=True, eq=False)
class HashTable:
    """Hashes of up to ``capacity`` keys, each with a text, by open addressing.

    It takes 16 to 32 bytes a key for the hashes, and half as much again once there is a text. The
    system provides the memory page by page as it is first used: all after a few thousand keys.
    """

    capacity: int
    n: int = field(default=0, init=False)
    _last: int = field(init=False)  # number of the last slot, all of whose bits are 1
    _marks: memoryview = field(init=False)  # (2^b,) uint64, hash by slot; EMPTY: no key
    _codes: memoryview | None = field(default=None, init=False)  # (2^b,) uint32, text by slot
    _texts: dict[str, int] = field(default_factory=dict, init=False)  # code by text, from 0
    _names: list[str] = field(default_factory=list, init=False)  # text by code

    def __post_init__(self) -> None:
        slots = 1 << (FEWEST_SLOTS_PER_KEY * self.capacity - 1).bit_length()
        self._last, self._marks = slots - 1, np.zeros(slots, np.uint64).data
        self._add_text("")

    def find(self, mark: int) -> int:
        """Return the slot of a hash, or the empty slot where it belongs."""
        slot, last, marks = mark & self._last, self._last, self._marks
        while (other := marks[slot]) != mark and other:
            slot = (slot + 1) & last
        return slot

    def has(self, mark: int) -> bool:
        return bool(self._marks[self.find(mark)])

    def add(self, mark: int, text: str) -> None:
        """Add a hash that the table does not have. The table must not be full."""
        slot = self.find(mark)
        self._marks[slot] = mark
        self.n += 1
        if text:
            if self._codes is None:
                self._codes = np.zeros(self._last + 1, np.uint32).data
            self._codes[slot] = self._add_text(text)

    def text_of(self, mark: int) -> str | None:
        """Return the text of a hash, None for a hash that the table does not have."""
        slot = self.find(mark)
        if not self._marks[slot]:
            return None
        return "" if self._codes is None else self._names[self._codes[slot]]

    def _add_text(self, text: str) -> int:
        code = self._texts.setdefault(text, len(self._names))
        if code == len(self._names):
            self._names.append(text)
        return code


class RecentKeys:
    """At least the newest ``limit`` keys, at most twice as many, each with a text.

    Only hashes of the keys are kept, so that no user's id can be read from it. 100,000 keys take
    2 MB, 3 MB with texts, and there are two such tables at most.
    """

    def __init__(self, limit: int = MAX_REMEMBERED) -> None:
        self._limit = limit
        self._newer = HashTable(limit)
        self._older: HashTable | None = None

    def __len__(self) -> int:
        return self._newer.n + (self._older.n if self._older else 0)

    def add(self, key: Hashable, text: str = "") -> bool:
        """Remember a key that is new. Return whether it was new."""
        mark = _mark_of(key)
        if self._newer.has(mark) or (self._older and self._older.has(mark)):
            return False
        self._newer.add(mark, text)
        if self._newer.n >= self._limit:
            self._older, self._newer = self._newer, HashTable(self._limit)
        return True

    def text_of(self, key: Hashable) -> str | None:
        """Return the text of a key; None if the key is not, or no longer, known."""
        mark = _mark_of(key)
        text = self._newer.text_of(mark)
        return self._older.text_of(mark) if text is None and self._older else text


def _mark_of(key: Hashable) -> int:
    return hash(key) & MARK_BITS or REPLACED_EMPTY
