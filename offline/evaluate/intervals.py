"""Bounds of a figure: percentile bootstrap over users, paired between methods.

``scipy.stats.bootstrap`` draws anew for each figure: about 50 ms for 1,000 users and 2,000
resamples, 15 s for a report of 300. Here all figures share one draw and one matrix product (0.1 s),
and any two of them are paired by construction.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offline.evaluate.figures import Interval

RESAMPLES = 2_000  # the bounds of two seeds then differ by about 2 % of the interval's width
CONFIDENCE = 0.95
PRINTED_DIGITS = 3  # of a difference in the report
WEIGHTS_AT_ONCE = 4_000_000  # user weights drawn at a time: 32 MB, for any number of users


def is_clear(low: float | None, high: float | None) -> bool:
    """Return whether an interval of differences lies on one side of 0, as it is printed.

    A bound that is printed as 0.000 touches 0.
    """
    if low is None or high is None:
        return False
    return round(low, PRINTED_DIGITS) > 0 or round(high, PRINTED_DIGITS) < 0


@dataclass(frozen=True, slots=True, eq=False)
class Bootstrap:
    """Means of per-user figures, and their means in resamples of the users.

    Efron, Tibshirani: An introduction to the bootstrap, 1993, chapter 13.
    """

    means: NDArray[np.float64]  # (m,) one per column; NaN where no user has a figure
    resampled: NDArray[np.float64]  # (r, m)

    @classmethod
    def of(
        cls,
        columns: NDArray[np.float64],
        seed: int,
        resamples: int = RESAMPLES,
        user_ids: NDArray[np.integer] | None = None,
        *,
        weights_at_once: int = WEIGHTS_AT_ONCE,
    ) -> "Bootstrap":
        """Resample the users of ``columns`` (u, m). NaN is left out of its column's mean.

        Where a user has several lines, ``user_ids`` (u,) are the users of the lines. The lines of
        one user are drawn together, because they are not independent.

        Raises:
            ValueError: there are no users.
        """
        if not len(columns):
            raise ValueError("no users to resample: nobody in the test window has relevant items")
        everyone = _means(np.ones((1, len(columns))), columns)[0]
        owners = np.arange(len(columns)) if user_ids is None else user_ids
        _, user_of = np.unique(owners, return_inverse=True)
        users = int(user_of.max()) + 1
        random, even = np.random.default_rng(seed), np.full(users, 1 / users)
        step = max(1, weights_at_once // len(columns))
        sizes = [min(step, resamples - start) for start in range(0, resamples, step)]
        drawn = (random.multinomial(users, even, size)[:, user_of] for size in sizes)
        return cls(everyone, np.concatenate([_means(times, columns) for times in drawn]))

    def mean(self, column: int) -> Interval:
        return _interval(self.means[column], self.resampled[:, column])

    def difference(self, left: int, right: int) -> Interval:
        return _interval(
            self.means[left] - self.means[right], self.resampled[:, left] - self.resampled[:, right]
        )

    def ratio(self, left: int, right: int) -> Interval:
        """Return ``mean(left) / mean(right)``, with bounds from the resamples that have a ratio."""
        return _interval(
            _divide(self.means[left], self.means[right]),
            _divide(self.resampled[:, left], self.resampled[:, right]),
        )


def _means(times: NDArray[Any], columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average each column (u, m), with every user counted so many times (r, u)."""
    is_defined, weights = np.isfinite(columns), times.astype(np.float64)
    totals = weights @ np.where(is_defined, columns, 0.0)
    return _divide(totals, weights @ is_defined.astype(np.float64))


def _divide(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    undefined = np.full(np.shape(above), np.nan)
    return np.asarray(np.divide(above, below, out=undefined, where=below != 0))


def _interval(value: NDArray[np.float64], resampled: NDArray[np.float64]) -> Interval:
    """Add percentile bounds to a figure; None where it, or every resample, is undefined."""
    defined = resampled[np.isfinite(resampled)]
    if not np.isfinite(value) or not len(defined):
        return Interval(mean=None, low=None, high=None)
    low, high = np.quantile(defined, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(mean=float(value), low=float(low), high=float(high))
