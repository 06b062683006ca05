"""What orchestrators and Prometheus ask, and the one shape of every error."""

import httpx
import pytest
from fastapi import FastAPI, HTTPException, Request

from app.api import errors
from app.api.errors import RefusalError, error_response
from app.bundle.bundle import find_current_bundle
from tests.conftest import hosted, leisurely


def test_a_service_with_a_bundle_is_alive_and_ready(api):
    assert api.client.get("/healthz").json() == {"status": "alive"}
    answer = api.client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {
        "ready": True,
        "bundle": find_current_bundle(api.service.settings.out).name,
        "refused": None,
        "warnings": [],
        "redis": "ok",
    }


def test_a_service_without_a_bundle_is_alive_but_not_ready_and_says_why(tmp_path, redis_url):
    settings = leisurely(out=tmp_path, redis_url=redis_url)
    with hosted(settings, ready=False) as service:
        assert service.client.get("/healthz").status_code == 200
        answers = [
            service.client.get("/recommend?user_id=u1"),
            service.client.post("/recommend", json={}),
            service.client.post("/events", json={"user_id": "u1", "item_id": "i1"}),
        ]
        for answer in answers:
            assert answer.status_code == 503
            assert answer.headers["Retry-After"] == "1"
            assert answer.json()["error"]["code"] == "unavailable"
        told = service.client.get("/readyz")
        assert told.status_code == 503
        assert told.json()["ready"] is False
        assert "run `recfunnel train" in told.json()["refused"]


def test_metrics_name_routes_statuses_stages_and_the_bundle(api):
    api.recommend("u1")
    api.client.get("/recommend?user_id=")
    api.client.get("/unheard-of")
    version = find_current_bundle(api.service.settings.out).name
    answer = api.client.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    text = answer.text
    for line in (
        'recfunnel_request_seconds_count{route="/recommend",status="200"}',
        'recfunnel_request_seconds_count{route="/recommend",status="422"}',
        'recfunnel_request_seconds_count{route="unknown",status="404"}',
        'recfunnel_stage_seconds_count{outcome="ok",stage="recall.item_cf"}',
        'recfunnel_stage_candidates_out_total{stage="fine"}',
        'recfunnel_answers_total{kind="whole"}',
        f'recfunnel_bundle_workers{{version="{version}"}} 1.0',
        "recfunnel_requests_in_flight 1.0",
        'recfunnel_redis_seconds_count{command="MGET",outcome="ok"}',
    ):
        assert line in text, line


async def test_every_error_has_one_shape_and_a_code():
    app = FastAPI()
    errors.install(app)

    @app.get("/{status}")
    def fail(status: int) -> None:
        if status == 503:
            raise RefusalError(503, "come back", "k", retry_after=7)
        raise HTTPException(status, "no")

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.get("/503")
        assert answer.headers["Retry-After"] == "7"
        assert answer.json() == {
            "error": {"code": "unavailable", "message": "come back", "field": "k"}
        }
        for status, code in ((404, "not_found"), (418, "error")):
            answer = await client.get(f"/{status}")
            assert answer.status_code == status
            assert answer.json() == {"error": {"code": code, "message": "no", "field": None}}
    assert "Retry-After" not in error_response(422, "no").headers


@pytest.mark.parametrize("handler", [errors._invalid, errors._http, errors._refused])
async def test_an_error_of_another_kind_is_not_swallowed(handler):
    with pytest.raises(ZeroDivisionError):
        await handler(Request({"type": "http"}), ZeroDivisionError())
