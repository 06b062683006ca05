"""Counters of popularity, by item, scene and segment."""

import tracemalloc

import numpy as np
import pytest

from app.artifacts import DAY, HALF_LIVES
from app.state.group_counts import MAX_CELLS, MAX_SCENES, SceneCounts, SegmentCounts
from tests.state import counters

START = 1_000_000.0


def start(**columns):
    return counters(START, n=4, **columns)


def apply(state, *events, sort=True):
    rows, weights, times = zip(*events, strict=True)
    state.apply(
        np.array(rows, np.int64), np.array(weights, np.float32), START + DAY * np.array(times)
    )
    if sort:
        state.refresh()


def rows(proposal):
    return proposal.rows.tolist()


def test_counts_halve_with_each_half_life():
    state = start()
    apply(state, (1, 1.0, 0.0))
    assert state.counts_at(START + 7 * DAY, np.array([1]))[:, 0] == pytest.approx(
        [2.0 ** -(7 * DAY / h) for h in HALF_LIVES]
    )


def test_liked_counts_weigh_positive_events_and_leave_out_the_others():
    state = start()
    apply(state, (1, 2.0, 0.0), (1, -1.0, 0.0), (1, 0.0, 0.0))
    assert state.liked_at(START, np.array([1]))[-1, 0] == 2.0
    assert state.counts_at(START, np.array([1]))[-1, 0] == 3.0
    assert state.positives[1] == 1.0


def test_a_late_event_counts_as_if_it_had_been_in_time():
    in_time, late = start(), start()
    apply(in_time, (0, 1.0, 1.0), (1, 1.0, 5.0))
    apply(late, (1, 1.0, 5.0))
    apply(late, (0, 1.0, 1.0))
    assert np.array_equal(in_time.counts, late.counts)
    assert late.now == START + 5 * DAY


def test_recent_likes_trend_before_more_likes_of_long_ago():
    state = start()
    apply(state, (0, 1.0, 0.0), (0, 1.0, 0.0), (0, 1.0, 0.0), (2, 1.0, 20.0))
    assert rows(state.trending()) == [2, 0]
    assert rows(state.popular()) == [0, 2]


def test_likes_within_hours_surge_before_what_trends():
    state = start()
    apply(state, *[(0, 1.0, 3.0)] * 4, *[(1, 1.0, 0.0)] * 9, (2, 1.0, 6.5), (2, 1.0, 6.5))
    assert rows(state.surging()) == [2, 0, 1]
    assert rows(state.trending()) == [1, 0, 2]
    assert rows(state.popular()) == [1, 0, 2]


@pytest.mark.parametrize(("days", "n_ranked"), [(100, 4), (170, 3), (900, 1)])
def test_lists_stay_finite_however_long_ago_the_bundle_was_made(days, n_ranked):
    """By a half-life of a day an event of day 170 is worth 2^170: more than float32 holds."""
    state = start()
    apply(state, *((n, 1.0 + n, float(days * n) / 3) for n in range(4)))
    for ranked in (state.surging(), state.trending(), state.fresh()):
        assert np.isfinite(ranked.scores).all()
        assert np.all(np.diff(ranked.scores) <= 0)
        assert rows(ranked) == [3, 2, 1, 0][: len(ranked)]
    assert len(state.surging()) == n_ranked  # 2^-150 is nothing
    assert state.surging().scores[0] == pytest.approx(4.0)


def test_list_scores_are_decayed_to_the_newest_event():
    state = start()
    apply(state, (0, 1.0, 0.0), (1, 1.0, 7.0))
    for ranked, half_life in [(state.surging(), 1), (state.trending(), 7), (state.popular(), 90)]:
        assert ranked.scores.tolist() == pytest.approx([1.0, 2.0 ** -(7 / half_life)])


def test_the_total_is_the_sum_of_likes_of_all_items():
    base = np.arange(len(HALF_LIVES) * 4, dtype=float).reshape(-1, 4)
    state = start(liked=base, counts=base)
    assert state.total_at(START).tolist() == base.sum(axis=1).tolist()
    apply(state, (0, 1.0, 1.0), (1, -1.0, 2.0), (2, 0.5, 3.0), (3, 0.0, 3.0))
    apply(state, (3, 2.0, 400.0))  # moves the reference
    for now in (START + 400 * DAY, START + 420 * DAY):
        whole = state.liked_at(now, np.arange(4)).sum(axis=1)
        assert state.total_at(now) == pytest.approx(whole)
    assert state.total_at(START + 400 * DAY)[-1] == base[-1].sum() + 3.5


def test_totals_do_not_depend_on_how_many_events_come_at_once():
    """Else two workers, or serving and training, would differ in the last bits."""
    random, together, alone = np.random.default_rng(0), start(), start()
    events = [(int(random.integers(4)), random.random(), n / 7) for n in range(500)]
    apply(together, *events)
    for event in events:
        apply(alone, event, sort=False)
    assert together.total.tobytes() == alone.total.tobytes()
    assert together.liked.tobytes() == alone.liked.tobytes()


