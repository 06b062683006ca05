"""The training rows of the rankers: features, labels and weights, grouped by pool."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf

import numpy as np
from numpy.typing import NDArray

from app.contracts import Matrix, Scores
from app.features.views import FINE_VIEW, column_names

NO_POSITION = 1_000_000  # position of recalled rows in a table with logged rows; beyond any list
POPULARITY_COLUMN = "liked_infd"  # log(1 + likes of all time)
MAX_WEIGHT_RATIO = 10.0  # bound of a positive row's weight relative to the mean, and its inverse


@dataclass(frozen=True, slots=True, eq=False)
class RankTable:
    """Rows of the fine view, group after group; one group is one user's pool at one moment."""

    features: Matrix  # (m, f) columns of FINE_VIEW; its first columns are COARSE_VIEW
    labels: NDArray[np.int32]  # (m,) 1 where the item is relevant: a positive row
    groups: NDArray[np.int64]  # (g,) rows of each group; sums to m
    positions: NDArray[np.int32] | None = None  # (m,) where the item was shown; None: recalled
    weights: Scores | None = None  # (m,) how much a row counts; None: all the same
    outcomes: Matrix | None = None  # (m, 3) what the user did with it: OBJECTIVE_COLUMNS

    def __len__(self) -> int:
        return len(self.labels)

    def without_logged(self) -> "RankTable":
        """Return the recalled rows. If all rows are logged, return them all.

        Users also clicked logged items because of their positions, so their labels are biased.
        """
        if self.positions is None:
            return self
        is_recalled = self.positions == NO_POSITION
        return self.take(np.flatnonzero(is_recalled)) if is_recalled.any() else self

    def take(self, chosen: NDArray[np.intp]) -> "RankTable":
        """Return these rows, which ascend. Groups become smaller, and empty groups are dropped."""
        owner = np.repeat(np.arange(len(self.groups)), self.groups)[chosen]
        sizes = np.bincount(owner, minlength=len(self.groups))
        return RankTable(
            self.features[chosen],
            self.labels[chosen],
            sizes[sizes > 0],
            None if self.positions is None else self.positions[chosen],
            None if self.weights is None else self.weights[chosen],
            None if self.outcomes is None else self.outcomes[chosen],
        )


def concatenate(tables: Sequence[RankTable]) -> RankTable:
    """Join tables end to end.

    The result has positions and outcomes if all tables have them, and weights if any table has.
    """
    positions = [table.positions for table in tables if table.positions is not None]
    outcomes = [table.outcomes for table in tables if table.outcomes is not None]
    has_weights = any(table.weights is not None for table in tables)
    return RankTable(
        np.concatenate([table.features for table in tables]),
        np.concatenate([table.labels for table in tables]),
        np.concatenate([table.groups for table in tables]),
        np.concatenate(positions) if len(positions) == len(tables) else None,
        np.concatenate([_filled_weights(table) for table in tables]) if has_weights else None,
        np.concatenate(outcomes) if len(outcomes) == len(tables) else None,
    )


def _filled_weights(table: RankTable) -> Scores:
    """Return the weights of the rows, (m,), 1 where the table has none."""
    return np.ones(len(table), np.float32) if table.weights is None else table.weights


def concatenate_weighted(windows: list[RankTable], half_life: float, power: float) -> RankTable:
    """Join windows end to end, oldest first, and weight their rows.

    A group that is ``half_life`` windows older than the newest counts half. A positive item
    counts by ``(1 + likes)^-power``, relative to the user's other positive items: the inverse of
    its propensity to be met (Yang et al.: Unbiased offline recommender evaluation for
    missing-not-at-random implicit feedback, 2018). The weights that tables already have are
    multiplied. A ``half_life`` of infinity and a ``power`` of 0 add no weights.
    """
    if half_life != inf:
        ages = range(len(windows) - 1, -1, -1)
        windows = [
            _multiply_weights(window, np.float32(2.0 ** (-age / half_life)))
            for window, age in zip(windows, ages, strict=True)
        ]
    table = concatenate(windows)
    return _multiply_weights(table, compute_inverse_propensity(table, power)) if power else table


def _multiply_weights(table: RankTable, factor: Scores | np.float32) -> RankTable:
    """Multiply the weights of a table by one factor, or by one factor for each row, (m,)."""
    return replace(table, weights=(_filled_weights(table) * factor).astype(np.float32))


def compute_inverse_propensity(table: RankTable, power: float) -> Scores:
    """Return the weight of each row, (m,): lower for a popular positive item, 1 for other rows.

    The weights of the positive items of a group have mean 1.
    """
    positive = np.flatnonzero(table.labels > 0)
    owner = np.repeat(np.arange(len(table.groups)), table.groups)[positive]
    column = table.features[positive, column_names(FINE_VIEW).index(POPULARITY_COLUMN)]
    log_likes = np.nan_to_num(column.astype(np.float64))
    ratios = np.exp(-power * (log_likes - _group_means(owner, log_likes)))
    inverse = np.clip(ratios, 1.0 / MAX_WEIGHT_RATIO, MAX_WEIGHT_RATIO)
    weights = np.ones(len(table), np.float32)
    weights[positive] = inverse / _group_means(owner, inverse)
    return weights


def _group_means(owner: NDArray[np.intp], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for each row the mean of the values in its group."""
    means: NDArray[np.float64] = np.bincount(owner, values) / np.maximum(np.bincount(owner), 1)
    return means[owner]
