"""Fine ranking: gradient-boosted trees (LightGBM, lambdarank)."""

from dataclasses import dataclass

import lightgbm
import numpy as np

from app.contracts import Matrix, Scores


@dataclass(frozen=True, slots=True, eq=False)
class Fine:
    """A LightGBM model in memory, one thread a call: parallelism comes from requests."""

    booster: lightgbm.Booster

    def score(self, features: Matrix) -> Scores:
        """Give raw scores, (n,)."""
        if not len(features):
            return np.empty(0, np.float32)
        scores: Scores = self.booster.predict(features, num_threads=1).astype(np.float32)
        return scores
