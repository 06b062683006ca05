"""Assembles item vectors into what serving folds new users into."""

import numpy as np
from numpy.typing import NDArray

from app.artifacts import Factors


def build_factors(
    items: NDArray[np.floating], alpha: float, reg: float, power: float = 0.0, known: int = 1
) -> Factors:
    """Complete item vectors, (n, d), with their Gram matrix.

    Raises:
        FloatingPointError: training diverged.
    """
    if not np.isfinite(items).all():
        raise FloatingPointError(
            "the factorisation diverged: item vectors are not finite; lower the learning rate"
        )
    exact = items.astype(np.float64)
    gram = np.einsum("nd,ne->de", exact, exact)  # not BLAS: its threads would change the bits
    exact_items = np.ascontiguousarray(items, np.float32)
    return Factors(exact_items, gram.astype(np.float32), alpha, reg, power, known)
