"""The whole way by the command line: train, serve, ask, click, ask, train again, ask again."""

import orjson
import pytest
from typer.testing import CliRunner

from app.bundle.bundle import find_current_bundle
from offline import cli
from tests.serving import QUICK, running, until
from tests.world import world, write_recbole

pytestmark = pytest.mark.e2e


def train(data, out, *options):
    command = ["train", "--data", data, "--out", out, "--config", QUICK, *options]
    result = CliRunner(env={"REDIS_URL": ""}).invoke(cli.app, [str(part) for part in command])
    assert result.exit_code == 0, result.output


def ids(answer):
    return [item["item_id"] for item in answer["items"]]


def test_from_data_to_a_list_that_follows_what_the_user_does(tmp_path):
    data = write_recbole(tmp_path / "cinema", world(5, users=40, items=60, ratings=800))
    out = tmp_path / "out"
    train(data, out)
    assert orjson.loads((out / "report.json").read_bytes())["evaluated_users"] > 20
    with running(out, RECFUNNEL_RELOAD_SECONDS="0.2") as served:
        first = served.recommend("visitor", explore=False, explain=True)
        assert first["degraded"] == []
        assert {stage["outcome"] for stage in first["stages"]} == {"ok"}

        event = {
            "user_id": "visitor",
            "item_id": ids(first)[0],
            "type": "like",
            "request_id": first["request_id"],
        }
        assert served.client.post("/events", json=event).status_code == 202
        second = served.recommend("visitor", explore=False, explain=True)
        assert ids(first)[0] not in ids(second)
        assert ids(second)[:9] != ids(first)[1:]
        assert second["degraded"] == []
        assert any(item["reason"]["because"] == [ids(first)[0]] for item in second["items"])

        train(data, out, "--seed", "8", "--force")
        until(
            lambda: served.client.get("/readyz").json()["bundle"] == find_current_bundle(out).name
        )
        third = served.recommend("visitor", explore=False)
        assert third["bundle"] != second["bundle"]
        assert ids(first)[0] not in ids(third)
        assert third["degraded"] == []

    with running(out) as served:  # what users did outlives the service
        assert ids(first)[0] not in ids(served.recommend("visitor", explore=False, k=50))
