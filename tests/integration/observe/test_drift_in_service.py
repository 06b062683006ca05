"""A service reports drift of what it serves."""

import pytest

from app.bundle.bundle import find_current_bundle, load_bundle
from app.observe.drift import MONITORED, SCORE
from tests.serving import hosted, leisurely, until
from tests.world import USERS


def test_a_published_bundle_describes_the_lists_it_gives(trained):
    bundle = load_bundle(find_current_bundle(trained))
    assert set(bundle.drift.columns) == {*MONITORED, SCORE}
    for bins in bundle.drift.columns.values():
        assert bins.shares.sum() == pytest.approx(1.0)


def test_other_users_than_those_of_the_bundle_are_reported_as_drift(trained, redis_url):
    settings = leisurely(out=trained, redis_url=redis_url, reload_seconds=0.05)
    with hosted(settings) as service:
        service.service.drift_monitor.interval = 0.0
        service.service.deployment.drift.min_lists = 100.0

        def indexes():
            text = service.client.get("/metrics").text
            lines = [line for line in text.splitlines() if line.startswith("recfunnel_drift_psi{")]
            return {line.split('"')[1]: float(line.split()[-1]) for line in lines}

        for n in range(USERS):
            service.recommend(f"u{n}")
        as_trained = until(indexes)
        assert set(as_trained) == {*MONITORED, SCORE}
        assert max(as_trained.values()) < 0.25, as_trained
        assert service.client.get("/readyz").json()["warnings"] == []
        assert "recfunnel_bundle_age_seconds" in service.client.get("/metrics").text
        for n in range(USERS):
            history = [{"item_id": f"i{n % 100 + at}", "type": "dislike"} for at in range(3)]
            service.client.post("/recommend", json={"history": history})
        until(lambda: indexes()["user_events"] > 0.25)
        warnings = until(lambda: service.client.get("/readyz").json()["warnings"])
        assert any("user_events" in warning for warning in warnings)
