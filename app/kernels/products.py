"""The product of two vectors, in the same order of additions on every machine."""

import numpy as np
from numpy.typing import NDArray

from app.kernels.compiled import inline

LANES = 8  # partial sums of a product: a single sum would wait for each addition
# An index without a sign is not checked for counting from the end, which halves the time.
N_LANES = np.uint64(LANES)
D1, D2, D3, D4, D5, D6, D7 = map(np.uint64, range(1, LANES))
BLOCK = 32  # entries of a loop over a vector of the processor, four at a time


@inline
def row_product(items: NDArray[np.float32], row: int, vector: NDArray[np.float32]) -> np.float32:
    """Return the product of one row of a matrix with a vector, summed in eight lanes."""
    r, n = np.uint64(row), np.uint64(len(vector))
    s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = np.float32(0.0)
    whole = n - n % N_LANES
    for d in range(np.uint64(0), whole, N_LANES):
        s0 += items[r, d] * vector[d]
        s1 += items[r, d + D1] * vector[d + D1]
        s2 += items[r, d + D2] * vector[d + D2]
        s3 += items[r, d + D3] * vector[d + D3]
        s4 += items[r, d + D4] * vector[d + D4]
        s5 += items[r, d + D5] * vector[d + D5]
        s6 += items[r, d + D6] * vector[d + D6]
        s7 += items[r, d + D7] * vector[d + D7]
    total = ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7))
    for d in range(whole, n):
        total += items[r, d] * vector[d]
    return total


@inline
def side_by_side(items: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the rows of a matrix as columns, (d, n); zeros fill the last block of columns."""
    width = -(-len(rows) // BLOCK) * BLOCK
    columns = np.zeros((items.shape[1], width), np.float32)
    for i in range(len(rows)):
        row = np.uint64(rows[i])
        for d in range(items.shape[1]):
            columns[d, i] = items[row, d]
    return columns


@inline
def add_products(
    sums: NDArray[np.float32], columns: NDArray[np.float32], vector: NDArray[np.float32]
) -> None:
    """Add the products of all columns (d, n) with a vector (d,) to ``sums``, (n,)."""
    size = len(vector)
    whole = size - size % 4
    for d in range(0, whole, 4):  # four dimensions for each reading of the sums
        v0, v1, v2, v3 = vector[d], vector[d + 1], vector[d + 2], vector[d + 3]
        for i in range(len(sums)):
            total = sums[i] + columns[d, i] * v0
            total += columns[d + 1, i] * v1
            total += columns[d + 2, i] * v2
            sums[i] = total + columns[d + 3, i] * v3
    for d in range(whole, size):
        for i in range(len(sums)):
            sums[i] += columns[d, i] * vector[d]
