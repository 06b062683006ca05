"""Code that the factorisations share: vectors for folding in users, and rating models."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.artifacts import Factors
from offline.data.dataset import Log


def build_factors(
    items: NDArray[np.floating], alpha: float, reg: float, power: float = 0.0, n_liked: int = 1
) -> Factors:
    """Build the factors from item vectors, (n, d), and compute their Gram matrix.

    Raises:
        FloatingPointError: a vector is not finite, because training diverged.
    """
    if not np.isfinite(items).all():
        raise FloatingPointError(
            "the factorisation diverged: item vectors are not finite; lower the learning rate"
        )
    exact = items.astype(np.float64)
    gram = np.einsum("nd,ne->de", exact, exact)  # not BLAS: its threads would change the bits
    exact_items = np.ascontiguousarray(items, np.float32)
    return Factors(exact_items, gram.astype(np.float32), alpha, reg, power, n_liked)


@dataclass(frozen=True, slots=True, eq=False)
class RatingModel:
    """Predicts a rating as ``mean + user bias + item bias + p·q``. The last column is the bias."""

    mean: float
    users: NDArray[np.float64]  # (u, d + 1)
    items: NDArray[np.float64]  # (n, d + 1)

    def predict(
        self, users: NDArray[np.integer], items: NDArray[np.integer]
    ) -> NDArray[np.float64]:
        p, q = self.users[users], self.items[items]
        products: NDArray[np.float64] = np.einsum("md,md->m", p[:, :-1], q[:, :-1])
        rating: NDArray[np.float64] = self.mean + p[:, -1] + q[:, -1] + products
        return rating

    def rmse(self, log: Log) -> float:
        errors = log.values - self.predict(log.users, log.items)
        return float(np.sqrt(np.mean(errors**2)))
