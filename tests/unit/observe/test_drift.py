"""Served lists that differ from the bundle's are noticed; lists like them are not."""

import math
from functools import cache

import numpy as np
import pytest

from app.contracts import Slate
from app.cpu import Cpu
from app.features.views import FINE_VIEW, column_names
from app.observe.drift import (
    EVENTS_COLUMN,
    HALF_LIFE,
    MAX_WAITING,
    MONITORED,
    SCORE,
    Bins,
    DriftCounter,
    count_bins,
    describe_lists,
    population_stability_index,
    read_reference,
    write_reference,
)
from app.observe.drift_monitor import DriftBounds, DriftMonitor
from app.observe.metrics import Metrics
from tests.fakes import pool

WIDTH = len(column_names(FINE_VIEW))


def lists(n, seed=0, shift=0.0, width=WIDTH, explored=1e6):
    """Lists of ten items with random features; exploration put the last item there."""
    random = np.random.default_rng(seed)
    selections = []
    for _ in range(n):
        items = pool(*range(10), scores=random.normal(shift, 1, 10), features=width)
        items.features[:] = random.normal(shift, 1, (10, width))
        if width == WIDTH:
            items.features[:, EVENTS_COLUMN] = np.abs(random.normal(0, 1, 10)) + shift + 0.1
        items.features[9] = explored
        selections.append(Slate(items, np.arange(10) == 9))
    return selections


@cache
def reference():
    return describe_lists(lists(500))


def counter(n=400, min_lists=100.0, **options):
    """A counter that has been given ``n`` lists."""
    drift = DriftCounter(reference(), min_lists)
    for slate in lists(n, seed=1, **options):
        drift.add(slate)
    return drift


def test_the_index_equals_one_computed_by_hand():
    expected, counts = np.array([0.5, 0.5]), np.array([30.0, 70.0])
    by_hand = (0.3 - 0.5) * math.log(0.3 / 0.5) + (0.7 - 0.5) * math.log(0.7 / 0.5)
    assert population_stability_index(expected, counts) == pytest.approx(by_hand)
    assert population_stability_index(expected, np.array([50.0, 50.0])) == 0.0
    assert population_stability_index(np.array([1.0, 0.0]), np.array([0.0, 9.0])) == pytest.approx(
        2 * 0.999 * math.log(1000), rel=1e-3
    )


def test_bins_hold_equally_many_values_and_missing_values_have_their_own():
    values = np.array([*range(90), *[np.nan] * 10], np.float32)
    bins = Bins.of(values)
    assert bins.shares == pytest.approx([*[0.09] * 10, 0.1])
    assert count_bins(bins.edges, np.array([-5, 500, np.inf, 9], np.float32)).tolist() == [
        *(1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1)
    ]
    alike = Bins.of(np.ones(50, np.float32))
    assert alike.shares.sum() == pytest.approx(1.0)
    assert Bins.of(np.empty(0, np.float32)).shares.tolist() == [0.0, 0.0]


def test_a_tiny_change_of_values_that_many_items_share_is_no_drift():
    values = np.random.default_rng(0).choice(np.arange(30.0), 2_000).astype(np.float32)
    bins = Bins.of(values)
    for shift in (-0.01, 0.01):
        moved = count_bins(bins.edges, values + np.float32(shift))
        assert population_stability_index(bins.shares, moved) == pytest.approx(0.0, abs=1e-9)
    assert (
        population_stability_index(bins.shares, count_bins(bins.edges, values + np.float32(3)))
        > 0.1
    )


def test_traffic_like_the_bundles_is_no_drift_and_other_traffic_is():
    like, unlike = counter().count(1e9), counter(shift=1.0).count(1e9)
    assert set(like) == {*MONITORED, SCORE}
    assert max(like.values()) < 0.1
    assert min(unlike.values()) > 0.25


def test_items_that_exploration_put_into_a_list_do_not_count():
    assert max(counter(explored=-1e6).count(1e9).values()) < 0.1


def test_a_limited_number_of_lists_waits_and_too_few_lists_give_no_index():
    drift = counter(min_lists=300.0)
    assert drift.count(1e9) == {}
    assert drift.weight == MAX_WAITING
    for slate in lists(150, seed=2):
        drift.add(slate)
    assert drift.count(1e9 + 1)


def test_lists_served_long_ago_fade():
    drift = counter(shift=1.0)
    assert drift.count(0.0)[SCORE] > 0.25
    for slate in lists(200, seed=3):
        drift.add(slate)
    assert drift.count(20 * HALF_LIFE)[SCORE] < 0.1


def test_lists_without_fine_features_and_bundles_without_a_reference_count_nothing():
    assert counter(width=3).count(1e9) == {}
    nothing = DriftCounter(None)
    nothing.add(lists(1)[0])
    assert nothing.count(1e9) == {}


def test_a_reference_survives_writing_and_reading(tmp_path):
    made = describe_lists(lists(50))
    write_reference(made, tmp_path / "drift.json")
    back = read_reference(tmp_path / "drift.json")
    for name, bins in made.columns.items():
        assert back.columns[name].edges.tolist() == bins.edges.tolist()
        assert back.columns[name].shares.tolist() == bins.shares.tolist()


async def test_an_exceeded_bound_is_logged_once_an_hour(caplog):
    cpu = Cpu(threads=1)
    monitor = DriftMonitor(DriftBounds(0.25, 3_600.0), Metrics(), cpu)
    for moment in (1e9, 1e9 + 60, 1e9 + 120):
        await monitor.check(counter(shift=1.0), 1e9 - 7_200, moment)
    assert any("score of served lists differs from" in one for one in monitor.alerts)
    assert "the bundle is 2 h old (bound 1 h): train again" in monitor.alerts
    assert caplog.text.count("may not fit") == 1
    await monitor.check(counter(), 1e9 + 3_700, 1e9 + 3_700)
    assert monitor.alerts == ()
    await monitor.check(counter(shift=1.0), 1e9, 1e9 + 3_800)
    assert caplog.text.count("may not fit") == 2
    await monitor.check(counter(), 1e9 + 20 * 86_400, 1e9 + 3_900)
    assert monitor.alerts[0].startswith("the clock of this machine is 20 days before the bundle")
    cpu.close()


def test_the_share_of_anonymous_users_shows_in_their_events_alone():
    def traffic(strangers, seed):
        made = lists(400, seed)
        for slate in made[:strangers]:
            slate.pool.features[:] = 7.0
            slate.pool.features[:, EVENTS_COLUMN] = 0.0
        return made

    drift = DriftCounter(describe_lists(traffic(40, 0)), 100.0)
    for slate in np.random.default_rng(0).permutation(np.array(traffic(200, 1), object))[:200]:
        drift.add(slate)
    indexes = drift.count(1e9)
    assert indexes.pop("user_events") > 0.25
    assert max(indexes.values()) < 0.15
