"""A key that sends too much is refused, others are not."""

import asyncio
from contextlib import suppress

import httpx
import pytest
from starlette.responses import PlainTextResponse

from app.access.keys import ApiKey
from app.api.access_control import Caller
from app.api.rate_limit import RateLimit
from app.contracts import StageError
from app.observe.metrics import Metrics
from app.state.rate_shares import BURST_SECONDS, RateShares

RATE = 5.0


class Clock:
    """A clock that only the test moves."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def limited(clock, metrics):
    """An application with a limit; the header ``key`` names the caller."""
    limit = RateLimit(PlainTextResponse("answer"), RateShares(RATE, clock=clock), metrics)

    async def app(scope, receive, send):
        name = dict(scope["headers"]).get(b"key")
        if name:
            scope["caller"] = Caller(ApiKey(name.decode(), frozenset(["read"]), ""))
        await limit(scope, receive, send)

    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


async def statuses(client, n, **headers):
    return [(await client.get("/", headers=headers)).status_code for _ in range(n)]


async def test_each_key_has_its_own_rate_and_a_burst_after_a_rest():
    clock, metrics = Clock(), Metrics()
    burst = int(RATE * BURST_SECONDS)
    async with limited(clock, metrics) as client:
        assert await statuses(client, burst + 2, key="heavy") == [200] * burst + [429] * 2
        assert await statuses(client, 2, key="light") == [200] * 2
        assert await statuses(client, 2 * burst) == [200] * 2 * burst  # without a key
        clock.now += 1.0
        assert await statuses(client, 6, key="heavy") == [200] * 5 + [429]
        clock.now += 1_000.0
        assert (await statuses(client, burst + 1, key="heavy"))[-2:] == [200, 429]
    assert 'recfunnel_requests_refused_total{reason="rate"} 4.0' in metrics.scrape().decode()


async def test_a_refusal_says_when_to_try_again():
    clock = Clock()
    async with limited(clock, Metrics()) as client:
        await statuses(client, 10, key="heavy")
        answer = await client.get("/", headers={"key": "heavy"})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    assert answer.json()["error"]["code"] == "too_many_requests"


class AwayStore:
    """A store that does not answer."""

    async def command(self, *_):
        raise StageError("away")


def take_all(shares, key="k"):
    """Take tokens until there are none; return their number."""
    taken = 0
    while not shares.take_token(key):
        taken += 1
    return taken


async def test_without_the_store_each_worker_keeps_its_share():
    clock = Clock()
    workers = [RateShares(RATE, 2, clock) for _ in range(2)]
    total = 0
    for second in range(20):
        clock.now = float(second)
        for one in workers:
            total += take_all(one)
            with suppress(StageError):
                await one.report(AwayStore(), "t", "w")
    assert total == pytest.approx(RATE * (BURST_SECONDS + 19), abs=2)


async def test_tokens_that_could_not_be_reported_are_reported_later():
    class KeepingStore:
        def __init__(self):
            self.taken = []

        async def command(self, *arguments):
            self.taken.append(arguments[-1])
            return [b"0", 1]

    clock, store = Clock(), KeepingStore()
    shares = RateShares(RATE, 1, clock)
    n = take_all(shares)
    with suppress(StageError):
        await shares.report(AwayStore(), "t", "w")
    shares.take_token("k")
    await shares.report(store, "t", "w")
    await shares.report(store, "t", "w")  # nothing was used since
    assert store.taken == [n]


async def test_reports_run_only_while_keys_are_used():
    class CountingStore:
        calls = 0
        was_called = asyncio.Event()

        async def command(self, *_):
            self.calls += 1
            self.was_called.set()
            return [b"1", 1]

    store, shares = CountingStore(), RateShares(RATE)
    task = asyncio.create_task(shares.run(store, "t", "w"))
    await asyncio.sleep(0)
    assert store.calls == 0
    shares.take_token("k")
    await store.was_called.wait()
    task.cancel()
