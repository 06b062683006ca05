"""Workers share the rate of a key by a bucket in Redis."""

import pytest

from app.state.rate_shares import BURST_SECONDS, RateShares
from tests.state import store, url
from tests.unit.api.test_rate_limit import Clock, take_all

__all__ = ["store", "url"]  # fixtures

RATE = 10.0
BURST = int(RATE * BURST_SECONDS)


async def test_workers_together_take_no_more_than_one_limit(store):
    clock = Clock()  # it stands still: what comes in beside is by the clock of the server
    workers = {f"w{n}": RateShares(RATE, 4, clock) for n in range(4)}
    taken = sum(map(take_all, workers.values()))
    assert taken == BURST  # each begins with its share
    for _ in range(3):
        for name, one in workers.items():
            await one.report(store, "t", name)
            taken += take_all(one)
    assert taken <= 2 * BURST  # those that had not reported yet were not known
    more = 0
    for name, one in workers.items():
        await one.report(store, "t", name)
        more += take_all(one)
    assert more == 0  # what was taken too much is owed


async def test_a_worker_that_is_alone_with_a_key_gets_all_of_its_rate(store):
    clock = Clock()
    one, other = RateShares(RATE, 2, clock), RateShares(RATE, 2, clock)
    assert take_all(one) == BURST / 2
    take_all(other, "another key")
    await other.report(store, "t", "other")
    await one.report(store, "t", "one")
    assert take_all(one) == pytest.approx(BURST / 2, abs=2)
    await one.report(store, "t", "one")
    assert take_all(one) < BURST / 2
    lives = [await store.command("TTL", key) for key in await store.command("KEYS", "t:*")]
    assert all(0 < seconds <= 60 for seconds in lives)
