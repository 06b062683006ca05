"""Search the catalogue by the beginning of ids and the words of titles, in the order of the ids."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from app.catalogue.catalogue import Catalogue
from app.contracts import Rows

BLOCK_ROWS = 2_000  # whose titles are compared at a time, about 2 ms
AFTER_ALL = b"\xff"  # no UTF-8 text has this byte


@dataclass(frozen=True, slots=True)
class ItemSearch:
    """Which items are wanted."""

    prefix: str = ""  # of the id
    words: str = ""  # each must begin a word of the title, whatever their case and order
    after: str = ""  # only items whose ids come later, in the order of bytes

    def blocks(self, catalogue: Catalogue, added: Mapping[str, int]) -> Iterator[tuple[Rows, str]]:
        """Yield the matching rows of each block of items, in the order of their ids.

        With each block comes the last id of the catalogue up to which it has looked.

        Args:
            catalogue: its first rows are in the order of the ids.
            added: rows by id of items that came after them.
        """
        keys, own = catalogue.ids.keys, self.prefix.encode()
        start = max(bisect_left(keys, own), bisect_right(keys, self.after.encode()))
        end = bisect_left(keys, own + AFTER_ALL)
        new = sorted((name.encode(), row) for name, row in added.items() if self._has_id(name))
        new_keys, at = [key for key, _ in new], 0
        for first in range(start, max(end, start + 1), BLOCK_ROWS):
            rows = np.arange(first, max(min(first + BLOCK_ROWS, end), first))
            is_last = first + BLOCK_ROWS >= end
            limit = AFTER_ALL if is_last else bytes(keys[rows[-1]])
            until = bisect_right(new_keys, limit)
            block = [(bytes(keys[row]), row) for row in rows.tolist()] if until > at else []
            if block or until > at:  # both, in the order of their ids
                rows = np.array([row for _, row in sorted([*block, *new[at:until]])], np.int64)
            at = until
            yield self._matching(catalogue, rows), "" if is_last else limit.decode()

    def _has_id(self, name: str) -> bool:
        return name.startswith(self.prefix) and name.encode() > self.after.encode()

    def _matching(self, catalogue: Catalogue, rows: Rows) -> Rows:
        """Return the rows whose titles have all of the words."""
        tests = [re.compile(rf"(?<!\w){re.escape(word)}") for word in self.words.casefold().split()]
        if not tests:
            return rows
        titles = catalogue.titles.take(rows)
        folded = [(title or "").casefold() for title in titles]
        matches = [all(test.search(title) for test in tests) for title in folded]
        return rows[np.array(matches, np.bool_)]
