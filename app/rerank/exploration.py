"""Exploration: which item the crowd has told us too little about."""

import numpy as np
from numpy.typing import NDArray

from app.contracts import Scores


def ucb(
    relevance: Scores, tried: NDArray[np.float64], trials: float, beta: float
) -> NDArray[np.float64]:
    """Give upper confidence bounds, ``relevance + beta·sqrt(log(trials) / tried)``, (n,).

    UCB1 (Auer, Cesa-Bianchi, Fischer, 2002).

    Args:
        relevance: (n,) in [0, 1].
        tried: (n,) how often each item was shown or acted on; less than 1 counts as 1.
        trials: how often any item was.
        beta: how much doubt is worth.
    """
    doubt = np.sqrt(np.log(max(trials, np.e)) / np.maximum(tried, 1.0))
    bounds: NDArray[np.float64] = relevance + beta * doubt
    return bounds
