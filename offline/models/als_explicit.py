"""Matrix factorisation with biases for ratings, by alternating least squares."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.artifacts import Factors
from app.bounds import Count, NotNegative, Positive, Seconds
from app.cpu import one_thread
from offline.data.dataset import Log
from offline.models.factors import RatingModel, build_factors
from offline.models.interactions import (
    LogShape,
    Sparse,
    entry_rows,
    event_matrix,
    latest_events,
    time_decay,
    with_entries,
)

BLOCK_CELLS = 10_000_000  # cells of the normal equations held at a time: 80 MB
EPSILON = 1e-12  # keeps the equations solvable where all ratings have faded away


@dataclass(frozen=True, slots=True)
class ExplicitALSConfig:
    """How ratings are learnt, and how a user is folded in."""

    size: Count = 32  # dimensions
    penalty: Positive = 0.1  # regularisation of the vectors, per rating
    bias_penalty: NotNegative = 5.0  # ratings at which a bias counts half
    rounds: Count = 10
    spread: Positive = 0.1  # standard deviation of the first vectors
    half_life: Seconds = np.inf  # seconds after which a rating counts half
    alpha: NotNegative = 5.0  # of the fold-in, as in Factors
    reg: Positive = 20.0  # of the fold-in


def fit_explicit_als(log: Log, shape: LogShape, config: ExplicitALSConfig, seed: int) -> Factors:
    """Learn the ratings and keep the item vectors, biases left out, for folding users in."""
    items = fit_explicit_als_ratings(log, shape, config, seed).items[:, :-1]
    return build_factors(items, config.alpha, config.reg)


def fit_explicit_als_ratings(
    log: Log, shape: LogShape, config: ExplicitALSConfig, seed: int
) -> RatingModel:
    """Learn vectors and biases of each pair's newest rating; rows without any stay at zero.

    Minimises ``Σ w_ui (e_ui - p_u·q_i)² + penalty·(Σ_u w_u ||p_u||² + Σ_i w_i ||q_i||²)``: ``e`` is
    what mean and biases leave of a rating, ``w_ui`` its decayed worth, ``w_u`` and ``w_i`` the sums
    of these (Zhou, Wilkinson, Schreiber, Pan: Large-scale parallel collaborative filtering for the
    Netflix prize, 2008).
    """
    newest = latest_events(log)
    worth = event_matrix(newest, time_decay(newest, config.half_life), shape)
    values = event_matrix(newest, newest.values.astype(np.float64), shape)
    mean, of_users, of_items = _biases(values, worth, config.bias_penalty)
    left = with_entries(
        values, values.data - mean - of_users[entry_rows(values)] - of_items[values.indices]
    )
    by_user, by_item = (left, worth), (left.T.tocsr(), worth.T.tocsr())
    items = np.random.default_rng(seed).normal(0.0, config.spread, (shape[1], config.size))
    users = np.zeros((shape[0], config.size))
    with one_thread():
        for _ in range(config.rounds):
            users = _solve(*by_user, items, config.penalty)
            items = _solve(*by_item, users, config.penalty)
    return RatingModel(mean, np.column_stack([users, of_users]), np.column_stack([items, of_items]))


def _biases(
    values: Sparse, worth: Sparse, penalty: float
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Give the mean, and how far from it items are, and users from that, both shrunk to 0."""
    mean = float(np.average(values.data, weights=worth.data)) if values.nnz else 0.0
    of_items = _shrunk(values.indices, values.data - mean, worth.data, (values.shape[1], penalty))
    left = values.data - mean - of_items[values.indices]
    of_users = _shrunk(entry_rows(values), left, worth.data, (values.shape[0], penalty))
    return mean, of_users, of_items


def _shrunk(
    rows: NDArray[np.integer],
    data: NDArray[np.float64],
    worth: NDArray[np.float64],
    of: tuple[int, float],
) -> NDArray[np.float64]:
    """Average ``data`` by row, (of[0],), as if each row had ``of[1]`` more that are 0."""
    n, penalty = of
    total = np.bincount(rows, weights=worth, minlength=n) + penalty
    sums = np.bincount(rows, weights=worth * data, minlength=n)
    return np.asarray(np.divide(sums, total, out=np.zeros(n), where=total > 0), np.float64)


def _solve(
    left: Sparse, worth: Sparse, others: NDArray[np.float64], penalty: float
) -> NDArray[np.float64]:
    """Solve the ridge regression of each row on the vectors of the other side, (rows, d)."""
    size = others.shape[1]
    solved, told = np.zeros((left.shape[0], size)), np.flatnonzero(np.diff(left.indptr))
    blocks = left.indptr[told] // (BLOCK_CELLS // size**2 + 1)
    for rows in np.split(told, np.flatnonzero(np.diff(blocks)) + 1) if len(told) else []:
        span = slice(int(left.indptr[rows[0]]), int(left.indptr[rows[-1] + 1]))
        starts = left.indptr[rows] - span.start
        near, weights = others[left.indices[span]], worth.data[span, None]
        squares = np.add.reduceat((weights * near)[:, :, None] * near[:, None, :], starts)
        ridge = penalty * np.add.reduceat(weights, starts)[:, :, None] + EPSILON
        right = np.add.reduceat(weights * left.data[span, None] * near, starts)[:, :, None]
        solved[rows] = np.linalg.solve(squares + ridge * np.eye(size), right)[:, :, 0]
    return solved
