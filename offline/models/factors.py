"""Assembles item vectors into what serving folds new users into; pins what threads would change."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from app.artifacts import Factors
from offline.models.interactions import Sparse


def factors(items: NDArray[np.floating], alpha: float, reg: float) -> Factors:
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
    return Factors(np.ascontiguousarray(items, np.float32), gram.astype(np.float32), alpha, reg)


def confidences(liked: Sparse, alpha: float) -> csr_matrix[np.float32]:
    """Give ``1 + alpha·weight`` where a user likes an item, as the library wants it."""
    data = (1.0 + alpha * liked.data).astype(np.float32)
    return csr_matrix((data, liked.indices, liked.indptr), shape=liked.shape)
