"""Matrix factorisation of ratings, with biases, by stochastic gradient descent."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from app.artifacts import Factors
from app.contracts import Count, NotNegative, Positive, Seconds
from offline.data.dataset import Log
from offline.models.factors import RatingModel, build_factors
from offline.models.interactions import LogShape, time_decay


@dataclass(frozen=True, slots=True)
class SGDConfig:
    """The settings of the rating model, and of folding in a user when serving."""

    size: Count = 32  # dimensions
    rate: Positive = 0.02
    penalty: NotNegative = 0.1  # regularisation of the training
    rounds: Count = 15
    batch: Count = 1_000  # ratings per gradient step
    spread: Positive = 0.1  # standard deviation of the first vectors
    alpha: NotNegative = 5.0  # for the fold-in, as in ``Factors``
    reg: Positive = 20.0  # for the fold-in
    half_life: Seconds = np.inf  # seconds after which a rating counts half


def fit_sgd(log: Log, shape: LogShape, config: SGDConfig, seed: int) -> Factors:
    """Fit the ratings and return the item vectors without their biases, for the fold-in."""
    items = fit_sgd_ratings(log, shape, config, seed).items[:, :-1]
    return build_factors(items, config.alpha, config.reg)


def fit_sgd_ratings(log: Log, shape: LogShape, config: SGDConfig, seed: int) -> RatingModel:
    """Fit vectors and biases. Rows without ratings stay at zero.

    Koren, Bell, Volinsky: Matrix factorization techniques for recommender systems, 2009, eq. 5.
    """
    random = np.random.default_rng(seed)
    users = _start(random, np.bincount(log.users, minlength=shape[0]) > 0, config)
    items = _start(random, np.bincount(log.items, minlength=shape[1]) > 0, config)
    ratings = RatingModel(float(log.values.mean()) if len(log) else 0.0, users, items)
    rates = config.rate * time_decay(log, config.half_life)[:, None]
    for _ in range(config.rounds):
        order = random.permutation(len(log))
        for start in range(0, len(log), config.batch):
            drawn = order[start : start + config.batch]
            _step(ratings, log.take(drawn), rates[drawn], config.penalty)
    return ratings


def _start(
    random: np.random.Generator, is_rated: NDArray[np.bool_], config: SGDConfig
) -> NDArray[np.float64]:
    vectors = random.normal(0.0, config.spread, (len(is_rated), config.size + 1))
    vectors[:, -1] = 0.0
    return vectors * is_rated[:, None]


def _step(ratings: RatingModel, batch: Log, rates: NDArray[np.float64], penalty: float) -> None:
    """Move the vectors of these ratings, all at once, against the gradient of the squared error."""
    errors = (batch.values - ratings.predict(batch.users, batch.items))[:, None]
    p, q = ratings.users[batch.users], ratings.items[batch.items]
    step_q, step_p = q.copy(), p.copy()
    step_q[:, -1] = step_p[:, -1] = 1.0
    _add(ratings.users, batch.users, rates * (errors * step_q - penalty * p))
    _add(ratings.items, batch.items, rates * (errors * step_p - penalty * q))


def _add(to: NDArray[np.float64], rows: NDArray[np.integer], moves: NDArray[np.float64]) -> None:
    """Add ``moves``, (m, d), to rows that may repeat."""
    unique, at = np.unique(rows, return_inverse=True)
    gather = csr_array((np.ones(len(rows)), (at, np.arange(len(rows)))))
    to[unique] += gather @ moves
