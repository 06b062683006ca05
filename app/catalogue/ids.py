"""Public ids and texts as arrays that can be mapped into memory."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.contracts import Rows


@dataclass(frozen=True, slots=True, eq=False)
class IdIndex:
    """Public ids <-> rows. The ids are sorted by bytes: a look-up is a binary search, no dict."""

    keys: NDArray[np.bytes_]  # (n,) ascending, unique, UTF-8; an id's position is its row

    def __len__(self) -> int:
        return len(self.keys)

    @classmethod
    def of(cls, ids: Sequence[str]) -> "IdIndex":
        """Number these public ids in byte order; repeats are allowed."""
        return cls(np.unique(np.array([i.encode() for i in ids], dtype=np.bytes_)))

    def rows(self, ids: Sequence[str]) -> Rows:
        """Return the row of each public id; -1 for an unknown one."""
        if not len(self.keys) or not ids:
            return np.full(len(ids), -1, np.int64)
        wanted = np.array([i.encode() for i in ids], dtype=np.bytes_)
        short = wanted.astype(self.keys.dtype)  # longer ids would make numpy widen all the keys
        positions = np.minimum(np.searchsorted(self.keys, short), len(self.keys) - 1)
        return np.where(self.keys[positions] == wanted, positions, -1).astype(np.int64)

    def row(self, name: str) -> int:
        """Return the row of one public id; -1 for an unknown one."""
        key = name.encode()
        at = bisect_left(self.keys, key)
        return at if at < len(self.keys) and self.keys[at] == key else -1

    def names(self, rows: Rows) -> list[str]:
        return [key.decode() for key in self.keys[rows].tolist()]


@dataclass(frozen=True, slots=True, eq=False)
class Texts:
    """Strings by row, end to end in one array."""

    ends: NDArray[np.int64]  # (n + 1,) text r is bytes [ends[r]:ends[r + 1]]; empty: no text
    utf8: NDArray[np.uint8]  # (m,)

    def __len__(self) -> int:
        return len(self.ends) - 1

    @classmethod
    def of(cls, texts: Sequence[str | None]) -> "Texts":
        """Pack these texts; None means no text."""
        packed = [(text or "").encode() for text in texts]
        ends = np.concatenate([[0], np.cumsum([len(text) for text in packed], dtype=np.int64)])
        return cls(ends.astype(np.int64), np.frombuffer(b"".join(packed), np.uint8))

    def tolist(self) -> list[str | None]:
        return self.take(np.arange(len(self)))

    def take(self, rows: Rows) -> list[str | None]:
        utf8 = self.utf8.data  # slices of it are much cheaper than those of an array
        spans = zip(self.ends[rows].tolist(), self.ends[rows + 1].tolist(), strict=True)
        return [str(utf8[start:end], "utf-8") or None for start, end in spans]
