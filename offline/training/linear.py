"""Linear models over the columns of a view: the coarse ranker, and the start of trees.

The coarse ranker keeps what users liked and what the fine ranker would choose.
"""

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from app.contracts import Matrix, Scores
from app.features.views import FINE_VIEW, RISING_COLUMNS, column_names
from app.rank.kinds import STAGE_COLUMNS
from app.rank.logistic import Logistic
from offline.data.errors import DataError
from offline.evaluate.metrics import rank_within_groups
from offline.training.rank_table import RankTable
from offline.training.rankers import RankConfig

COARSE_WIDTH = len(STAGE_COLUMNS["coarse"])
BEYOND = 0.005  # of the rows on either side, which the limits of a drifting column leave out
FAR = 5.0  # times the distance of such a value from the median: a farther end is an outlier
NEWEST = 0.2  # the share of the rows that are compared with the earlier ones, to find a drift
DRIFT = 0.03  # of these beyond the bounds of the earlier ones; 0.01 where nothing drifts
MAX_ROWS = 200_000  # more rows do not improve so few weights
SAMPLE_ROWS = 50_000  # from which quantiles are measured
LEAST_DECREASE = 1e-6  # of the cross entropy in one iteration, relative to it; with less it ends
MAX_LOG_ODDS = 50.0  # bound of an intercept
MAX_ITERATIONS = 200

Reals: TypeAlias = NDArray[np.float64]


def fit_coarse(
    table: RankTable,
    config: RankConfig,
    teacher: NDArray[np.floating] | None = None,
    width: int = COARSE_WIDTH,
) -> Logistic:
    """Fit a logistic regression on the first ``width`` columns of a table.

    ``teacher`` holds the fine ranker's scores, (m,). The best ``coarse_share`` of each group by
    them count as positive (distillation: Tang, Wang: Ranking distillation, 2018). Without them the
    model learns from the positive rows alone.

    Raises:
        DataError: users liked none of the proposed items, or all of them.
    """
    if table.labels.all() or not table.labels.any():
        raise DataError(
            f"Of {len(table)} items that recall proposed in the training windows, users liked "
            f"{int(table.labels.sum())}: rankers learn from liked and other ones. "
            "More interactions are needed."
        )
    is_wanted = table.labels > 0 if teacher is None else _distill(table, config, teacher)
    return fit_logistic(table.features[:, :width], is_wanted, config.coarse_strength, balanced=True)


def _distill(
    table: RankTable, config: RankConfig, teacher: NDArray[np.floating]
) -> NDArray[np.bool_]:
    """Return which rows the coarse ranker learns to keep, (m,).

    These are the positive items and the teacher's best of each group. If that would be every row,
    as in a small table, only the positive items are returned.
    """
    is_positive = table.labels > 0
    is_wanted = is_positive | (compute_relative_ranks(table.groups, teacher) < config.coarse_share)
    return is_positive if is_wanted.all() else is_wanted


