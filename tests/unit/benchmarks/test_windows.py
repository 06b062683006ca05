"""How the quality benchmark cuts a log into windows."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.quality.social import with_random_arrivals
from benchmarks.quality.windows import (
    FOLD_IN_SHARE,
    SELECTION_CUTS,
    TEST_CUTS,
    fold_in_window,
    rolling_window,
    selection_windows,
)
from benchmarks.quality.windows import (
    test_windows as cut_for_test,
)
from offline.data.dataset import DataTraits, Log
from offline.data.errors import DataError
from offline.evaluate.metrics import grade_lists, ndcg
from tests.fakes import small_dataset


def log(*events):
    """Events of user, item, weight, time."""
    users, items, weights, times = zip(*events, strict=True)
    weights = np.array(weights, np.float32)
    return Log(
        np.array(users, np.int32),
        np.array(items, np.int32),
        weights,
        weights,
        np.array(times, np.float64),
    )


def pairs(users, items):
    return set(zip(np.asarray(users).tolist(), np.asarray(items).tolist(), strict=True))


def untimed():
    dataset = small_dataset(explicit=False)
    return replace(dataset, traits=DataTraits(is_explicit=False, positive_at=4.0, has_times=False))


def test_the_five_windows_adjoin_and_each_knows_all_that_came_before():
    dataset = small_dataset()
    windows = cut_for_test(dataset)
    assert [window.name for window in windows] == ["50%", "60%", "70%", "80%", "90%"]
    for window, cut in zip(windows, TEST_CUTS, strict=True):
        assert window.log.times[-1] < window.cut
        assert len(window.log) == np.sum(dataset.log.times < window.cut)
        assert len(window.log) == pytest.approx(cut * len(dataset.log), abs=3)


def test_events_of_one_moment_are_never_parted():
    same = log(*[(u, u, 1, 100) for u in range(4)], *[(u, 9, 1, 200) for u in range(4)])
    window = rolling_window(same, 0.6, 0.4)  # within the second moment, all of which is then tested
    assert window.cut == 200
    assert len(window.log) == 4
    assert window.users.tolist() == [0, 1, 2, 3]


def test_relevant_is_what_is_new_and_liked_and_within_the_window():
    events = [
        (0, 1, 1, 10),
        (1, 1, 1, 11),
        (1, 2, 1, 12),
        (2, 1, 1, 13),
        (0, 1, 1, 20),  # seen before
        (0, 2, -1, 21),  # disliked
        (0, 3, 1, 22),
        (3, 4, 1, 23),
        (0, 5, 1, 30),  # after the window
        (0, 6, 1, 31),
    ]
    window = rolling_window(log(*events), 0.4, 0.4)
    assert window.users.tolist() == [0, 3]
    assert window.relevant.rows.tolist() == [3, 4]
    assert window.events.tolist() == [1, 0]
    assert window.seen().sizes.tolist() == [1, 0]
    assert window.seen().rows.tolist() == [1]


def test_the_last_window_has_the_last_event():
    dataset = small_dataset()
    window = rolling_window(dataset.log, 0.9)
    newest = dataset.log.take(slice(len(window.log), None))
    liked = pairs(newest.users[newest.weights > 0], newest.items[newest.weights > 0])
    assert len(liked - pairs(window.log.users, window.log.items)) == window.relevant.sizes.sum()


def test_the_gain_of_a_relevant_item_is_its_weight():
    window = rolling_window(log((0, 0, 1, 1), (0, 1, 1, 2), (0, 2, 3, 3), (0, 3, 0.5, 4)), 0.5, 0.5)
    assert (np.exp2(window.relevant.grades) - 1).tolist() == pytest.approx([3, 0.5])
    lists = np.full((1, 10), -1)
    lists[0, :2] = [3, 2]
    got = ndcg(grade_lists(lists, window.relevant), 10, graded=True)
    better, worse = 1 / np.log2(2), 1 / np.log2(3)
    assert got[0] == pytest.approx((0.5 * better + 3 * worse) / (3 * better + 0.5 * worse))


def test_selection_ends_where_the_first_test_begins():
    dataset = small_dataset()
    first = cut_for_test(dataset)[0]
    windows = selection_windows(dataset)
    assert [f"{cut:.0%}" for cut in SELECTION_CUTS] == [window.name for window in windows]
    log = pairs(first.log.users, first.log.items)
    for window in windows:
        assert window.cut < first.cut
        assert pairs(window.users[window.relevant.owners], window.relevant.rows) <= log


def test_without_times_half_of_some_users_items_are_hidden():
    dataset = untimed()
    (window,) = cut_for_test(dataset)
    everything = pairs(dataset.log.users, dataset.log.items)
    log = pairs(window.log.users, window.log.items)
    hidden = pairs(window.users[window.relevant.owners], window.relevant.rows)
    assert log | hidden == everything
    assert not log & hidden
    assert len(window.users) == round(FOLD_IN_SHARE * len(np.unique(dataset.log.users)))
    assert (window.events > 0).all()
    owned = np.bincount(dataset.log.users)[window.users]
    assert (window.relevant.sizes == owned // 2).all()
    assert window.log.times[-1] < window.cut


def test_without_times_selection_knows_nothing_of_what_is_tested():
    dataset = untimed()
    (tested,), (selected,) = cut_for_test(dataset), selection_windows(dataset)
    assert not set(tested.users) & set(selected.users)
    hidden = pairs(tested.users[tested.relevant.owners], tested.relevant.rows)
    assert not hidden & pairs(selected.log.users, selected.log.items)
    assert not hidden & pairs(selected.users[selected.relevant.owners], selected.relevant.rows)


def test_a_repeated_item_is_hidden_with_all_its_events():
    twice = log((0, 1, 1, 1), (0, 2, 1, 2), (0, 1, 2, 3), (0, 2, 2, 4), (1, 5, 1, 5))
    window = fold_in_window("fold-in", twice, np.array([0, 1], np.int32))
    assert window.users.tolist() == [0]  # of one item alone nothing is hidden
    assert len(window.log) == 3
    assert not set(window.relevant.rows) & set(window.log.items)
    assert (np.exp2(window.relevant.grades) - 1).tolist() == [2]


def test_a_window_without_users_is_an_error():
    with pytest.raises(DataError, match="No user liked anything new in the window 50%"):
        rolling_window(log((0, 1, 1, 1), (0, 1, 1, 2)), 0.5)


def test_data_without_times_gets_users_who_arrive_at_random_moments():
    dataset = small_dataset()
    timed = with_random_arrivals(dataset, seed=1)
    assert len(timed.log) == len(dataset.log)
    assert np.all(np.diff(timed.log.times) >= 0)
    assert 0 <= timed.log.times[0] < timed.log.times[-1] <= 1
    pairs = [sorted(zip(d.log.users, d.log.items, strict=True)) for d in (timed, dataset)]
    assert pairs[0] == pairs[1]
