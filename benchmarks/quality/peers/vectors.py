"""Models whose score is a dot product: ALS and BPR of implicit, LightFM, SVD of Surprise."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from benchmarks.quality.peers.peer import Scores


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """Scores are ``users @ items.T + biases``."""

    users: NDArray[np.float32]  # (u, d)
    items: NDArray[np.float32]  # (n, d)
    biases: NDArray[np.float32]  # (n,)

    def known(self, users: NDArray[np.int64]) -> Scores:
        """Score the catalogue for users of the training data."""
        scores: Scores = self.users[users] @ self.items.T + self.biases
        return scores

    def folded(self, histories: sparse.csr_matrix) -> Scores:
        """Say that these libraries are not asked to fold in.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(f"no fold-in for these {histories.shape[0]} histories")
