"""Matrix factorisation by Bayesian personalised ranking."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from app.artifacts import Factors
from app.contracts import Count, NotNegative, Positive, Seconds
from app.cpu import one_thread
from offline.data.dataset import Log
from offline.models.factors import build_factors
from offline.models.interactions import LogShape, Sparse, like_matrix

MEAN_DRAWS = 4  # draws of a like of mean weight, if weights differ
MAX_DRAWS = 100  # most draws of one like
RELATIVE_TOLERANCE = 1e-9  # weights that differ by less, relative to the largest, are equal


@dataclass(frozen=True, slots=True)
class BPRConfig:
    """The settings of BPR, and of folding in a user when serving."""

    size: Count = 31  # dimensions; one more holds the item's bias
    rate: Positive = 0.05
    penalty: NotNegative = 0.05  # regularisation of the training
    rounds: Count = 30
    alpha: NotNegative = 5.0  # for the fold-in, as in ``Factors``
    reg: Positive = 50.0  # for the fold-in
    half_life: Seconds = np.inf  # seconds after which an interaction counts half
    propensity_power: NotNegative = 0.0  # above 0: events of popular items count less


def fit_bpr(log: Log, shape: LogShape, config: BPRConfig, seed: int) -> Factors:
    """Learn to rank liked items above others. Items without likes get a vector of zeros.

    Rendle et al.: BPR: Bayesian personalized ranking from implicit feedback, 2009. A like is drawn
    in proportion to its weight. It runs on one thread, so that the same seed gives the same bits.
    """
    from implicit.cpu.bpr import BayesianPersonalizedRanking  # noqa: PLC0415 - the extra "bpr"

    likes = like_matrix(log, shape, config.half_life, config.propensity_power)
    if not likes.nnz:
        return build_factors(np.zeros((shape[1], config.size + 1)), config.alpha, config.reg)
    draws = count_draws(likes.data)
    with one_thread():
        model = BayesianPersonalizedRanking(
            factors=config.size,
            learning_rate=config.rate,
            regularization=config.penalty,
            iterations=count_rounds(config.rounds, draws),
            num_threads=1,
            random_state=seed,
        )
        model.fit(repeat_likes(likes, draws), show_progress=False)
    return build_factors(model.item_factors, config.alpha, config.reg)


def count_draws(weights: NDArray[np.float64]) -> NDArray[np.int64]:
    """Convert weights to whole numbers of draws: at least one, about MEAN_DRAWS on average."""
    if np.ptp(weights) <= RELATIVE_TOLERANCE * weights.max():
        return np.ones(len(weights), np.int64)
    wanted = np.rint(MEAN_DRAWS * weights / weights.mean())
    draws: NDArray[np.int64] = np.clip(wanted, 1, MAX_DRAWS).astype(np.int64)
    return draws


def count_rounds(rounds: int, draws: NDArray[np.int64]) -> int:
    """Return the rounds in which likes of so many draws are drawn as often as once a round."""
    return max(1, round(rounds / float(draws.mean())))


def repeat_likes(likes: Sparse, draws: NDArray[np.int64]) -> csr_matrix[np.float32]:
    """Repeat each like as often as it is drawn, because the library draws its entries evenly."""
    ends = np.concatenate([[0], np.cumsum(draws)])[likes.indptr]
    ones = np.ones(int(draws.sum()), np.float32)
    return csr_matrix((ones, np.repeat(likes.indices, draws), ends), shape=likes.shape)
