"""Matrix factorisation of ratings, with biases, by stochastic gradient descent."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from app.artifacts import Factors
from app.contracts import Count, NotNegative, Positive, Seconds
from offline.data.dataset import Log
from offline.models.factors import RatingModel, build_factors
from offline.models.interactions import LogShape, time_decay

MAX_SUMMED = 10  # steps that one row takes in one batch; more at once overshoot, see ``_add``
MAX_STEP_ERROR = 10.0  # larger errors count as this: an amount can be a hundred times the mean
ROUNDING = 0.1  # error that is no divergence where all ratings are equal
MAX_ERROR = 1.1  # of the model on its own ratings, relative to that of their mean
WIDE_SPREAD = 4.0  # standard deviation from which values are scaled down; that of stars is about 1


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

    Values that spread much more than stars, such as amounts, are scaled down for the steps.

    Raises:
        FloatingPointError: the model fits worse than the mean of all ratings: it diverged.

    Koren, Bell, Volinsky: Matrix factorization techniques for recommender systems, 2009, eq. 5.
    """
    random = np.random.default_rng(seed)
    users = _start(random, np.bincount(log.users, minlength=shape[0]) > 0, config)
    items = _start(random, np.bincount(log.items, minlength=shape[1]) > 0, config)
    if not len(log):
        return RatingModel(0.0, users, items)
    mean, spread = float(log.values.mean()), float(log.values.std(dtype=np.float64))
    scale = max(spread / WIDE_SPREAD, 1.0)
    scaled = replace(log, values=mean + (log.values - mean) / scale)
    ratings = RatingModel(mean, users, items)
    rates = config.rate * time_decay(log, config.half_life)[:, None]
    for _ in range(config.rounds):
        order = random.permutation(len(log))
        for start in range(0, len(log), config.batch):
            drawn = order[start : start + config.batch]
            with np.errstate(over="ignore", invalid="ignore"):  # checked at the end
                _step(ratings, scaled.take(drawn), rates[drawn], config.penalty)
    users *= scale
    items[:, -1] *= scale
    with np.errstate(over="ignore", invalid="ignore"):
        error = ratings.rmse(log)
    if not error <= MAX_ERROR * spread + ROUNDING:
        raise FloatingPointError(
            f"the factorisation diverged: its error on its own ratings is {error:.3g}, and that of "
            f"their mean is {spread:.3g}; lower recall.sgd.rate ({config.rate:g}), or use "
            "--factorisation als"
        )
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
    errors = errors.clip(-MAX_STEP_ERROR, MAX_STEP_ERROR)
    p, q = ratings.users[batch.users], ratings.items[batch.items]
    step_q, step_p = q.copy(), p.copy()
    step_q[:, -1] = step_p[:, -1] = 1.0
    _add(ratings.users, batch.users, rates * (errors * step_q - penalty * p))
    _add(ratings.items, batch.items, rates * (errors * step_p - penalty * q))


def _add(to: NDArray[np.float64], rows: NDArray[np.integer], moves: NDArray[np.float64]) -> None:
    """Add ``moves``, (m, d), to rows that may repeat.

    All moves of a row start from the same point. So many of them together would overshoot: where
    a batch has few users or items, their sum is scaled down to that of ``MAX_SUMMED`` moves.
    """
    unique, at, counts = np.unique(rows, return_inverse=True, return_counts=True)
    gather = csr_array((np.ones(len(rows)), (at, np.arange(len(rows)))))
    to[unique] += (gather @ moves) * np.minimum(1.0, MAX_SUMMED / counts)[:, None]
