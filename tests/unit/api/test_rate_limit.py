"""A key that sends too much is refused, others are not."""

import httpx
from starlette.responses import PlainTextResponse

from app.access.keys import ApiKey
from app.api.access_control import Caller
from app.api.rate_limit import BURST_SECONDS, RateLimit
from app.observe.metrics import Metrics

RATE = 5.0


class Clock:
    """A clock that only the test moves."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def limited(clock, metrics):
    """An application with a limit; the header ``key`` names the caller."""
    limit = RateLimit(PlainTextResponse("answer"), RATE, metrics, clock)

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
