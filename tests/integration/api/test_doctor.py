"""``/doctor``: a real trainer examines the data that trainings read, and the result is shown."""

import os
import threading
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from app.trainings.data_examination import LOCK, DataExamination, ExaminationRecord
from app.trainings.file_locks import holding
from app.trainings.trainer_notices import TrainerNotice, announce
from offline.trainings.background import OnRequest, service_arguments
from offline.trainings.examiner import DataExaminer
from offline.trainings.trainer import PROGRAM, TrainingStarter
from tests.serving import hosted, leisurely, until

KEYS = {role: f"{role}-{'k' * 40}" for role in ("read", "admin")}
ROWS = "user,item,rating,ts\n" + "".join(
    f"u{n % 4},i{n % 9},{n % 5 + 1},{1_500_000_000 + 3600 * n}\n" for n in range(60)
)


@pytest.fixture(scope="module")
def service(trained, redis_url, tmp_path_factory):
    folder = tmp_path_factory.mktemp("doctor")
    (folder / "data").mkdir()
    keys = ";".join(f"{role}er {role} {key}" for role, key in KEYS.items())
    settings = leisurely(
        out=trained,
        state=folder / "state",
        redis_url=redis_url,
        api_keys=keys,
        train_data=folder / "data",
    )
    with hosted(settings) as one:
        one.client.headers["X-API-Key"] = KEYS["admin"]
        yield one


@pytest.fixture
def files(service):
    """The folder of data with one bad row; nothing was examined yet."""
    folder = service.service.settings.train_data
    folder.joinpath("events.csv").write_text(ROWS + "u1,i1,x,1\n")
    for path in service.service.settings.trainings_folder.glob("doctor.*"):
        path.unlink()
    return folder


@contextmanager
def trainer(service, program=PROGRAM):
    settings = service.service.settings
    occasion = OnRequest(str(settings.train_data))
    one = TrainingStarter(settings, service_arguments(settings), occasion, program, poll=0.01)
    thread = threading.Thread(target=one.run)
    thread.start()
    try:
        until(lambda: service.client.get("/doctor").json()["unavailable"] is None)
        yield
    finally:
        one.ending.set()
        thread.join(10)
        assert not thread.is_alive()


def examine(service):
    """Request an examination, and return the answer after it has ended."""
    answer = service.client.post("/doctor")
    assert answer.status_code == 202, answer.text
    return until(lambda: (body := service.client.get("/doctor").json())["examined"] and body)


def test_the_data_are_examined_on_request(service, files):
    before = service.client.get("/doctor").json()
    assert (before["state"], before["examined"], before["diagnosis"]) == ("none", None, None)
    with trainer(service):
        body = examine(service)
        until(lambda: service.client.get("/doctor").json()["state"] == "none")
    assert (body["data"], body["training_id"], body["error"]) == (str(files), None, None)
    found = body["diagnosis"]
    assert (found["users"], found["items"], found["interactions"]) == (4, 9, 60)
    assert found["files"] == [
        {"file": "events.csv", "rows": 61, "good": 60, "bad": 1, "duplicates": 0}
    ]
    read = {(use["column"], use["field"]) for use in found["columns"]}
    assert read == {("user", "user"), ("item", "item"), ("rating", "value"), ("ts", "timestamp")}
    (row,) = found["bad_rows"]
    assert (row["line"], row["reason"], row["text"]) == (62, "value is not a number", "u1,i1,x,1")
    assert any("1 of 61 rows are bad" in finding["text"] for finding in found["findings"])


def test_data_that_cannot_be_read_are_named_with_what_to_do(service, files):
    files.joinpath("events.csv").unlink()
    files.joinpath("notes.csv").write_text("colour,size\nred,3\n")
    with trainer(service):
        body = examine(service)
    files.joinpath("notes.csv").unlink()
    assert body["diagnosis"] is None
    assert "schema" in body["error"]


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("kill -KILL $$", "killed by SIGKILL, as a system without memory does"),
        ("echo nothing", "printed no diagnosis"),
        ("exit 7", "ended with status 7"),
    ],
)
def test_an_examination_whose_process_fails_says_so(service, files, script, error):
    with trainer(service, ["/bin/sh", "-c", script]):
        assert error in examine(service)["error"]
    with trainer(service, ["/nowhere/recfunnel"]):
        assert service.client.post("/doctor").status_code == 202
        until(lambda: "cannot start" in (service.client.get("/doctor").json()["error"] or ""))


