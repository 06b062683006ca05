"""Linear models over the columns of a view: the coarse ranker, and where the fine one begins."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from app.contracts import Matrix, Scores
from app.features.views import FINE_VIEW, RISING_COLUMNS, column_names
from app.rank.logistic import Logistic
from offline.training.listwise import Pools, fit_listwise_weights
from offline.training.rank_table import RankTable

MAX_ROWS = 200_000  # more bring nothing to so few weights
MAX_LOG_ODDS = 50.0  # log odds that no intercept lies beyond


def fit_base_models(
    table: RankTable, strength: float, penalty: float, seed: int
) -> tuple[Logistic, Logistic]:
    """Fit what pointwise and what listwise trees begin from, on a sample of groups if many.

    Nothing here knows what a place is worth: lists that were served are left out where others are.
    The listwise one is ListNet under L2 ``penalty``. The pointwise one is the mean of that and of
    a logistic regression (``strength``: inverse of L2), its intercept such that the mean
    probability is the share that was taken.
    """
    table = sample_groups(table.without_logged(), seed)
    taken = table.labels > 0
    if taken.all() or not taken.any():
        return zero_model(), zero_model()
    odds = fit_logistic(table.features, taken, strength, counts=table.weights)
    lists = fit_listwise(table, odds, penalty)
    both = replace(odds, weights=(odds.weights + lists.weights) / np.float32(2))
    return calibrate(both, table.features, float(taken.mean())), lists


def sample_groups(table: RankTable, seed: int) -> RankTable:
    """Draw whole groups, about as many as have ``ROWS`` rows; all where there are fewer."""
    if len(table) <= MAX_ROWS:
        return table
    drawn = np.random.default_rng(seed).random(len(table.groups)) < MAX_ROWS / len(table)
    return table.take(np.flatnonzero(np.repeat(drawn, table.groups)))


def zero_model() -> Logistic:
    """Give a model that says nothing: trees that begin from it begin from 0."""
    width = len(column_names(FINE_VIEW))
    nothing = np.zeros(width, np.float32)
    return Logistic(nothing, np.ones(width, np.float32), nothing, 0.0)


def fit_logistic(
    features: Matrix,
    wanted: NDArray[np.bool_],
    strength: float,
    *,
    counts: Scores | None = None,
    balanced: bool = False,
) -> Logistic:
    """Fit log odds on standardised columns; ``counts`` weighs the rows, (m,)."""
    exact = features.astype(np.float64)
    mean = _column(np.nanmean, exact)
    scale = np.maximum(_column(np.nanstd, exact), 1e-6)
    standard = np.nan_to_num((exact - mean) / scale)
    model = LogisticRegression(
        C=strength, solver="newton-cholesky", class_weight="balanced" if balanced else None
    )
    model.fit(standard, wanted, counts)
    return Logistic(
        mean.astype(np.float32),
        scale.astype(np.float32),
        model.coef_[0].astype(np.float32),
        float(model.intercept_[0]),
    )


def fit_listwise(table: RankTable, like: Logistic, penalty: float) -> Logistic:
    """Fit weights by lists on the columns of the fine view, standardised as ``like`` has them."""
    standard = np.nan_to_num((table.features - like.mean) / like.scale).astype(np.float64)
    rising = np.array([name in RISING_COLUMNS for name in column_names(FINE_VIEW)])
    weights = fit_listwise_weights(Pools.of(standard, table), rising, penalty)
    return replace(like, weights=weights.astype(np.float32), bias=0.0)


def calibrate(linear: Logistic, features: Matrix, share: float) -> Logistic:
    """Move the intercept so that the mean probability is ``share``, in (0, 1)."""
    odds = linear.score(features).astype(np.float64) - linear.bias
    bias = brentq(lambda moved: expit(odds + moved).mean() - share, -MAX_LOG_ODDS, MAX_LOG_ODDS)
    return replace(linear, bias=float(bias))


def _column(statistic: object, features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Apply a NaN-aware statistic to each column; a column of nothing but NaN gives 0."""
    empty = np.isnan(features).all(axis=0)
    filled = np.where(empty, 0.0, features)
    return np.asarray(statistic(filled, axis=0))  # type: ignore[operator]
