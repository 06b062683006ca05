"""Matrix factorisation of positive events by alternating least squares (implicit ALS)."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from app.artifacts import DAY, Factors
from app.contracts import Count, Matrix, NotNegative, Positive, Scores, Seconds
from app.cpu import one_thread
from app.kernels.compiled import kernel, read, write
from app.kernels.products import row_product
from offline.data.dataset import Log
from offline.models.factors import build_factors
from offline.models.interactions import (
    LogShape,
    Sparse,
    like_matrix,
    mean_positive_weight,
    with_entries,
)

CONJUGATE_GRADIENT_STEPS = 3  # in each half round; more steps do not raise NDCG
MAX_REG_SHARE = 0.5  # bound relative to the largest singular value: there, all vectors become 0
POWER_ITERATIONS = 20  # the largest singular value is then exact to a percent
INITIAL_LENGTH = 0.1  # length of the random vectors at the start
BLOCK_ROWS = 128  # users or items that a thread solves at a time: their vectors fit its cache


@dataclass(frozen=True, slots=True)
class ALSConfig:
    """The settings of implicit ALS.

    NDCG@10 of the embedding channel alone with a ``power`` of 0 and of 1: Last.fm 0.410 and 0.411
    (users of selection), MovieTweetings 0.099 and 0.103, ML-100K 0.138 and 0.137 (windows before
    the middle). Without propensities: 0.402, 0.077 and 0.139. With a ``reg`` of 100 Last.fm falls
    to 0.356. Serving applies the same half-life to a user's likes. This makes no difference there:
    ML-100K 0.135 with it, 0.136 without (windows of selection).
    """

    size: Count = 64  # dimensions
    alpha: NotNegative = 10.0  # confidence of a positive event of mean weight is 1 + alpha
    reg: Positive = 50.0  # on small data limited by ``MAX_REG_SHARE``
    power: NotNegative = 1.0  # above 0: rows with more likes are regularised more
    rounds: Count = 10
    half_life: Seconds = 30 * DAY  # seconds after which an interaction counts half
    propensity_power: NotNegative = 0.25  # above 0: events of popular items count less


def fit_als(log: Log, shape: LogShape, config: ALSConfig, seed: int) -> Factors:
    """Factorise the positive events. Items without any get a vector of zeros.

    The loss is that of Hu, Koren, Volinsky: Collaborative filtering for implicit feedback datasets,
    2008. Regularisation grows with frequency (Rendle et al.: Revisiting the performance of iALS on
    item recommendation benchmarks, 2021). Each half round solves all users, or all items, at once
    by conjugate gradients that start from the last round's vectors (Takacs, Pilaszy, Tikk:
    Applications of the conjugate gradient method for implicit feedback collaborative filtering,
    2011). It runs on one thread, so that the same seed gives the same bits.
    """
    likes = like_matrix(log, shape, config.half_life, config.propensity_power)
    alpha = config.alpha / mean_positive_weight(log)
    if not likes.nnz:
        return build_factors(np.zeros((shape[1], config.size)), alpha, config.reg, config.power)
    n_items, n_users = len(np.unique(likes.indices)), int(np.count_nonzero(np.diff(likes.indptr)))
    usual_growth = (1.0 + alpha * float(likes.sum()) / (n_items * n_users)) ** config.power
    config = replace(
        config,
        reg=min(config.reg, MAX_REG_SHARE * alpha * _largest_singular_value(likes) / usual_growth),
    )
    by_user = _LikesByRow.of(likes, alpha, config, n_items)
    by_item = _LikesByRow.of(likes.T.tocsr(), alpha, config, n_users)
    start = np.random.default_rng(seed).standard_normal((shape[1], config.size))
    items = (start * INITIAL_LENGTH / np.sqrt(config.size)).astype(np.float32)
    users = np.zeros((shape[0], config.size), np.float32)
    with one_thread():
        for _ in range(config.rounds):
            users = by_user.solve(users, items)
            items = by_item.solve(items, users)
    items[np.diff(by_item.likes.indptr) == 0] = 0.0
    factors = build_factors(items, alpha, config.reg, config.power, n_items)
    return replace(factors, half_life=config.half_life)


def _largest_singular_value(likes: Sparse) -> float:
    """Return the largest singular value of a non-negative matrix, by power iteration."""
    vector: NDArray[np.float64] = np.ones(likes.shape[1])
    for _ in range(POWER_ITERATIONS):
        vector = np.asarray(likes.T @ (likes @ vector))
        vector /= np.linalg.norm(vector)
    return float(np.linalg.norm(np.asarray(likes @ vector)))


@dataclass(frozen=True, slots=True, eq=False)
class _LikesByRow:
    """The likes of all users, or of all items, one row each, as one half round solves them."""

    likes: Sparse  # (m, n) float32: confidence beyond 1
    reg: Scores  # (m,) regularisation of each row

    @classmethod
    def of(cls, likes: Sparse, alpha: float, config: ALSConfig, others: int) -> "_LikesByRow":
        """Weigh the likes. ``others`` is the number of columns that have a like."""
        extra = with_entries(likes, (alpha * likes.data).astype(np.float32))
        share = np.asarray(extra.sum(axis=1), np.float64) / others
        return cls(extra, (config.reg * (1.0 + share) ** config.power).astype(np.float32))

    def solve(self, rows: Matrix, others: Matrix) -> Matrix:
        """Return better vectors of the rows, (m, d), for fixed vectors of the columns, (n, d)."""
        gram = others.T @ others
        blocks = [slice(start, start + BLOCK_ROWS) for start in range(0, len(rows), BLOCK_ROWS)]

        def solve_block(block: slice) -> Matrix:
            part = _LikesByRow(self.likes[block], self.reg[block])
            return part._solve(rows[block], others, gram)

        if len(blocks) == 1:
            return solve_block(blocks[0])
        with ThreadPoolExecutor() as pool:
            return np.concatenate(list(pool.map(solve_block, blocks)))

    def _solve(self, rows: Matrix, others: Matrix, gram: Matrix) -> Matrix:
        target: Matrix = (with_entries(self.likes, 1.0 + self.likes.data) @ others).astype(
            np.float32
        )
        residual = target - self._times(rows, others, gram)
        direction, length = residual.copy(), np.vecdot(residual, residual)
        for _ in range(CONJUGATE_GRADIENT_STEPS):
            product = self._times(direction, others, gram)
            step = _divide(length, np.vecdot(direction, product))
            rows = rows + step * direction
            residual -= step * product
            previous, length = length, np.vecdot(residual, residual)
            direction = residual + _divide(length, previous) * direction
        return rows

    def _times(self, rows: Matrix, others: Matrix, gram: Matrix) -> Matrix:
        """Multiply each row by its own matrix, ``gram + reg·I + Σ likes·y yᵀ``, (m, d)."""
        likes = self.likes
        product: Matrix = rows @ gram + self.reg[:, None] * rows
        indptr, indices = likes.indptr.astype(np.int64), likes.indices.astype(np.int32)
        _add_likes(indptr, indices, likes.data.astype(np.float32), rows, others, product)
        return product


@kernel(
    (
        *(read("i8"), read("i4"), read("f4")),
        *(read("f4", 2), read("f4", 2), write("f4", 2)),
    )
)
def _add_likes(  # noqa: PLR0913, PLR0917 - a loop over arrays
    indptr: NDArray[np.int64],
    indices: NDArray[np.int32],
    likes: Scores,
    rows: Matrix,
    others: Matrix,
    product: Matrix,
) -> None:
    """Add ``Σ likes·y yᵀ·x`` to the product of each row x.

    The vectors y, of ``others``, are those of the row's likes.
    """
    total = np.empty(others.shape[1], np.float32)
    for row in range(len(rows)):
        total[:] = 0.0
        vector = rows[row]
        for entry in range(indptr[row], indptr[row + 1]):
            other = others[indices[entry]]
            factor = row_product(others, indices[entry], vector) * likes[entry]
            for k in range(len(total)):
                total[k] += factor * other[k]
        for k in range(len(total)):
            product[row, k] += total[k]


def _divide(dividend: Scores, divisor: Scores) -> Matrix:
    """Divide row by row, (m, 1). The quotient is 0 for a row that is already solved exactly."""
    zeros = np.zeros_like(dividend)
    return np.divide(dividend, divisor, out=zeros, where=divisor > 0)[:, None]
