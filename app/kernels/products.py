"""The product of two vectors, in the same order of additions on every machine."""

import numpy as np
from numpy.typing import NDArray

from app.kernels.compiled import inline

LANES = 8  # partial sums of a product: a single sum would wait for each addition


@inline
def dot(a: NDArray[np.float32], b: NDArray[np.float32]) -> np.float32:
    """Return the product of two vectors, summed in eight lanes."""
    n = len(a)
    s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = np.float32(0.0)
    whole = n - n % LANES
    for d in range(0, whole, LANES):
        s0 += a[d] * b[d]
        s1 += a[d + 1] * b[d + 1]
        s2 += a[d + 2] * b[d + 2]
        s3 += a[d + 3] * b[d + 3]
        s4 += a[d + 4] * b[d + 4]
        s5 += a[d + 5] * b[d + 5]
        s6 += a[d + 6] * b[d + 6]
        s7 += a[d + 7] * b[d + 7]
    total = ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7))
    for d in range(whole, n):
        total += a[d] * b[d]
    return total
