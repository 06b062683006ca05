"""Tags that change while they are read: the bundle's lists, and lists of changed items beside them.

There is one writer, ``app.live_catalogue.live_items``, and any number of readers. A reader may see
the old and the new tags of an item that is being changed, but never those of another item.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from app.catalogue.tag_lists import MAX_COMPARED, TagLists
from app.contracts import Rows

BUNDLE_LIST, EMPTY_LIST = 0, 1  # in ``LiveTags.places``: the bundle's holds; there is no tag
MAX_KEPT_HINTS = 1_000
FIRST_SHAPE = (16, 4)  # lists, tags of each; both double when they are full


@dataclass(slots=True, eq=False)
class ChangedLists:
    """The lists of changed items as rows of a table, and the tags that the bundle does not have.

    A tag that no item has any more leaves nothing behind.
    """

    table: NDArray[np.int32] = field(default_factory=lambda: np.full(FIRST_SHAPE, -1, np.int32))
    places: dict[int, int] = field(default_factory=dict)  # row of the table by item row
    codes: dict[str, int] = field(default_factory=dict)  # of the tags that the bundle lacks
    names: dict[int, str] = field(default_factory=dict)  # the same, by code
    uses: dict[int, int] = field(default_factory=dict)  # number of items by code
    free_codes: list[int] = field(default_factory=list)
    hints: dict[str, list[str]] = field(default_factory=dict)  # answers of ``LiveTags.nearest``

    def place_of(self, row: int, length: int) -> int:
        """Return the place of an item's list of ``length`` tags; the table grows if it is full."""
        place = self.places.setdefault(row, len(self.places) + EMPTY_LIST + 1)
        rows, width = self.table.shape
        if place >= rows or length > width:
            shape = (_doubled(rows, place + 1), _doubled(width, length))
            table = np.full(shape, -1, np.int32)
            table[:rows, :width] = self.table
            self.table = table  # before any item refers to a new place
        return place


@dataclass(frozen=True, slots=True, eq=False)
class LiveTags(TagLists):
    """Tag lists with spare rows, whose items can be changed."""

    places: NDArray[np.int32]  # (n + spare,) row of ``changed.table``; 0: the bundle's list
    changed: ChangedLists = field(default_factory=ChangedLists)

    @classmethod
    def of(cls, base: TagLists, n: int, spare: int) -> "LiveTags":
        """Return the lists of the ``n`` items of ``base``, and ``spare`` rows without tags."""
        places = np.zeros(n + spare, np.int32)  # pages of zeros take no memory
        places[n:] = EMPTY_LIST
        return cls(base.indptr, base.codes, base.names, places)

    def put(self, row: int, tags: Sequence[str] | None) -> None:
        """Set the tags of a row; None restores those of the bundle."""
        before = self._added_codes(row)
        if tags is None:
            is_own = row < len(self.indptr) - 1
            self.places[row] = BUNDLE_LIST if is_own else EMPTY_LIST
        else:
            codes = [self._code(tag) for tag in dict.fromkeys(tags)]
            place = self.changed.place_of(row, len(codes))
            self.changed.table[place] = -1
            self.changed.table[place, : len(codes)] = codes
            self.places[row] = place
        for code in self._added_codes(row):
            self.changed.uses[code] += 1
        for code in before:
            self.changed.uses[code] -= 1
        for code in {*before, *self._added_codes(row)}:
            self._drop_if_unused(code)

    @override
    def find(self, tags: Sequence[str]) -> Rows:
        codes = TagLists.find(self, tags)
        if self.changed.codes:
            for n in (codes < 0).nonzero()[0].tolist():
                codes[n] = self.changed.codes.get(tags[n], -1)
        return codes

    @override
    def pairs(self, rows: Rows) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
        places = self.places[rows]
        is_changed = places != BUNDLE_LIST
        if not is_changed.any():
            return TagLists.pairs(self, rows)
        own, changed = (~is_changed).nonzero()[0], is_changed.nonzero()[0]
        positions, codes = TagLists.pairs(self, rows[own])
        lists = self.changed.table[places[changed]]  # read after the places: it only grows
        position, column = (lists >= 0).nonzero()
        return (
            np.concatenate([own[positions], changed[position]]),
            np.concatenate([codes, lists[position, column]]),
        )

    @override
    def names_of(self, row: int) -> tuple[str, ...]:
        if self.places[row] == BUNDLE_LIST:
            return TagLists.names_of(self, row)
        codes = self.changed.table[self.places[row]]
        own = codes[(codes >= 0) & (codes < len(self.names))].astype(np.int64)
        added = [self.changed.names[code] for code in self._added_codes(row)]
        return (*sorted(self.names.names(own)), *sorted(added))

    @override
    def nearest(self, tag: str) -> list[str]:
        hints = self.changed.hints
        if tag not in hints:
            if len(hints) >= MAX_KEPT_HINTS:
                hints.clear()
            hints[tag] = TagLists.nearest(self, tag)
        return hints[tag]

    @override
    def _names_to_compare(self, tag: str) -> list[str]:
        added = islice(self.changed.codes, MAX_COMPARED)
        return [*TagLists._names_to_compare(self, tag), *added]

    @override
    def every_name(self) -> list[str]:
        return [*TagLists.every_name(self), *sorted(self.changed.codes)]

    def _code(self, tag: str) -> int:
        """Return the code of a tag; one that the bundle lacks gets a new one."""
        code = self.names.row(tag)
        if code >= 0:
            return code
        changed = self.changed
        if tag not in changed.codes:
            code = (
                changed.free_codes.pop()
                if changed.free_codes
                else len(self.names) + len(changed.codes)
            )
            changed.names[code], changed.uses[code], changed.codes[tag] = tag, 0, code
            changed.hints.clear()
        return changed.codes[tag]

    def _added_codes(self, row: int) -> list[int]:
        """Return the codes of a row's tags that the bundle does not have."""
        place = self.places[row]
        codes = self.changed.table[place] if place != BUNDLE_LIST else self.codes[:0]
        return [int(code) for code in codes[codes >= len(self.names)]]

    def _drop_if_unused(self, code: int) -> None:
        if not self.changed.uses[code]:
            self.changed.hints.clear()
            del self.changed.uses[code]
            del self.changed.codes[self.changed.names.pop(code)]
            self.changed.free_codes.append(code)


def _doubled(size: int, needed: int) -> int:
    while size < needed:
        size *= 2
    return size
