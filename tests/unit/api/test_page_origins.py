"""Pages of other sites change nothing in a service without keys."""

import httpx
import pytest
from starlette.responses import PlainTextResponse

from app.api.page_origins import PageOrigins
from app.observe.metrics import Metrics

SHOP = "http://localhost:8001"


async def answer_to(method, headers, *origins):
    metrics = Metrics()
    app = PageOrigins(PlainTextResponse("answer"), origins, metrics)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
        answer = await client.request(method, "/trainings", headers=headers)
    return answer, metrics.scrape().decode()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://127.0.0.1:8000"},
        {"Origin": "http://127.0.0.1:8000", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "https://recs.shop.com", "Sec-Fetch-Site": "same-origin"},
        {"Origin": SHOP, "Sec-Fetch-Site": "same-site"},
        {"Origin": SHOP, "Sec-Fetch-Site": "cross-site"},
        {"Origin": SHOP},
        {"Sec-Fetch-Site": "none"},
    ],
)
async def test_programs_the_own_pages_and_listed_origins_may_change(headers):
    answer, _ = await answer_to("POST", headers, SHOP)
    assert answer.text == "answer"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.com"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:8002"},
        {"Origin": "http://127.0.0.1:8000", "Sec-Fetch-Site": "cross-site"},
    ],
)
async def test_other_pages_may_not(method, headers):
    answer, metrics = await answer_to(method, headers, SHOP)
    assert answer.status_code == 403
    assert "cors_origins" in answer.json()["error"]["message"]
    assert 'recfunnel_requests_refused_total{reason="origin"} 1.0' in metrics


async def test_reading_needs_no_check_and_any_origin_can_be_allowed():
    foreign = {"Origin": "https://evil.com", "Sec-Fetch-Site": "cross-site"}
    for method in ("GET", "HEAD", "OPTIONS"):
        answer, _ = await answer_to(method, foreign)
        assert answer.status_code == 200
    answer, _ = await answer_to("POST", foreign, "*")
    assert answer.text == "answer"
