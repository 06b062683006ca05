"""Matrix factorisation by Bayesian personalised ranking."""

from dataclasses import dataclass

import numpy as np
from implicit.cpu.bpr import BayesianPersonalizedRanking

from app.artifacts import Factors
from offline.data.dataset import Log
from offline.models.factors import confidences, factors
from offline.models.interactions import Shape, liked
from offline.models.threads import one_thread


@dataclass(frozen=True, slots=True)
class BPRConfig:
    """How the vectors are learnt, and how a user is folded in."""

    size: int = 31  # dimensions; one more holds the item's bias
    rate: float = 0.05
    penalty: float = 0.05  # regularisation of the training
    rounds: int = 30
    alpha: float = 5.0  # of the fold-in, as in Factors
    reg: float = 50.0  # of the fold-in


def fit(log: Log, shape: Shape, config: BPRConfig, seed: int) -> Factors:
    """Learn to rank liked items above others; items without likes get a vector of zeros.

    Rendle et al.: BPR: Bayesian personalized ranking from implicit feedback, 2009. One thread:
    the same seed gives the same bits.
    """
    likes = liked(log, shape)
    if not likes.nnz:
        return factors(np.zeros((shape[1], config.size + 1)), config.alpha, config.reg)
    with one_thread():
        model = BayesianPersonalizedRanking(
            factors=config.size,
            learning_rate=config.rate,
            regularization=config.penalty,
            iterations=config.rounds,
            num_threads=1,
            random_state=seed,
        )
        model.fit(confidences(likes, 1.0), show_progress=False)
    return factors(model.item_factors, config.alpha, config.reg)
