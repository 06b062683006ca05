"""The log is cut at moments, in parts of about the shares asked for."""

from dataclasses import replace

import numpy as np
import pytest

from offline.data.dataset import Log
from offline.data.errors import DataError
from offline.data.split import split_by_time, split_live_log, spread_shared_times


def log_at(times: list[float]) -> Log:
    n = len(times)
    ones = np.ones(n, np.float32)
    return Log(np.zeros(n, np.int32), np.zeros(n, np.int32), ones, ones, np.array(times, float))


def test_windows_of_equal_counts_lie_between_the_warm_up_and_the_test():
    log = log_at(list(range(1000)))
    split = split_by_time(log, test_share=0.2, windows=4, warm_up_share=0.4)
    assert split.windows == ((400, 500), (500, 600), (600, 700), (700, 800))
    assert split.test_start == 800
    assert len(log.between(split.test_start, split.test_end)) == 200


@pytest.mark.parametrize(("n", "windows"), [(1_000, 6), (500_001, 4)])
def test_many_interactions_have_fewer_windows(n, windows):
    assert len(split_by_time(log_at(list(range(n)))).windows) == windows


def test_equal_moments_stay_on_one_side_of_every_cut():
    log = log_at([0.0] * 30 + [1.0] * 20 + [2.0] * 20 + [3.0] * 30)
    split = split_by_time(log, test_share=0.2, windows=4)
    assert split.windows == ((1.0, 2.0), (2.0, 3.0))
    assert len(log.between(split.test_start, split.test_end)) == 30


def test_too_few_interactions_and_too_few_moments_are_told_apart():
    with pytest.raises(DataError, match="19 interactions are too few"):
        split_by_time(log_at(list(range(19))))
    with pytest.raises(DataError, match="share one timestamp"):
        split_by_time(log_at([5.0] * 100))


@pytest.mark.parametrize(("test_share", "windows"), [(0.6, 4), (0.0, 4), (1.0, 4), (0.2, 0)])
def test_shares_that_leave_no_room_are_a_mistake(test_share, windows):
    with pytest.raises(ValueError, match="must lie below"):
        split_by_time(log_at(list(range(100))), test_share, windows, warm_up_share=0.4)


def test_a_batch_without_timestamps_is_split_between_in_random_order():
    log = log_at([1.0, 2.0, 3.0, *[9.0] * 400])
    log = replace(log, items=np.arange(len(log), dtype=np.int32))
    spread, split, remark = split_live_log(log)
    assert "400 of 403 events share one time" in remark
    assert len(spread.between(split.test_start, split.test_end)) == pytest.approx(80, abs=2)
    assert spread.items[:3].tolist() == [0, 1, 2]
    assert sorted(spread.items) == list(range(403))
    assert spread.items.tolist() != list(range(403))
    assert np.all(np.diff(spread.times) > 0)


def test_different_times_are_split_as_ever_with_live_events():
    log = log_at(list(range(1000)))
    assert split_live_log(log) == (log, split_by_time(log), "")


def test_events_of_one_time_stay_before_what_comes_next():
    spread = spread_shared_times(log_at([5.0, 5.0, 5.0, 5.25, 7.0]))
    assert np.all(np.diff(spread.times) > 0)
    assert spread.times[2] < spread.times[3] == 5.25
