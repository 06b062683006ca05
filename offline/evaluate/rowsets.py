"""Sets of catalogue rows, one per user: what is relevant, seen, or still in the funnel."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.contracts import Rows, Scores

ROW_BITS = 32  # a (user, row) pair is one int64 key: the user above these bits, the row below


@dataclass(frozen=True, slots=True, eq=False)
class RowSets:
    """One set per user in CSR form, ``rows[indptr[u]:indptr[u + 1]]``.

    Build it with ``of`` or ``of_pairs``, which sort. Users are numbered 0..u-1, in list order.
    """

    indptr: NDArray[np.int64]  # (u + 1,)
    rows: Rows  # (m,) ascending and unique within a user
    grades: Scores  # (m,) > 0, how relevant; 1 where relevance is not graded

    def __len__(self) -> int:
        return len(self.indptr) - 1

    @classmethod
    def of(cls, sets: Sequence[Rows]) -> "RowSets":
        """Join one array of rows per user. Repeats and padding (-1) are dropped; grades are 1."""
        sizes = np.array([len(rows) for rows in sets], np.int64)
        joined = np.concatenate([np.empty(0, np.int64), *sets])
        return cls.of_pairs(np.repeat(np.arange(len(sets)), sizes), joined, len(sets))

    @classmethod
    def of_pairs(
        cls, owners: NDArray[np.integer], rows: Rows, n: int, grades: Scores | None = None
    ) -> "RowSets":
        """Group pairs (m,) of user number and row into the sets of ``n`` users.

        A repeated pair keeps its highest grade. Padding (row -1) is dropped.
        """
        real = rows >= 0
        values = np.ones(len(rows), np.float32) if grades is None else grades.astype(np.float32)
        keys, place = np.unique(_keys(owners[real], rows[real]), return_inverse=True)
        highest = np.zeros(len(keys), np.float32)
        np.maximum.at(highest, place, values[real])
        indptr = np.searchsorted(keys, np.arange(n + 1, dtype=np.int64) << ROW_BITS)
        return cls(indptr.astype(np.int64), keys & ((1 << ROW_BITS) - 1), highest)

    @property
    def sizes(self) -> NDArray[np.int64]:
        """The number of rows of each user, (u,)."""
        return np.diff(self.indptr)

    @property
    def owners(self) -> NDArray[np.int64]:
        """The user number of every row, (m,)."""
        return np.repeat(np.arange(len(self)), self.sizes)

    def grades_of(self, owners: NDArray[np.integer], rows: Rows) -> Scores:
        """Look up pairs of user number and row, of one shape. A row that is not in the set is 0."""
        keys, wanted = _keys(self.owners, self.rows), _keys(owners, rows)
        if not len(keys):
            return np.zeros(wanted.shape, np.float32)
        at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        return np.where((keys[at] == wanted) & (rows >= 0), self.grades[at], np.float32(0))

    def contains(self, other: "RowSets") -> NDArray[np.bool_]:
        """Return whether each row of ``other`` is in the same user's set here, (m,)."""
        return np.asarray(self.grades_of(other.owners, other.rows) > 0)

    def take(self, users: NDArray[np.integer]) -> "RowSets":
        """Select these users' sets, in this order. The users are numbered anew."""
        sizes = self.sizes[users]
        indptr = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        shift = np.repeat(self.indptr[:-1][users] - indptr[:-1], sizes)
        chosen = np.arange(indptr[-1]) + shift
        return RowSets(indptr, self.rows[chosen], self.grades[chosen])


def _keys(owners: NDArray[np.integer], rows: Rows) -> NDArray[np.int64]:
    return (owners.astype(np.int64) << ROW_BITS) | rows.astype(np.int64)
