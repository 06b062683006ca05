"""Only requests for the service's own names are answered, and refusals have our shape."""

import httpx
import pytest
from starlette.responses import PlainTextResponse

from app.api.allowed_hosts import AllowedHosts, name_of_host
from app.observe.metrics import Metrics


async def answer_to(host, *allowed):
    metrics = Metrics()
    app = AllowedHosts(PlainTextResponse("answer"), allowed, metrics)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://test"
    ) as client:
        answer = await client.get("/", headers={"host": host})
    return answer, metrics.scrape().decode()


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("recs.shop.com", ["recs.shop.com"]),
        ("RECS.shop.com:8000", ["recs.shop.com"]),
        ("a.localhost:8000", ["localhost", "*.localhost"]),
        ("[::1]:8000", ["[::1]"]),
        ("anything", ["*"]),
    ],
)
async def test_own_names_are_answered(host, allowed):
    answer, _ = await answer_to(host, *allowed)
    assert answer.text == "answer"


@pytest.mark.parametrize("host", ["evil.com", "shop.com.evil.com", "", "xlocalhost", "[::1"])
async def test_other_names_are_refused_in_our_shape_and_counted(host):
    answer, metrics = await answer_to(host, "localhost", "*.localhost", "shop.com", "[::1]")
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "bad_request"
    assert 'recfunnel_requests_refused_total{reason="host"} 1.0' in metrics


def test_the_port_is_not_part_of_the_name():
    assert name_of_host("A.b:1") == "a.b"
