"""More requests come than can be answered: lists stay whole, and the other requests get 503."""

import asyncio
import json
from collections import Counter

import pytest

from benchmarks.fairness import SETTINGS, answered_share, measure
from loadtest.connection import HttpClient
from loadtest.traffic import HttpCall
from tests.serving import running, until

pytestmark = pytest.mark.e2e
CLIENTS = 400
REQUESTS_EACH = 5
TIGHT = {"RECFUNNEL_BUDGET_MS": "400"}  # a worker computes fewer lists than that in this time


def call_of(number):
    """The request of a client: every other one sends a body."""
    user = f"u{number % 40}"
    if number % 2:
        return HttpCall("trained", "GET", f"/recommend?user_id={user}&k=10")
    return HttpCall("session", "POST", "/recommend", json.dumps({"user_id": user}).encode())


async def flood(url):
    """Send requests from all clients at once, each as soon as the one before is answered."""
    client = HttpClient(url, timeout=60.0)

    async def ask(number):
        return [await client.send(call_of(number)) for _ in range(REQUESTS_EACH)]

    replies = await asyncio.gather(*map(ask, range(CLIENTS)))
    client.close()
    return [reply for of_one in replies for reply in of_one]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_under_overload_lists_are_whole_and_the_other_requests_are_refused(out, workers):
    with running(out, "--workers", workers, **TIGHT) as service:
        replies = asyncio.run(flood(service.url))
        statuses = Counter(reply.status for reply in replies)
        assert set(statuses) == {200, 503}, statuses
        lists = [json.loads(reply.body) for reply in replies if reply.status == 200]
        assert all(answer["items"] for answer in lists)
        missing = Counter(
            (part["stage"], part["outcome"]) for answer in lists for part in answer["degraded"]
        )
        assert not missing
        refused = {reply.body for reply in replies if reply.status == 503}
        assert [json.loads(body)["error"]["code"] for body in refused] == ["unavailable"]
        rejected = f"recfunnel_requests_rejected_total {statuses[503]}.0"
        until(lambda: rejected in service.client.get("/metrics").text)  # of all workers
        calm = service.recommend("u1")  # a request that comes alone is answered
        assert calm["degraded"] == []


def test_a_light_client_gets_its_lists_beside_a_heavy_one(out):
    with running(out, **TIGHT, **SETTINGS) as service:
        shares = asyncio.run(measure(service.url, connections=200, seconds=2.0))
    assert shares.heavy[503] > 0  # else nothing was scarce
    assert answered_share(shares.light) > 2 * answered_share(shares.heavy)
