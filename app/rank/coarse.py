"""Coarse ranking: logistic regression, one matrix product for the whole pool."""

from dataclasses import dataclass

import numpy as np

from app.contracts import Matrix, Scores


@dataclass(frozen=True, slots=True, eq=False)
class Coarse:
    """A logistic regression on standardised columns; a missing value counts as the mean."""

    mean: Scores  # (f,)
    scale: Scores  # (f,) standard deviation, never 0
    weights: Scores  # (f,)
    bias: float

    def score(self, features: Matrix) -> Scores:
        """Give log odds, (n,): the order is that of the probability."""
        known = np.where(np.isnan(features), self.mean, features)
        weights = self.weights / self.scale
        scores: Scores = known @ weights + np.float32(self.bias - float(self.mean @ weights))
        return scores
