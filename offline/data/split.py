"""Splits a log by time, never between two events of the same moment."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from offline.data.dataset import Log
from offline.data.errors import DataError

TEST_SHARE = 0.2
WINDOWS = 6
WARM_UP_SHARE = 0.3  # share of the interactions before the first ranker window
MIN_INTERACTIONS = 20  # with fewer interactions, the parts are too small


@dataclass(frozen=True, slots=True)
class TimeSplit:
    """The parts of a log, in unix seconds. A part is ``start <= time < end``; see ``Log.between``.

    The ranker learns from ``windows``. For each, recall runs with what was known at its start. The
    funnel is evaluated on ``[test_start, test_end)``.
    """

    test_start: float
    test_end: float  # just after the last event
    windows: tuple[tuple[float, float], ...]  # in time order, adjoining, the last to test_start


def split_by_time(
    log: Log,
    test_share: float = TEST_SHARE,
    windows: int = WINDOWS,
    warm_up_share: float = WARM_UP_SHARE,
) -> TimeSplit:
    """Split so that about ``test_share`` of the interactions are the test.

    Between ``warm_up_share`` and the test lie ``windows`` ranker windows with about equal counts.
    There are fewer windows if many events have the same time.

    Raises:
        DataError: There are too few interactions, or too few different times.
        ValueError: The shares leave no room for ranker windows.
    """
    if not 0 < warm_up_share < 1 - test_share < 1 or windows < 1:
        raise ValueError(
            f"warm_up_share {warm_up_share} must lie below 1 - test_share {test_share}, "
            f"with at least one window, not {windows}."
        )
    if len(log) < MIN_INTERACTIONS:
        raise DataError(
            f"{len(log)} interactions are too few to split by time; {MIN_INTERACTIONS} are needed."
        )
    shares = np.linspace(warm_up_share, 1 - test_share, windows + 1)
    cuts = np.unique(log.times[(shares * len(log)).astype(np.int64)])
    cuts = cuts[cuts > log.times[0]]
    if len(cuts) < 2:  # noqa: PLR2004
        raise DataError(
            "Too many interactions share one timestamp to split by time; "
            "give finer timestamps, or none at all for a random split."
        )
    moments = [float(cut) for cut in cuts]
    after = float(np.nextafter(log.times[-1], np.inf))
    return TimeSplit(moments[-1], after, tuple(pairwise(moments)))
