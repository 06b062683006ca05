"""The answers to orchestrators and Prometheus."""

from app.bundle.bundle import find_current_bundle
from tests.serving import hosted, leisurely


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
        'recfunnel_redis_seconds_count{command="history",outcome="ok"}',
    ):
        assert line in text, line
