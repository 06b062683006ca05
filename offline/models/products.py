"""Products of sparse matrices, item by item, a block of items at a time."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from offline.models.interactions import Sparse

BLOCK_ENTRIES = 4_000_000  # entries held at a time: about 300 MB


@dataclass(frozen=True, slots=True, eq=False)
class ProductEntries:
    """The entries of a product of matrices, without most of its zeros."""

    n: int  # columns
    keys: NDArray[np.int64]  # (m,) row * n + column, ascending
    sums: NDArray[np.float64]  # (m,)

    def at(self, keys: NDArray[np.int64]) -> NDArray[np.float64]:
        """Give the entries of these keys, which must exist."""
        return self.sums[np.searchsorted(self.keys, keys)]


def item_blocks(seen: Sparse) -> Iterator[slice]:
    """Cut the items so that no block of ``seenᵀ · seen`` has many more than BLOCK_ENTRIES."""
    n = seen.shape[1]
    entries = np.minimum(seen.T @ np.diff(seen.indptr).astype(np.float64), n)
    cuts = np.flatnonzero(np.diff(np.cumsum(entries) // BLOCK_ENTRIES)) + 1
    for start, end in zip([0, *cuts], [*cuts, n], strict=True):
        yield slice(int(start), int(end))


def sparse_product(left: Sparse, rows: slice, right: Sparse) -> ProductEntries:
    """Multiply some columns of ``left``, transposed, by ``right``."""
    found = left[:, rows].T.tocsr() @ right
    found.sort_indices()
    n = right.shape[1]
    owner = np.repeat(np.arange(rows.stop - rows.start), np.diff(found.indptr))
    keys: NDArray[np.int64] = np.add(owner * n, found.indices, dtype=np.int64)
    return ProductEntries(n, keys, found.data)