def compute_relative_ranks(
    groups: NDArray[np.int64], scores: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Return the rank of each row by score, as a share of its group, (m,): 0 is best."""
    return np.asarray(rank_within_groups(groups, scores) / np.repeat(groups, groups))


def fit_base_models(
    table: RankTable, config: RankConfig, seed: int, rows: int = MAX_ROWS
) -> tuple[Logistic, Logistic]:
    """Fit the models from which pointwise and listwise trees begin, on groups of about ``rows``.

    Neither model knows the effect of a position: where a table also has recalled rows, its logged
    rows are left out. The listwise model is ListNet with the L2 ``start_penalty``. The pointwise
    model is the mean of that and of a logistic regression (``start_strength``). Its intercept makes
    the mean probability equal to the share of positive rows. If ``listnet_start`` is false,
    listwise trees begin from the logistic regression.
    """
    table = sample_groups(table.without_logged(), seed, rows)
    is_positive = table.labels > 0
    if is_positive.all() or not is_positive.any():
        return zero_model(), zero_model()
    logistic = fit_logistic(
        table.features, is_positive, config.start_strength, counts=table.weights
    )
    listwise = fit_listwise(table, logistic, config.start_penalty)
    mean = replace(logistic, weights=(logistic.weights + listwise.weights) / np.float32(2))
    pointwise = calibrate(mean, table.features, float(is_positive.mean()))
    return pointwise, listwise if config.listnet_start else logistic


def sample_groups(table: RankTable, seed: int, rows: int = MAX_ROWS) -> RankTable:
    """Draw whole groups with about so many rows; return a smaller table as it is."""
    if len(table) <= rows:
        return table
    is_drawn = np.random.default_rng(seed).random(len(table.groups)) < rows / len(table)
    return table.take(np.flatnonzero(np.repeat(is_drawn, table.groups)))


def zero_model() -> Logistic:
    """Return a model that scores everything 0: trees that begin from it begin from 0."""
    width = len(column_names(FINE_VIEW))
    zeros = np.zeros(width, np.float32)
    return Logistic(zeros, np.ones(width, np.float32), zeros, 0.0)


def fit_logistic(
    features: Matrix,
    is_wanted: NDArray[np.bool_],
    strength: float,
    *,
    counts: Scores | None = None,
    balanced: bool = False,
) -> Logistic:
    """Fit log odds on standardised columns within limits; ``counts`` weights the rows, (m,)."""
    spread = _measure_columns(features)
    model = LogisticRegression(
        C=strength, solver="newton-cholesky", class_weight="balanced" if balanced else None
    )
    model.fit(spread.standardise(features), is_wanted, counts)
    return replace(
        spread, weights=model.coef_[0].astype(np.float32), bias=float(model.intercept_[0])
    )


def _measure_columns(features: Matrix) -> Logistic:
    """Return a model without weights that has the limits, means and deviations of columns.

    A column ends at its least and greatest value. One that drifts with time ends earlier: at the
    values that ``BEYOND`` of the rows are below, and as many above. So does one whose end is
    ``FAR`` times as far from the median as that value: it is an outlier, beside which all other
    values would be alike. The rows are in order of time.
    """
    filled, sample = _fill_empty(features), _fill_empty(_sample_rows(features))
    bounds, ends = _bounds(sample), np.stack([np.nanmin(filled, axis=0), np.nanmax(filled, axis=0)])
    reach = bounds - np.nanmedian(sample, axis=0)
    is_far = (reach != 0) & (np.abs(ends - bounds) > (FAR - 1) * np.abs(reach))
    limits = np.where(find_drifting(features) | is_far, bounds, ends).astype(np.float32)
    within = np.clip(filled.astype(np.float64), *limits)
    mean, scale = np.nanmean(within, axis=0), np.maximum(np.nanstd(within, axis=0), 1e-6)
    nothing = np.zeros(features.shape[1], np.float32)
    return Logistic(mean.astype(np.float32), scale.astype(np.float32), nothing, 0.0, limits)


def find_drifting(features: Matrix) -> NDArray[np.bool_]:
    """Return which columns drift with time, (f,). The rows are in order of time.

    Of a drifting column, more than ``DRIFT`` of the newest fifth of the rows lie beyond the bounds
    of the earlier ones, which are those of all but 1 %.
    """
    sample = _sample_rows(features)
    n_earlier = max(1, round((1 - NEWEST) * len(sample)))
    low, high = _bounds(_fill_empty(sample[:n_earlier]))
    newest = sample[n_earlier:]
    is_beyond = (newest < low) | (newest > high)
    return np.asarray(is_beyond.sum(axis=0) > DRIFT * len(newest))


def _sample_rows(features: Matrix) -> Matrix:
    """Return every second, third, … row, about ``SAMPLE_ROWS`` of them; a few are all returned."""
    return features[:: max(1, len(features) // SAMPLE_ROWS)]


def _fill_empty(features: Matrix) -> Matrix:
    """Return the features with 0 in columns that have no value."""
    return np.where(np.isnan(features).all(axis=0), np.float32(0.0), features)


def _bounds(features: Matrix) -> Matrix:
    return np.asarray(np.nanquantile(features, (BEYOND, 1 - BEYOND), axis=0))


def fit_listwise(table: RankTable, like: Logistic, penalty: float) -> Logistic:
    """Fit weights by lists on the columns of the fine view, standardised as ``like`` has them."""
    is_rising = np.array([name in RISING_COLUMNS for name in column_names(FINE_VIEW)])
    pools = Pools.of(like.standardise(table.features), table)
    weights = fit_listwise_weights(pools, is_rising, penalty)
    return replace(like, weights=weights.astype(np.float32), bias=0.0)


def calibrate(linear: Logistic, features: Matrix, share: float) -> Logistic:
    """Change the intercept so that the mean probability is ``share``, in (0, 1).

    Raises:
        ValueError: no intercept within ``MAX_LOG_ODDS`` gives this share.
    """
    odds = linear.score(features).astype(np.float64) - linear.bias
    bias = brentq(lambda moved: expit(odds + moved).mean() - share, -MAX_LOG_ODDS, MAX_LOG_ODDS)
    return replace(linear, bias=float(bias))


@dataclass(frozen=True, slots=True, eq=False)
class Pools:
    """Rows of a table in groups. A group without a positive row has no effect."""

    features: Reals  # (m, f) standardised
    starts: NDArray[np.int64]  # (g,)
    owner: NDArray[np.int64]  # (m,)
    shares: Reals  # (m,) 0 where not positive; the sum is the same in every group

    @classmethod
    def of(cls, features: Reals, table: RankTable) -> "Pools":
        """Weight groups alike, whether a user likes one item or fifty: mean NDCG does so too."""
        owner = np.repeat(np.arange(len(table.groups)), table.groups)
        positives = np.bincount(owner, table.labels)
        shares = table.labels * positives.mean() / np.maximum(positives, 1.0)[owner]
        if table.weights is not None:
            shares = shares * table.weights
        return cls(features, np.cumsum(table.groups) - table.groups, owner, shares)

    def loss(self, weights: Reals) -> tuple[float, Reals]:
        """Return the cross entropy of shares and softmax, and its gradient (f,)."""
        odds = self.features @ weights
        odds -= np.maximum.reduceat(odds, self.starts)[self.owner]
        powers = np.exp(odds)
        sums = np.add.reduceat(powers, self.starts)
        group_shares = np.add.reduceat(self.shares, self.starts)
        value = group_shares @ np.log(sums) - self.shares @ odds
        errors = (group_shares / sums)[self.owner] * powers - self.shares
        return float(value), errors @ self.features


def fit_listwise_weights(pools: Pools, is_rising: NDArray[np.bool_], penalty: float) -> Reals:
    """Return the weights (f,) of least cross entropy (ListNet: Cao et al., 2007) and L2 penalty.

    ``is_rising`` (f,) marks the weights that may not be negative. The columns of the channels are
    similar. Without the bound one gets a large weight, and a similar one a large negative weight.
    """

    def loss(weights: Reals) -> tuple[float, Reals]:
        value, slope = pools.loss(weights)
        return value + penalty / 2 * float(weights @ weights), slope + penalty * weights

    bounds = [(0.0 if positive else None, None) for positive in is_rising]
    start = np.zeros(len(is_rising))
    result = minimize(
        loss,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": MAX_ITERATIONS, "ftol": LEAST_DECREASE},
    )
    return np.asarray(result.x, np.float64)
