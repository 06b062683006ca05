"""Models whose score is a dot product: ALS and BPR of implicit, LightFM, SVD of Surprise."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from benchmarks.quality.peers.peer import CatalogueScores


@dataclass(frozen=True, slots=True, eq=False)
class VectorModel:
    """Scores are ``users @ items.T + biases``."""

    users: NDArray[np.float32]  # (u, d)
    items: NDArray[np.float32]  # (n, d)
    biases: NDArray[np.float32]  # (n,)

    def score_users(self, users: NDArray[np.int64]) -> CatalogueScores:
        """Score the catalogue for users of the training data."""
        return self.users[users] @ self.items.T + self.biases

    def score_histories(self, histories: sparse.csr_matrix) -> CatalogueScores:
        """Raise: these peers do not fold in.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(f"no fold-in for these {histories.shape[0]} histories")
