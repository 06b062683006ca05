"""The exact search of vectors: the rows with the largest products."""

import numpy as np
from numpy.typing import NDArray

from app.kernels.compiled import kernel, read, scalar
from app.kernels.products import row_product
from app.kernels.selection import best_of


@kernel((read("f4", 2), read("f4"), scalar("i8"), read("i8"), scalar("i8")))
def nearest_rows(
    items: NDArray[np.float32],
    vector: NDArray[np.float32],
    n: int,
    excluded: NDArray[np.int64],
    limit: int,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the rows with the largest products above 0, best first, and the products.

    Equal products stand in the order of their rows.

    Args:
        items: (n or more, d)
        vector: (d,)
        n: only the first ``n`` rows are searched.
        excluded: (e,) ascending, 0 or larger; these rows are left out.
        limit: how many to return, at most.
    """
    rows, products = np.empty(n, np.int64), np.empty(n, np.float32)
    size, at = 0, 0
    for row in range(n):
        while at < len(excluded) and excluded[at] < row:
            at += 1
        is_excluded = at < len(excluded) and excluded[at] == row
        product = row_product(items, row, vector)
        rows[size], products[size] = row, product
        size += product > 0 and not is_excluded
    return best_of(rows[:size], products[:size], limit)
