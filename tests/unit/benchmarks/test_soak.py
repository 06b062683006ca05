"""The soak test tells a leak from noise."""

import numpy as np
import pytest

from benchmarks.soak import HOUR, Sample, SteadyTraffic, find_trends, trend

TIMES = np.arange(60) * 30.0  # half an hour


def noisy(values):
    return values + np.random.default_rng(0).normal(0, 0.5, len(values))


def test_what_grows_only_in_the_warm_up_is_flat():
    values = noisy(np.where(TIMES < 500, 100 + TIMES / 10, 150.0))
    assert trend(TIMES, values, slack=12.0).is_flat


def test_a_leak_of_forty_units_an_hour_is_found():
    found = trend(TIMES, noisy(100 + 40 * TIMES / HOUR), slack=12.0)
    assert not found.is_flat
    assert found.growth == pytest.approx(40, rel=0.1)


def test_every_process_and_their_sum_have_a_trend():
    samples = [
        Sample(at, {"parent": 50.0, "worker": 100.0 + at / 10}, 40, 1_000, 9.0) for at in TIMES
    ]
    trends = find_trends(samples)
    flat = {name for name, one in trends.items() if one.is_flat}
    assert set(trends) - flat == {"MiB of worker", "MiB of all processes"}


def test_the_load_has_no_users_that_are_seen_only_once():
    traffic = SteadyTraffic(1)
    kinds = {traffic.next_request().kind for _ in range(500)}
    assert kinds == {"trained", "anonymous"}
