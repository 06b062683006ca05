"""Split a log by time, never between two events of the same moment."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from offline.data.dataset import Log
from offline.data.errors import DataError

TEST_SHARE = 0.2
WINDOWS = 6
WINDOWS_OF_MANY = 4  # every model is fitted for each window, which takes most of the time then
MANY_INTERACTIONS = 500_000
WARM_UP_SHARE = 0.3  # share of the interactions before the first ranker window
MIN_CUTS = 2  # start of the last ranker window, and of the test
SPREAD_SEED = 20_260_102
MIN_INTERACTIONS = 20  # with fewer interactions, the parts are too small


class SharedTimesError(DataError):
    """Too many interactions share one time to split by time."""


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
    windows: int | None = None,
    warm_up_share: float = WARM_UP_SHARE,
) -> TimeSplit:
    """Split so that about ``test_share`` of the interactions are the test.

    Between ``warm_up_share`` and the test lie ``windows`` ranker windows with about equal counts.
    There are fewer windows if many events have the same time. By default there are 6, and 4 for
    more than 500,000 interactions.

    Raises:
        DataError: There are too few interactions, or too few different times.
        ValueError: The shares leave no room for ranker windows.
    """
    if windows is None:
        windows = WINDOWS if len(log) <= MANY_INTERACTIONS else WINDOWS_OF_MANY
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
    if len(cuts) < MIN_CUTS:
        raise SharedTimesError(
            "Too many interactions share one timestamp to split by time; "
            "give finer timestamps, or none at all for a random split."
        )
    moments = [float(cut) for cut in cuts]
    after = float(np.nextafter(log.times[-1], np.inf))
    return TimeSplit(moments[-1], after, tuple(pairwise(moments)))


def split_live_log(log: Log) -> tuple[Log, TimeSplit, str]:
    """Split a log with live events, also if most of them share one time.

    Events that were sent in one batch without timestamps have the time of their arrival. Where
    they are so many that no split lies between different times, events of one time get different
    times, less than a second apart, in random order.

    Returns:
        The log to train and evaluate the rankers on, its split, and a remark; "": the times are
        unchanged.

    Raises:
        DataError: There are too few interactions.
    """
    try:
        return log, split_by_time(log), ""
    except SharedTimesError:
        spread = spread_shared_times(log)
    starts = np.flatnonzero(np.diff(log.times, prepend=-np.inf))
    largest = int(np.diff(starts, append=len(log)).max())
    remark = (
        f"{largest} of {len(log)} events share one time, as events of one batch without timestamps "
        "do. They were split for training and test in random order: send a timestamp with each "
        "event, and the figures of the report will tell more."
    )
    return spread, split_by_time(spread), remark


def spread_shared_times(log: Log, seed: int = SPREAD_SEED) -> Log:
    """Return the log with different times for events that share one, in random order.

    The order of events with different times stays.
    """
    random = np.random.default_rng(seed).random(len(log))
    mixed = log.take(np.lexsort((random, log.times)))
    moments, first, counts = np.unique(mixed.times, return_index=True, return_counts=True)
    gaps = np.minimum(np.diff(moments, append=np.inf), 1.0)
    place = np.arange(len(log)) - np.repeat(first, counts)
    return replace(mixed, times=mixed.times + place * np.repeat(gaps / counts, counts))
