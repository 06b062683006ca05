"""``/trainings``: what is answered when nothing, something or another process can train."""

from contextlib import contextmanager

import httpx
import pytest

from app.trainings.trainer_notices import TrainerNotice, announce
from app.trainings.training_folder import TrainingFolder
from app.trainings.training_record import TrainingRecord, new_training_id
from tests.serving import hosted, leisurely, until

NOW = 1_796_000_000.0
KEYS = {role: f"{role}-{'k' * 40}" for role in ("read", "admin")}


@pytest.fixture(scope="module")
def service(trained, redis_url, tmp_path_factory):
    keys = ";".join(f"{role}er {role} {key}" for role, key in KEYS.items())
    settings = leisurely(
        out=trained,
        state=tmp_path_factory.mktemp("state"),
        redis_url=redis_url,
        api_keys=keys,
        train_data=None,
    )
    with hosted(settings) as one:
        one.client.headers["X-API-Key"] = KEYS["admin"]
        yield one


@pytest.fixture
def folder(service):
    """The folder of trainings, empty."""
    folder = TrainingFolder(service.service.settings.trainings_folder)
    if folder.path.exists():
        for path in folder.path.iterdir():
            path.unlink()
    return folder


@contextmanager
def trainer(folder, data="files"):
    with announce(folder.path, TrainerNotice(data=data, schedule="every 24h", next=NOW)):
        yield


def error_of(answer, status):
    assert answer.status_code == status, answer.text
    return answer.json()["error"]


def test_a_training_is_requested_seen_and_cancelled(service, folder):
    client = service.client
    with trainer(folder):
        answer = client.post("/trainings", json={"force": True})
        assert answer.status_code == 202
        body = answer.json()
        assert (body["state"], body["by"], body["force"]) == ("waiting", "adminer", True)
        address = answer.headers["Location"]
        assert client.get(address).json() == body | {"log": []}
        second = client.post("/trainings")
        assert error_of(second, 409)["code"] == "conflict"
        assert body["training_id"] in second.json()["error"]["message"]
        assert second.headers["Location"] == address
        listed = client.get("/trainings").json()
        assert (listed["schedule"], listed["next"]) == ("every 24h", NOW)
        assert listed["unavailable"] is None
        assert [each["training_id"] for each in listed["trainings"]] == [body["training_id"]]
        assert client.delete(address).json()["state"] == "cancelled"
        assert "has ended: cancelled" in error_of(client.delete(address), 409)["message"]
        assert client.post("/trainings").status_code == 202


def test_a_training_that_runs_shows_its_phase_its_log_and_its_seconds(service, folder):
    running = TrainingRecord(
        training_id=new_training_id(NOW),
        state="running",
        by="schedule",
        requested=NOW,
        started=NOW,
        phase="Fitting the fine ranker",
        progress=0.5,
    )
    address = f"/trainings/{running.training_id}"
    with folder.claim(running):
        folder.log_path(running.training_id).write_text("one\ntwo\n")
        seen = service.client.get(address).json()
        assert (seen["phase"], seen["progress"]) == ("Fitting the fine ranker", 0.5)
        assert seen["log"] == ["one", "two"]
        assert seen["seconds"] > 0
        cancelled = service.client.delete(address)
        assert cancelled.status_code == 202
        assert (cancelled.json()["state"], cancelled.json()["cancelling"]) == ("running", True)
        folder.write(running.ended("published", NOW + 5))
    assert service.client.get(address).json()["seconds"] == 5


def test_where_nothing_can_train_the_answer_is_why_and_what_to_do(service, folder):
    message = error_of(service.client.post("/trainings"), 503)["message"]
    assert "learned from the files of" in message
    assert "set train_data" in message
    assert service.client.get("/trainings").json()["unavailable"] == message
    with trainer(folder, data=None):
        assert error_of(service.client.post("/trainings"), 503)["message"] == message


def test_without_data_there_is_only_the_archive(redis_url, tmp_path):
    settings = leisurely(out=tmp_path / "out", redis_url=redis_url)
    folder = TrainingFolder(settings.trainings_folder)
    with hosted(settings, ready=False) as service:
        message = error_of(service.client.post("/trainings"), 503)["message"]
        assert "no process starts trainings" in message
        assert "recfunnel serve" in message
        with trainer(folder, data=None):
            answer = service.client.post("/trainings", json={"from_archive": False})
            assert error_of(answer, 422)["field"] == "from_archive"
            answer = service.client.post("/trainings")
            assert (answer.status_code, answer.json()["by"]) == (202, None)


@pytest.mark.parametrize(
    ("body", "field"),
    [({"forse": True}, "forse"), ({"force": "perhaps"}, "force"), ([], None)],
)
def test_options_are_checked(service, folder, body, field):
    with trainer(folder):
        assert error_of(service.client.post("/trainings", json=body), 422)["field"] == field
    assert folder.waiting() is None


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_an_unknown_training_is_not_found(service, folder, method):
    absent = f"/trainings/{new_training_id(NOW)}"
    assert error_of(service.client.request(method, absent), 404)["field"] == "training_id"
    assert error_of(service.client.request(method, "/trainings/..%2fx"), 422)
    assert error_of(service.client.request(method, "/trainings/x"), 422)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/trainings"),
        ("GET", "/trainings"),
        ("GET", "/trainings/20260801T030000-0123ab"),
        ("DELETE", "/trainings/20260801T030000-0123ab"),
    ],
)
def test_trainings_are_for_admins(service, method, path):
    url = f"{service.client.base_url}{path}".replace("//t", "/t")
    answer = httpx.request(method, url, headers={"X-API-Key": KEYS["read"]}, trust_env=False)
    assert error_of(answer, 403)["message"] == "this needs a key with the role admin"


def test_trainings_are_measured(service, folder):
    with trainer(folder):
        assert service.client.post("/trainings").is_success
        service.service.reload()
        running = "recfunnel_training_running 1.0"
        until(lambda: running in service.client.get("/metrics").text)
