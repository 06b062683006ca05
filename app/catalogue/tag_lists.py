"""The tags of items, all categories or all policy flags, as lists in CSR form.

The matrix ``Catalogue.categories`` has only the frequent categories, for the models. Filters,
blocks, caps and scenes read these lists, which have every tag.
"""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.catalogue.ids import IdIndex
from app.contracts import Rows

MAX_TAG_BYTES = 256  # the same limit as for an id; longer ones of a file are cut
MAX_COMPARED = 500  # tags that are compared with a misspelt one: about 2 ms
MAX_HINTS = 3  # tags that a misspelt one may stand for
MIN_LIKENESS = 0.7  # ratio of difflib; two words with one letter wrong have 0.75 and more
FEW_CODES = 8  # compared one by one: np.isin takes longer for so few


@dataclass(frozen=True, slots=True, eq=False)
class TagLists:
    """The tags of each item: those of row r are ``codes[indptr[r]:indptr[r + 1]]``."""

    indptr: NDArray[np.int64]  # (n + 1,)
    codes: NDArray[np.int32]  # (m,) rows of ``names``, ascending within an item
    names: IdIndex  # (v,) the different tags

    @classmethod
    def without_tags(cls, n: int) -> "TagLists":
        """Return the lists of ``n`` items that have no tags."""
        return cls(np.zeros(n + 1, np.int64), np.empty(0, np.int32), IdIndex.of([]))

    @classmethod
    def of_pairs(
        cls, rows: NDArray[np.integer], codes: NDArray[np.integer], names: IdIndex, n: int
    ) -> "TagLists":
        """Build the lists of ``n`` items from pairs of an item and a tag.

        Args:
            rows: (m,) of the items, in any order; no pair comes twice.
            codes: (m,) the tags, as rows of ``names``.
            names: the different tags.
            n: the number of items.
        """
        order = np.lexsort((codes, rows))
        counts = np.bincount(rows, minlength=n)
        indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        return cls(indptr, codes[order].astype(np.int32), names)

    @classmethod
    def of_marks(cls, marks: NDArray[np.uint8], names: Sequence[str]) -> "TagLists":
        """Build the lists from a matrix, (n, v), with 1 where an item has the tag."""
        index = IdIndex.of(names)
        rows, columns = marks.nonzero()
        return cls.of_pairs(rows, index.rows(names)[columns], index, len(marks))

    def find(self, tags: Sequence[str]) -> Rows:
        """Return the code of each tag; -1 for one that no item has."""
        return self.names.rows(tags)

    def has_any(self, rows: Rows, tags: Sequence[str]) -> NDArray[np.bool_]:
        """Return whether each of ``rows`` has any of these tags, (n,). The cost is that of rows."""
        return self.has_any_code(rows, self.find(tags))

    def has_any_code(self, rows: Rows, wanted: Rows) -> NDArray[np.bool_]:
        """Return whether each of ``rows`` has any of the tags with these codes; -1 is none."""
        mask = np.zeros(len(rows), np.bool_)
        wanted = wanted[wanted >= 0]
        if len(wanted):
            positions, codes = self.pairs(rows)
            mask[positions[_is_among(codes, wanted)]] = True
        return mask

    def pairs(self, rows: Rows) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
        """Return every pair of a position in ``rows`` and the code of a tag there, (p,) each."""
        starts = self.indptr[rows]
        counts = self.indptr[rows + 1] - starts
        positions = np.repeat(np.arange(len(rows)), counts)
        first = np.cumsum(counts) - counts
        within = np.arange(len(positions)) - np.repeat(first, counts)
        return positions, self.codes[np.repeat(starts, counts) + within]

    def codes_of(self, rows: Rows) -> list[list[int]]:
        """Return the codes of each row's tags."""
        lists: list[list[int]] = [[] for _ in range(len(rows))]
        positions, codes = self.pairs(rows)
        for position, code in zip(positions.tolist(), codes.tolist(), strict=True):
            lists[position].append(code)
        return lists

    def names_of(self, row: int) -> tuple[str, ...]:
        """Return the names of one row's tags, in byte order."""
        codes = self.codes[self.indptr[row] : self.indptr[row + 1]]
        return tuple(self.names.names(codes.astype(np.int64)))

    def nearest(self, tag: str) -> list[str]:
        """Return the tags that a misspelt one may stand for, at most ``MAX_HINTS``, best first.

        Among many tags only those with the same first letter are compared.
        """
        folded = {name.casefold(): name for name in reversed(self._names_to_compare(tag))}
        near = difflib.get_close_matches(tag.casefold(), folded, MAX_HINTS, MIN_LIKENESS)
        return [folded[name] for name in near]

    def _names_to_compare(self, tag: str) -> list[str]:
        keys = self.names.keys
        if len(keys) <= MAX_COMPARED:
            return self.names.names(np.arange(len(keys)))
        parts = []
        for start in {tag[:1].lower().encode(), tag[:1].upper().encode()}:
            low, high = np.searchsorted(keys, np.array([start, start + b"\xff"]))
            parts.append(np.arange(low, high))
        rows = np.concatenate(parts)
        distance = np.abs(np.char.str_len(keys[rows]) - len(tag.encode()))
        return self.names.names(np.sort(rows[np.argsort(distance, kind="stable")[:MAX_COMPARED]]))

    def every_name(self) -> list[str]:
        """Return every tag. There can be 100,000."""
        return self.names.names(np.arange(len(self.names)))


NO_TAGS = TagLists.without_tags(0)  # stands for lists that are not set


def cut_tag(name: str) -> str:
    """Return a tag in the form in which it is stored: without NUL, at most 256 bytes."""
    return name.replace("\0", "").encode()[:MAX_TAG_BYTES].decode(errors="ignore")


def mark_tags(lists: TagLists, codes: Iterable[int]) -> NDArray[np.uint8]:
    """Return a matrix, (n, len(codes)), with 1 where an item has the tag of the column."""
    kept = np.fromiter(codes, np.int64)
    column = np.full(len(lists.names), -1, np.int64)
    column[kept] = np.arange(len(kept))
    n = len(lists.indptr) - 1
    rows = np.repeat(np.arange(n), np.diff(lists.indptr))
    columns = column[lists.codes]
    marks = np.zeros((n, len(kept)), np.uint8)
    marks[rows[columns >= 0], columns[columns >= 0]] = 1
    return marks


def _is_among(codes: NDArray[np.int32], wanted: Rows) -> NDArray[np.bool_]:
    if len(wanted) > FEW_CODES:
        return np.isin(codes, wanted)
    is_wanted = np.zeros(len(codes), np.bool_)
    for code in wanted.tolist():
        is_wanted |= codes == code
    return is_wanted
