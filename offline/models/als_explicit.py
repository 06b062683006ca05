"""Matrix factorisation of ratings, with biases, by alternating least squares."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.artifacts import Factors
from app.contracts import Count, NotNegative, Positive, Seconds
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

BLOCK_CELLS = 10_000_000  # cells of the normal equations in memory at a time: 80 MB
EPSILON = 1e-12  # keeps the equations solvable where all ratings have decayed to 0


@dataclass(frozen=True, slots=True)
class ExplicitALSConfig:
    """The settings of explicit ALS, and of folding in a user when serving."""

    size: Count = 32  # dimensions
    penalty: Positive = 0.1  # regularisation of the vectors, per rating
    bias_penalty: NotNegative = 5.0  # ratings at which a bias counts half
    rounds: Count = 10
    spread: Positive = 0.1  # standard deviation of the first vectors
    half_life: Seconds = np.inf  # seconds after which a rating counts half
    alpha: NotNegative = 5.0  # for the fold-in, as in ``Factors``
    reg: Positive = 20.0  # for the fold-in


def fit_explicit_als(log: Log, shape: LogShape, config: ExplicitALSConfig, seed: int) -> Factors:
    """Fit the ratings and return the item vectors without their biases, for the fold-in."""
    items = fit_explicit_als_ratings(log, shape, config, seed).items[:, :-1]
    return build_factors(items, config.alpha, config.reg)


def fit_explicit_als_ratings(
    log: Log,
    shape: LogShape,
    config: ExplicitALSConfig,
    seed: int,
    block_cells: int = BLOCK_CELLS,
) -> RatingModel:
    """Fit vectors and biases to the newest rating of each pair. Rows without ratings stay at zero.

    The loss is ``Σ w_ui (e_ui - p_u·q_i)² + penalty·(Σ_u w_u ||p_u||² + Σ_i w_i ||q_i||²)``. ``e``
    is the rating less mean and biases. ``w_ui`` is its weight after time decay, ``w_u`` and ``w_i``
    are the sums of ``w_ui`` (Zhou, Wilkinson, Schreiber, Pan: Large-scale parallel collaborative
    filtering for the Netflix prize, 2008).
    """
    newest = latest_events(log)
    decayed = event_matrix(newest, time_decay(newest, config.half_life), shape)
    values = event_matrix(newest, newest.values.astype(np.float64), shape)
    mean, user_bias, item_bias = _biases(values, decayed, config.bias_penalty)
    residuals = with_entries(
        values, values.data - mean - user_bias[entry_rows(values)] - item_bias[values.indices]
    )
    by_user, by_item = (residuals, decayed), (residuals.T.tocsr(), decayed.T.tocsr())
    items = np.random.default_rng(seed).normal(0.0, config.spread, (shape[1], config.size))
    users = np.zeros((shape[0], config.size))
    with one_thread():
        for _ in range(config.rounds):
            users = _solve(*by_user, items, config.penalty, block_cells)
            items = _solve(*by_item, users, config.penalty, block_cells)
    return RatingModel(
        mean, np.column_stack([users, user_bias]), np.column_stack([items, item_bias])
    )


def _biases(
    values: Sparse, decayed: Sparse, penalty: float
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean, the biases of users and those of items, both shrunk towards 0."""
    mean = float(np.average(values.data, weights=decayed.data)) if values.nnz else 0.0
    item_bias = _shrunk_means(
        values.indices, values.data - mean, decayed.data, (values.shape[1], penalty)
    )
    residuals = values.data - mean - item_bias[values.indices]
    user_bias = _shrunk_means(
        entry_rows(values), residuals, decayed.data, (values.shape[0], penalty)
    )
    return mean, user_bias, item_bias


def _shrunk_means(
    rows: NDArray[np.integer],
    data: NDArray[np.float64],
    decayed: NDArray[np.float64],
    n_and_penalty: tuple[int, float],
) -> NDArray[np.float64]:
    """Average ``data`` by row, (n,), as if each row had ``penalty`` more entries that are 0."""
    n, penalty = n_and_penalty
    total = np.bincount(rows, weights=decayed, minlength=n) + penalty
    sums = np.bincount(rows, weights=decayed * data, minlength=n)
    return np.asarray(np.divide(sums, total, out=np.zeros(n), where=total > 0), np.float64)


def _solve(
    residuals: Sparse,
    decayed: Sparse,
    columns: NDArray[np.float64],
    penalty: float,
    block_cells: int,
) -> NDArray[np.float64]:
    """Solve the ridge regression of each row on the vectors of the columns, (rows, d)."""
    size = columns.shape[1]
    solved, rated = np.zeros((residuals.shape[0], size)), np.flatnonzero(np.diff(residuals.indptr))
    blocks = residuals.indptr[rated] // (block_cells // size**2 + 1)
    for rows in np.split(rated, np.flatnonzero(np.diff(blocks)) + 1) if len(rated) else []:
        span = slice(int(residuals.indptr[rows[0]]), int(residuals.indptr[rows[-1] + 1]))
        starts = residuals.indptr[rows] - span.start
        vectors, weights = columns[residuals.indices[span]], decayed.data[span, None]
        normal = np.add.reduceat((weights * vectors)[:, :, None] * vectors[:, None, :], starts)
        ridge = penalty * np.add.reduceat(weights, starts)[:, :, None] + EPSILON
        right = np.add.reduceat(weights * residuals.data[span, None] * vectors, starts)[:, :, None]
        solved[rows] = np.linalg.solve(normal + ridge * np.eye(size), right)[:, :, 0]
    return solved