def test_refresh_sorts_the_lists_only_if_something_changed():
    state = start()
    apply(state, (0, 1.0, 0.0))
    assert rows(state.popular()) == [0]
    apply(state, (3, 2.0, 0.0), sort=False)
    assert rows(state.popular()) == [0]
    state.refresh()
    assert rows(state.popular()) == [3, 0]
    kept = state.popular()
    state.refresh()
    assert state.popular() is kept


def test_a_refresh_of_what_changed_gives_the_lists_of_a_sort_of_all_items():
    random = np.random.default_rng(0)
    base = random.integers(0, 9, (len(HALF_LIVES), 3_000)).astype(float)
    first = np.where(random.random(3_000) < 0.9, START - random.random(3_000) * 1e6, np.inf)
    first[7] = START + 5 * DAY
    state, sorted_once = (
        counters(START, n=3_000, liked=base, counts=base, first_seen=first) for _ in range(2)
    )
    for day in range(12):
        events = [(int(random.integers(3_000)), random.random() - 0.1, day / 2) for _ in range(40)]
        apply(state, *events)
        apply(sorted_once, *events, sort=False)
        if day == 6:
            for each in (state, sorted_once):
                each.open_row(int(state.popular().rows[0]), START + 3 * DAY)
    state.refresh()
    sorted_once.refresh()
    for name in ("popular", "trending", "surging", "fresh"):
        one, other = (getattr(each, name)() for each in (state, sorted_once))
        assert one.rows.tolist() == other.rows.tolist(), name
        assert one.scores.tolist() == other.scores.tolist()


def test_the_items_first_seen_last_are_fresh_and_future_ones_are_not():
    state = start(first_seen=np.array([START - 9, START + DAY * 99, np.inf, START - 5]))
    apply(state, (2, 1.0, 1.0), (3, 1.0, 1.0))
    assert rows(state.fresh()) == [2, 3, 0]


def test_exposures_count_repeats():
    state = start()
    state.count_impressions(np.array([1, 1, 2]))
    assert state.exposures.tolist() == [0, 2, 1, 0]
    assert len(state) == 4


def test_no_events_change_nothing():
    state = start()
    state.apply(np.empty(0, np.int64), np.empty(0, np.float32), np.empty(0))
    assert state.now == START


def test_a_bundle_of_long_ago_does_not_overflow_the_counts():
    state = start()
    apply(state, (0, 1.0, 0.0), (1, 1.0, 9_990.0), (2, 1.0, 10_000.0))
    now = START + DAY * 10_000
    counts = state.counts_at(now, np.arange(3))
    assert np.isfinite(counts).all()
    assert counts[0, 1] == pytest.approx(2.0**-10)
    assert counts[-1].tolist() == [1, 1, 1]
    assert rows(state.trending()) == [2, 1]


def test_the_bundles_counts_decay_over_a_long_time():
    base = np.ones((len(HALF_LIVES), 4))
    state = start(counts=base, liked=base)
    apply(state, (0, 1.0, 360.0))
    assert state.counts_at(START + 360 * DAY, np.array([1]))[:, 0] == pytest.approx(
        [2.0 ** -(360 * DAY / h) for h in HALF_LIVES]
    )
    week = HALF_LIVES.index(7 * DAY)
    decayed = state.liked_at(START + 360 * DAY, np.array([1]))[week]
    assert decayed == pytest.approx(2.0 ** -(360 / 7))
    assert base[0, 0] == 1


def test_the_number_of_scenes_is_bounded_and_a_row_can_be_reset(caplog):
    counts = SceneCounts(3)
    for n in range(MAX_SCENES + 5):
        counts.count_impressions(np.array([1, 1]), f"s{n}")
        counts.count_successes(np.array([1]), f"s{n}")
    assert list(counts.counts_of(1)) == [f"s{n}" for n in range(5, MAX_SCENES + 5)]
    assert set(counts.counts_of(1).values()) == {(2.0, 1.0)}
    assert "dropped from the counts, at last 's0' for 's16'" in caplog.text
    counts.reset_row(1)
    assert set(counts.counts_of(1).values()) == {(0.0, 0.0)}


def test_invented_scenes_do_not_stop_those_in_use_from_being_counted():
    counts = SceneCounts(1)
    for n in range(10 * MAX_SCENES):
        counts.count_impressions(np.array([0]), "home")
        counts.count_impressions(np.array([0]), f"invented {n}")
    counts.count_impressions(np.array([0]), "new")
    assert counts.counts_of(0)["home"] == (10.0 * MAX_SCENES, 0.0)
    assert counts.counts_of(0)["new"] == (1.0, 0.0)


def test_a_catalogue_that_is_too_large_has_no_counts_by_segment():
    counts = SegmentCounts(2, MAX_CELLS, 0, 0.0)
    assert len(counts) == 0
    counts.apply(np.array([[0]]), np.array([5]), np.ones(1, np.float32), np.zeros(1))


def test_reading_a_few_items_allocates_nothing_as_long_as_the_catalogue():
    state = counters(START, n=100_000)
    few = np.array([3, 70_000])
    readers = (
        lambda: state.counts_at(START, few),
        lambda: state.liked_at(START, few),
        lambda: state.trial_counts(few),
        lambda: apply(state, (5, 1.0, 0.0), (99_999, 1.0, 1.0)),
    )
    for read in readers:
        read()
        tracemalloc.start()
        read()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 100_000  # one column of the counts has 800,000 bytes
