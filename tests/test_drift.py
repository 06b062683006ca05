"""Traffic unlike that which the bundle was made for is noticed; traffic like it is not."""

import math
from dataclasses import replace

import numpy as np
import pytest

from app.bundle.bundle import find_current_bundle, load_bundle
from app.contracts import Selection
from app.cpu import Cpu
from app.features.views import FINE_VIEW, column_names
from app.observe import drift as module
from app.observe import drift_monitor as vigil_module
from app.observe.drift import (
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
from tests.conftest import USERS, hosted, leisurely, until
from tests.fakes import pool

WIDTH = len(column_names(FINE_VIEW))


def lists(n, seed=0, shift=0.0, width=WIDTH):
    """Lists of ten items of random features, the last of them explored."""
    random = np.random.default_rng(seed)
    made = []
    for _ in range(n):
        one = pool(*range(10), scores=random.normal(shift, 1, 10), features=width)
        one.features[:] = random.normal(shift, 1, (10, width))
        if width == WIDTH:
            one.features[:, module.EVENTS_COLUMN] = np.abs(random.normal(0, 1, 10)) + shift + 0.1
        one.features[9] = 1e6
        made.append(Selection(replace(one), np.arange(10) == 9))
    return made


def watched(n=400, **known):
    found = DriftCounter(describe_lists(lists(500)))
    for chosen in lists(n, seed=1, **known):
        found.add(chosen)
    return found


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(module, "MIN_LISTS", 100.0)


def test_the_index_is_that_of_the_books():
    expected, counts = np.array([0.5, 0.5]), np.array([30.0, 70.0])
    by_hand = (0.3 - 0.5) * math.log(0.3 / 0.5) + (0.7 - 0.5) * math.log(0.7 / 0.5)
    assert population_stability_index(expected, counts) == pytest.approx(by_hand)
    assert population_stability_index(expected, np.array([50.0, 50.0])) == 0.0
    assert population_stability_index(np.array([1.0, 0.0]), np.array([0.0, 9.0])) == pytest.approx(
        2 * 0.999 * math.log(1000), rel=1e-3
    )


def test_bins_hold_as_many_values_each_and_what_is_missing_is_one_more():
    values = np.array([*range(90), *[np.nan] * 10], np.float32)
    bins = Bins.of(values)
    assert bins.shares == pytest.approx([*[0.09] * 10, 0.1])
    assert count_bins(bins.edges, np.array([-5, 500, np.inf, 9], np.float32)).tolist() == [
        *(1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1)
    ]
    alike = Bins.of(np.ones(50, np.float32))
    assert alike.shares.sum() == pytest.approx(1.0)
    assert Bins.of(np.empty(0, np.float32)).shares.tolist() == [0.0, 0.0]


def test_a_hair_s_breadth_of_values_that_many_share_is_no_drift():
    values = np.random.default_rng(0).choice(np.arange(30.0), 2_000).astype(np.float32)
    bins = Bins.of(values)
    for shift in (-0.01, 0.01):
        moved = count_bins(bins.edges, values + np.float32(shift))
        assert population_stability_index(bins.shares, moved) == pytest.approx(0.0, abs=1e-9)
    assert (
        population_stability_index(bins.shares, count_bins(bins.edges, values + np.float32(3)))
        > 0.1
    )


def test_traffic_like_the_bundle_s_is_no_drift_and_other_traffic_is(few):
    like, unlike = watched().count(1e9), watched(shift=1.0).count(1e9)
    assert set(like) == {*MONITORED, SCORE}
    assert max(like.values()) < 0.1
    assert min(unlike.values()) > 0.25


def test_what_chance_put_into_a_list_does_not_count(few):
    found = watched()
    found.count(1e9)
    assert not any(counts[-2] > 0.3 * counts.sum() for counts in found._counts.values())
    assert sum(found._counts[SCORE]) == 9 * module.MAX_WAITING


def test_only_so_many_lists_wait_to_be_counted_and_too_few_say_nothing():
    found = watched()
    assert found.count(1e9) == {}
    assert found.weight == module.MAX_WAITING
    for chosen in lists(150, seed=2):
        found.add(chosen)
    assert found.count(1e9 + 1)


def test_what_was_served_long_ago_counts_no_more(few):
    found = watched(shift=1.0)
    assert found.count(0.0)[SCORE] > 0.25
    for chosen in lists(200, seed=3):
        found.add(chosen)
    assert found.count(20 * module.HALF_LIFE)[SCORE] < 0.1


def test_lists_that_the_fine_ranker_did_not_see_and_bundles_without_a_reference_count_nothing(few):
    assert watched(width=3).count(1e9) == {}
    nothing = DriftCounter(None)
    nothing.add(lists(1)[0])
    assert nothing.count(1e9) == {}


def test_a_reference_is_read_back_as_it_was_written(tmp_path):
    made = describe_lists(lists(50))
    write_reference(made, tmp_path / "drift.json")
    back = read_reference(tmp_path / "drift.json")
    for name, bins in made.columns.items():
        assert back.columns[name].edges.tolist() == bins.edges.tolist()
        assert back.columns[name].shares.tolist() == bins.shares.tolist()


async def test_a_bound_that_is_passed_is_told_in_the_log_once_an_hour(few, caplog):
    cpu = Cpu(threads=1)
    vigil = DriftMonitor(DriftBounds(0.25, 3_600.0), Metrics(), cpu)
    for moment in (1e9, 1e9 + 60, 1e9 + 120):
        await vigil.check(watched(shift=1.0), 1e9 - 7_200, moment)
    assert any("score of what is served is unlike" in one for one in vigil.alerts)
    assert "the bundle is 2 h old (bound 1 h): train again" in vigil.alerts
    assert caplog.text.count("may be out of date") == 1
    await vigil.check(watched(), 1e9 + 3_700, 1e9 + 3_700)
    assert vigil.alerts == ()
    await vigil.check(watched(shift=1.0), 1e9, 1e9 + 3_800)
    assert caplog.text.count("may be out of date") == 2
    cpu.close()


def test_a_published_bundle_says_what_it_shows(trained):
    bundle = load_bundle(find_current_bundle(trained))
    assert set(bundle.drift.columns) == {*MONITORED, SCORE}
    for bins in bundle.drift.columns.values():
        assert bins.shares.sum() == pytest.approx(1.0)


def test_a_service_tells_of_drift_when_others_come_than_the_bundle_was_made_for(
    trained, redis_url, few, monkeypatch
):
    monkeypatch.setattr(vigil_module, "CHECK_INTERVAL", 0.0)
    settings = leisurely(out=trained, redis_url=redis_url, reload_seconds=0.05)
    with hosted(settings) as service:

        def drifted():
            text = service.client.get("/metrics").text
            lines = [line for line in text.splitlines() if line.startswith("recfunnel_drift_psi{")]
            return {one.split('"')[1]: float(one.split()[-1]) for one in lines}

        for n in range(USERS):
            service.recommend(f"u{n}")
        told = until(drifted)
        assert set(told) == {*MONITORED, SCORE}
        assert max(told.values()) < 0.25, told
        assert service.client.get("/readyz").json()["warnings"] == []
        assert "recfunnel_bundle_age_seconds" in service.client.get("/metrics").text
        for n in range(USERS):
            history = [{"item_id": f"i{n % 100 + at}", "type": "dislike"} for at in range(3)]
            service.client.post("/recommend", json={"history": history})
        until(lambda: drifted()["user_events"] > 0.25)
        warnings = until(lambda: service.client.get("/readyz").json()["warnings"])
        assert any("user_events" in one for one in warnings)


def test_how_many_strangers_come_is_told_by_their_events_alone(few):
    def traffic(strangers, seed):
        made = lists(400, seed)
        for chosen in made[:strangers]:
            chosen.pool.features[:] = 7.0
            chosen.pool.features[:, module.EVENTS_COLUMN] = 0.0
        return made

    found = DriftCounter(describe_lists(traffic(40, 0)))
    for chosen in np.random.default_rng(0).permutation(np.array(traffic(200, 1), object))[:200]:
        found.add(chosen)
    told = found.count(1e9)
    assert told.pop("user_events") > 0.25
    assert max(told.values()) < 0.15
