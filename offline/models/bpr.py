"""Matrix factorisation by Bayesian personalised ranking."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from app.artifacts import Factors
from app.bounds import Count, NotNegative, Positive, Seconds
from app.cpu import one_thread
from offline.data.dataset import Log
from offline.models.factors import build_factors
from offline.models.interactions import LogShape, Sparse, like_matrix

MEAN_DRAWS = 4  # draws of a like of mean weight, where weights differ
MAX_DRAWS = 100  # of one like
RELATIVE_TOLERANCE = 1e-9  # weights no further apart, relative to the greatest, are equal


@dataclass(frozen=True, slots=True)
class BPRConfig:
    """How the vectors are learnt, and how a user is folded in."""

    size: Count = 31  # dimensions; one more holds the item's bias
    rate: Positive = 0.05
    penalty: NotNegative = 0.05  # regularisation of the training
    rounds: Count = 30
    alpha: NotNegative = 5.0  # of the fold-in, as in Factors
    reg: Positive = 50.0  # of the fold-in
    half_life: Seconds = np.inf  # seconds after which an interaction counts half
    propensity_power: NotNegative = 0.0  # above 0: events count less the more popular their item


def fit_bpr(log: Log, shape: LogShape, config: BPRConfig, seed: int) -> Factors:
    """Learn to rank liked items above others; items without likes get a vector of zeros.

    Rendle et al.: BPR: Bayesian personalized ranking from implicit feedback, 2009. One thread:
    the same seed gives the same bits. A like is drawn as often as its weight says.
    """
    from implicit.cpu.bpr import BayesianPersonalizedRanking  # noqa: PLC0415 - the extra "bpr"

    likes = like_matrix(log, shape, config.half_life, config.propensity_power)
    if not likes.nnz:
        return build_factors(np.zeros((shape[1], config.size + 1)), config.alpha, config.reg)
    often = _often(likes.data)
    with one_thread():
        model = BayesianPersonalizedRanking(
            factors=config.size,
            learning_rate=config.rate,
            regularization=config.penalty,
            iterations=max(1, round(config.rounds / often.mean())),
            num_threads=1,
            random_state=seed,
        )
        model.fit(_repeated(likes, often), show_progress=False)
    return build_factors(model.item_factors, config.alpha, config.reg)


def _often(weights: NDArray[np.float64]) -> NDArray[np.int64]:
    """Turn weights into whole numbers of draws, at least one, about STEPS on average."""
    if np.ptp(weights) <= RELATIVE_TOLERANCE * weights.max():
        return np.ones(len(weights), np.int64)
    draws = np.rint(MEAN_DRAWS * weights / weights.mean())
    often: NDArray[np.int64] = np.clip(draws, 1, MAX_DRAWS).astype(np.int64)
    return often


def _repeated(likes: Sparse, often: NDArray[np.int64]) -> csr_matrix[np.float32]:
    """List each like as often as it is drawn: the library draws evenly from what is listed."""
    ends = np.concatenate([[0], np.cumsum(often)])[likes.indptr]
    ones = np.ones(int(often.sum()), np.float32)
    return csr_matrix((ones, np.repeat(likes.indices, often), ends), shape=likes.shape)
