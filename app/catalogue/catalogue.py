"""What exists: public ids and their rows, and what is known of each item beside behaviour."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from app.contracts import Rows, Scores

if TYPE_CHECKING:  # which is made of what is here
    from app.catalogue.attributes import Column


@dataclass(frozen=True, slots=True, eq=False)
class IdIndex:
    """Public ids <-> rows. Sorted by bytes, so that a look-up is a binary search, no dict."""

    keys: NDArray[np.bytes_]  # (n,) ascending, unique, UTF-8; an id's position is its row

    def __len__(self) -> int:
        return len(self.keys)

    @classmethod
    def of(cls, ids: Sequence[str]) -> "IdIndex":
        """Number these public ids, repeats allowed, in byte order."""
        return cls(np.unique(np.array([i.encode() for i in ids], dtype=np.bytes_)))

    def rows(self, ids: Sequence[str]) -> Rows:
        """Give the row of each public id; -1 where it is unknown."""
        if not len(self.keys) or not ids:
            return np.full(len(ids), -1, np.int64)
        wanted = np.array([i.encode() for i in ids], dtype=np.bytes_)
        short = wanted.astype(self.keys.dtype)  # longer ids would make numpy widen all the keys
        at = np.minimum(np.searchsorted(self.keys, short), len(self.keys) - 1)
        return np.where(self.keys[at] == wanted, at, -1).astype(np.int64)

    def row(self, name: str) -> int:
        """Give the row of one public id; -1 when it is unknown."""
        return int(self.rows([name])[0])

    def names(self, rows: Rows) -> list[str]:
        """Give the public ids of ``rows``."""
        return [key.decode() for key in self.keys[rows].tolist()]


@dataclass(frozen=True, slots=True, eq=False)
class Texts:
    """Strings by row, end to end in one array that can be mapped into memory."""

    ends: NDArray[np.int64]  # (n + 1,) text r is bytes [ends[r]:ends[r + 1]]; empty: none
    utf8: NDArray[np.uint8]  # (m,)

    def __len__(self) -> int:
        return len(self.ends) - 1

    @classmethod
    def of(cls, texts: Sequence[str | None]) -> "Texts":
        """Pack these texts, None where there is none."""
        packed = [(text or "").encode() for text in texts]
        ends = np.concatenate([[0], np.cumsum([len(text) for text in packed], dtype=np.int64)])
        return cls(ends.astype(np.int64), np.frombuffer(b"".join(packed), np.uint8))

    def tolist(self) -> list[str | None]:
        """Give all texts."""
        return self.take(np.arange(len(self)))

    def take(self, rows: Rows) -> list[str | None]:
        """Give the texts of ``rows``."""
        spans = zip(self.ends[rows].tolist(), self.ends[rows + 1].tolist(), strict=True)
        return [self.utf8[start:end].tobytes().decode() or None for start, end in spans]


NO_FLAGS = np.empty((0, 0), np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class Catalogue:
    """The items, as columns. Every array of the project that is (n, ...) is in this row order."""

    ids: IdIndex
    titles: Texts  # (n,)
    categories: NDArray[np.uint8]  # (n, c) 1 where the item is of the category
    category_names: tuple[str, ...]  # (c,)
    released: Scores  # (n,) year of release or creation, fractions allowed; NaN unknown
    available: NDArray[np.bool_]  # (n,) False: must never be answered
    providers: NDArray[np.int32]  # (n,) who makes or sells it, as a row of the names; -1 unknown
    provider_names: Texts  # (p,)
    flags: NDArray[np.uint8] = field(default_factory=lambda: NO_FLAGS)  # (n, f) policy flags
    flag_names: tuple[str, ...] = ()  # (f,) such as "adult": scenes forbid them
    attributes: "Mapping[str, Column]" = field(default_factory=dict)  # for filters, by name

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def added_count(self) -> int:
        """The number of rows at the end that were taken since the bundle was made."""
        return 0

    @property
    def published_count(self) -> int:
        """The number of items that the bundle knows: their rows come first."""
        return len(self)

    def provider_codes(self, names: Sequence[str]) -> NDArray[np.int32]:
        """Give the codes of those of these providers that are known."""
        known = self.provider_names.tolist()
        return np.array([known.index(name) for name in names if name in known], np.int32)

    def has_category(self, rows: Rows, names: Sequence[str]) -> NDArray[np.bool_]:
        """Say which of ``rows`` are of any of these categories."""
        known = self.category_names
        columns = [known.index(name) for name in names if name in known]
        return np.asarray(self.categories[rows][:, columns].any(axis=1))

    def categories_of(self, rows: Rows) -> list[list[Hashable]]:
        """Give what stands for each category of each row."""
        return [list(np.flatnonzero(marks).tolist()) for marks in self.categories[rows]]

    def has_flag(self, rows: Rows, names: Sequence[str]) -> NDArray[np.bool_]:
        """Say which of ``rows`` have any of these policy flags."""
        columns = [self.flag_names.index(name) for name in names if name in self.flag_names]
        if not columns:
            return np.zeros(len(rows), np.bool_)
        return np.asarray(self.flags[rows][:, columns].any(axis=1))
