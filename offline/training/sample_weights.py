"""How much each training row counts: old windows less, and what was taken because all take it."""

from dataclasses import replace
from math import inf

import numpy as np
from numpy.typing import NDArray

from app.contracts import Scores
from app.features.views import FINE_VIEW, column_names
from offline.training.rank_table import RankTable, concatenate

POPULARITY_COLUMN = "liked_infd"  # the column of popularity: log(1 + likes of all time)
MAX_WEIGHT_RATIO = (
    10.0  # a taken item counts at most so many times as much, or as little, as the usual one
)


def join_with_weights(windows: list[RankTable], half_life: float, power: float) -> RankTable:
    """Join windows, oldest first, with the weights that their rows shall have.

    A group that is ``half_life`` windows older than the newest counts half. Of what a user took,
    an item counts by ``(1 + likes)^-power``, the inverse of its propensity to be met (Yang et al.:
    Unbiased offline recommender evaluation for missing-not-at-random implicit feedback, 2018),
    relative to the rest of it. Weights that tables bring along are multiplied; where nothing is to
    be weighed, there are none.
    """
    if half_life != inf:
        windows = [
            multiply_weights(window, np.float32(2.0 ** (-age / half_life)))
            for window, age in zip(windows, range(len(windows) - 1, -1, -1), strict=True)
        ]
    whole = concatenate(windows)
    return multiply_weights(whole, compute_inverse_propensity(whole, power)) if power else whole


def multiply_weights(table: RankTable, factor: Scores | np.float32) -> RankTable:
    """Multiply the weights of a table, one factor for all rows or (m,)."""
    before = np.ones(len(table), np.float32) if table.weights is None else table.weights
    return replace(table, weights=(before * factor).astype(np.float32))


def compute_inverse_propensity(table: RankTable, power: float) -> Scores:
    """Weigh what was taken against its popularity, (m,): mean 1 in each group; the rest is 1."""
    taken = np.flatnonzero(table.labels > 0)
    owner = np.repeat(np.arange(len(table.groups)), table.groups)[taken]
    column = table.features[taken, column_names(FINE_VIEW).index(POPULARITY_COLUMN)]
    log_likes = np.nan_to_num(column.astype(np.float64))
    usual = _mean(owner, log_likes)
    inverse = np.clip(
        np.exp(-power * (log_likes - usual)), 1.0 / MAX_WEIGHT_RATIO, MAX_WEIGHT_RATIO
    )
    weights = np.ones(len(table), np.float32)
    weights[taken] = inverse / _mean(owner, inverse)
    return weights


def _mean(owner: NDArray[np.intp], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the mean over each row's group, one for each row."""
    mean: NDArray[np.float64] = (np.bincount(owner, values) / np.maximum(np.bincount(owner), 1))[
        owner
    ]
    return mean