def test_an_examination_that_was_broken_off_is_done_by_the_next_trainer(service, files, tmp_path):
    with trainer(service, ["/bin/sh", "-c", f"touch {tmp_path}/begun; exec sleep 60"]):
        assert service.client.post("/doctor").json()["state"] == "waiting"
        until((tmp_path / "begun").exists)
        assert service.client.get("/doctor").json()["state"] == "running"
    assert service.client.get("/doctor").json()["state"] == "waiting"
    with trainer(service):
        until(lambda: service.client.get("/doctor").json()["diagnosis"])


def test_an_examination_that_hangs_ends_when_a_training_is_requested(service, files):
    """The data are a pipe that nobody writes to, which reads like a network drive that is dead."""
    pipe = files / "interactions.csv"
    os.mkfifo(pipe)
    try:
        with trainer(service):
            service.client.post("/doctor")
            until(lambda: service.client.get("/doctor").json()["state"] == "running")
            training = service.client.post("/trainings", json={}).json()
            url = f"/trainings/{training['training_id']}"
            until(lambda: service.client.get(url).json()["state"] != "waiting")
            body = service.client.get("/doctor").json()
            assert body["state"] == "none"
            assert "a training was requested, which goes first" in body["error"]
    finally:
        pipe.unlink()


def test_an_examination_has_a_limit_and_names_its_data_in_full(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    examination = DataExamination(tmp_path / "trainings")
    examination.request()
    program = ["/bin/sh", "-c", "exec sleep 600"]
    DataExaminer(examination, "data", None, program, threading.Event(), limit=0.1).serve_request()
    record = examination.read()
    assert "had not ended after 0.1 s" in record.error
    assert record.data == str(Path("data").absolute())
    assert examination.state() == "none"


def test_a_request_that_a_restart_without_data_left_is_withdrawn(redis_url, tmp_path):
    settings = leisurely(out=tmp_path / "out", redis_url=redis_url)
    examination = DataExamination(settings.trainings_folder)
    examination.request()
    one = TrainingStarter(settings, service_arguments(settings), OnRequest(None), poll=0.01)
    thread = threading.Thread(target=one.run)
    with announce(settings.trainings_folder, TrainerNotice(data="elsewhere")):
        DataExaminer(examination, None, None, PROGRAM, one.ending).serve_request()
        assert examination.state() == "waiting"
    thread.start()
    try:
        until(lambda: examination.state() == "none")
        assert "no files to examine" in examination.read().error
    finally:
        one.ending.set()
        thread.join()


def test_of_two_trainers_one_examines(service, files):
    examination = DataExamination(service.service.settings.trainings_folder)
    with trainer(service), holding(examination.path / LOCK):
        assert service.client.post("/doctor").status_code == 202
        with examination.claim() as is_mine:
            assert not is_mine
        assert service.client.get("/doctor").json()["examined"] is None
    with examination.claim() as is_mine:
        assert is_mine
    examination.withdraw()
    with examination.claim() as is_mine:
        assert not is_mine


def test_what_a_training_has_read_is_shown(service, files):
    examination = DataExamination(service.service.settings.trainings_folder)
    examination.write(ExaminationRecord(examined=5.0, training_id="20260801T030000-0123ab"))
    body = service.client.get("/doctor").json()
    assert (body["examined"], body["training_id"]) == (5.0, "20260801T030000-0123ab")
    examination.path.joinpath("doctor.json").write_text("{cut off")
    assert service.client.get("/doctor").json()["examined"] is None


def test_where_nothing_can_examine_the_answer_is_why_and_what_to_do(service, files):
    answer = service.client.post("/doctor")
    assert answer.status_code == 503
    message = answer.json()["error"]["message"]
    assert "no process starts trainings" in message
    assert service.client.get("/doctor").json()["unavailable"] == message


def test_where_trainings_read_the_archive_alone_there_are_no_files(redis_url, tmp_path):
    settings = leisurely(out=tmp_path / "out", redis_url=redis_url)
    with (
        hosted(settings, ready=False) as service,
        announce(settings.trainings_folder, TrainerNotice()),
    ):
        answer = service.client.post("/doctor")
        assert answer.status_code == 503
        assert "no files to examine" in answer.json()["error"]["message"]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_doctor_is_for_admins(service, method):
    url = f"{service.client.base_url}/doctor".replace("//d", "/d")
    answer = httpx.request(method, url, headers={"X-API-Key": KEYS["read"]}, trust_env=False)
    assert answer.status_code == 403
