"""Linear ranking by lists: the weights under which what users took stands out of their pools."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from offline.training.rank_table import RankTable

ITERATIONS = 200

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Pools:
    """Rows of a table in groups; one in which nothing was taken says nothing."""

    features: Floats  # (m, f) standardised
    starts: NDArray[np.int64]  # (g,)
    owner: NDArray[np.int64]  # (m,)
    shares: Floats  # (m,) 0 where not taken; of every group the same sum

    @classmethod
    def of(cls, features: Floats, table: RankTable) -> "Pools":
        """Weigh groups alike, whether a user took one item or fifty: so does mean NDCG."""
        owner = np.repeat(np.arange(len(table.groups)), table.groups)
        taken = np.bincount(owner, table.labels)
        shares = table.labels * taken.mean() / np.maximum(taken, 1.0)[owner]
        if table.weights is not None:
            shares = shares * table.weights
        return cls(features, np.cumsum(table.groups) - table.groups, owner, shares)

    def loss(self, weights: Floats) -> tuple[float, Floats]:
        """Give the cross entropy of shares and softmax, and its gradient (f,)."""
        odds = self.features @ weights
        odds -= np.maximum.reduceat(odds, self.starts)[self.owner]
        powers = np.exp(odds)
        sums = np.add.reduceat(powers, self.starts)
        each = np.add.reduceat(self.shares, self.starts)
        value = each @ np.log(sums) - self.shares @ odds
        missed = (each / sums)[self.owner] * powers - self.shares
        return float(value), missed @ self.features


def fit_listwise_weights(pools: Pools, rising: NDArray[np.bool_], penalty: float) -> Floats:
    """Give the weights (f,) of least cross entropy (ListNet: Cao et al., 2007) and L2 penalty.

    ``rising`` (f,) says which may not be negative: what channels say is much alike, and left free
    the weight of one is played off against another's.
    """

    def loss(weights: Floats) -> tuple[float, Floats]:
        value, slope = pools.loss(weights)
        return value + penalty / 2 * float(weights @ weights), slope + penalty * weights

    bounds = [(0.0 if positive else None, None) for positive in rising]
    start = np.zeros(len(rising))
    found = minimize(
        loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": ITERATIONS}
    )
    return np.asarray(found.x, np.float64)
