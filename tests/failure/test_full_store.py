"""Redis reads and refuses to write: lists go on, and the service says what is wrong."""

import redis

from app.process.embedded_server import embedded_server
from tests.serving import hosted, leisurely, until


def test_a_full_redis_is_named_and_a_worker_that_starts_then_still_reads_the_items(
    trained, tmp_path
):
    with (
        embedded_server(tmp_path / "redis") as url,
        redis.Redis.from_url(url) as client,
        hosted(leisurely(out=trained, redis_url=url, key_prefix="t", reload_seconds=0.05)) as one,
    ):
        item = {"title": "New", "categories": ["c1"]}
        assert one.client.put("/items/new", json=item).status_code in {200, 201}
        assert one.client.get("/readyz").json()["writes"] == "ok"
        rules = {"policy": {"pinned": {"i5": 1}}}
        assert one.client.put("/rules", json={"version": 0, "rules": rules}).status_code == 200
        client.config_set("maxmemory", 1)
        until(lambda: one.client.get("/readyz").json()["writes"] == "refused", 10.0)
        state = one.client.get("/readyz").json()
        assert state["ready"]
        assert state["redis"] == "ok"
        assert any("raise maxmemory" in warning for warning in state["warnings"])
        assert "recfunnel_writes_refused 1.0" in one.client.get("/metrics").text
        event = {"user_id": "u1", "item_id": "i1", "type": "like"}
        refused = one.client.post("/events", json=event)
        assert refused.status_code == 503
        assert "run `recfunnel archive`, which makes room" in refused.json()["error"]["message"]
        refused = one.client.put("/rules", json={"version": 1, "rules": {}})
        assert refused.status_code == 503
        assert "the rules were not saved" in refused.json()["error"]["message"]
        settings = leisurely(out=trained, redis_url=url, key_prefix="t", reload_seconds=0.05)
        with hosted(settings) as other:
            assert other.client.get("/items/new").status_code == 200
            answer = other.recommend("u1")
            assert not answer["degraded"]
            assert answer["items"][0]["slot"] == "pinned"
        client.config_set("maxmemory", 0)
        until(lambda: one.client.get("/readyz").json()["writes"] == "ok", 10.0)
        assert one.client.post("/events", json=event).status_code == 202
