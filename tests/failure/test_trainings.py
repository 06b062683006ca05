"""Trainings are processes of their own: what is recorded however they end."""

import logging
import os
import threading
from contextlib import contextmanager

import psutil
import pytest

from app.bundle.activation import point_to
from app.settings import Settings
from app.trainings.trainer_notices import TrainerNotice, announce, read_trainer
from app.trainings.training_folder import NOBODY, TrainingFolder
from app.trainings.training_record import SCHEDULE, TrainingRecord, new_training_id
from offline.trainings.background import service_arguments
from offline.trainings.child_process import NICENESS
from offline.trainings.trainer import TrainingStarter
from tests.serving import until

NOW = 1_796_000_000.0


class Due:
    """Trains what it is built with, and remembers how that ended."""

    def __init__(self, *records):
        self.records, self.heard = list(records), []

    def notice(self):
        return TrainerNotice()

    def due(self):
        return self.records.pop(0) if self.records else None

    def ended(self, record):
        self.heard.append(record)

    def skipped(self, error):
        self.heard.append(error)


def record(at=NOW, **changes):
    return TrainingRecord(training_id=new_training_id(at), requested=at, **changes)


@pytest.fixture
def settings(tmp_path):
    return Settings(out=tmp_path / "out")


@contextmanager
def trainer(settings, occasion, script):
    """A trainer whose trainings are a script of the shell."""
    one = TrainingStarter(settings, ["train"], occasion, ["/bin/sh", "-c", script], poll=0.01)
    thread = threading.Thread(target=one.run)
    thread.start()
    try:
        yield one
    finally:
        one.ending.set()
        thread.join(10)
        assert not thread.is_alive()


def first_end(occasion):
    return until(lambda: occasion.heard and occasion.heard[0])


def test_a_process_that_ends_without_a_result_has_failed_with_its_last_line(settings):
    occasion = Due(record(by=SCHEDULE))
    with trainer(settings, occasion, "echo one; echo sklearn is not installed >&2; exit 1"):
        ended = first_end(occasion)
    assert (ended.state, ended.reason) == ("failed", "sklearn is not installed")
    folder = TrainingFolder(settings.trainings_folder)
    assert folder.log_lines(ended.training_id) == ["one", "sklearn is not installed"]


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("kill -KILL $$", "killed by SIGKILL, as a system without memory does"),
        ("kill -SEGV $$", "killed by SIGSEGV"),
        ("exit 7", "ended with status 7"),
    ],
)
def test_a_process_that_is_killed_has_failed_and_the_next_one_begins(settings, script, reason):
    occasion = Due(record(), record(NOW + 1))
    with trainer(settings, occasion, script):
        until(lambda: len(occasion.heard) == 2)
    assert [each.state for each in occasion.heard] == ["failed", "failed"]
    assert occasion.heard[0].reason.endswith(reason)


def test_a_request_is_taken_with_its_options_and_at_low_priority(settings, tmp_path):
    folder = TrainingFolder(settings.trainings_folder)
    occasion = Due()
    script = f'echo "$0" "$@" > {tmp_path}/got; echo $$ > {tmp_path}/pid; exec sleep 60'
    with trainer(settings, occasion, script):
        until(lambda: read_trainer(folder.path))
        folder.request(record(by="anna", by_request=True, from_archive=True, force=True))
        process = psutil.Process(int(until(lambda: text_of(tmp_path / "pid"))))
        until(lambda: process.nice() == os.getpriority(os.PRIO_PROCESS, 0) + NICENESS)
        waiting = folder.newest()[0].training_id
        assert f"train --from-archive --force --handover {waiting}:" in text_of(tmp_path / "got")
        folder.cancel(waiting)
        process.kill()  # this script does not look whether it is cancelled
        ended = first_end(occasion)
    assert (ended.state, ended.by) == ("cancelled", "anna")


def test_a_training_killed_after_its_bundle_is_in_service_is_published(settings, tmp_path):
    folder = TrainingFolder(settings.trainings_folder)
    occasion, bundle = Due(record()), settings.out / "bundles" / "b1"
    with trainer(settings, occasion, f"echo $$ > {tmp_path}/pid; exec sleep 60"):
        process = psutil.Process(int(until(lambda: text_of(tmp_path / "pid"))))
        bundle.mkdir(parents=True)
        folder.write(folder.newest()[0].model_copy(update={"state": "running", "bundle": "b1"}))
        point_to(bundle)
        process.kill()
        ended = first_end(occasion)
    assert (ended.state, ended.bundle) == ("published", "b1")
    assert "its process was ended" in ended.reason


def text_of(path):
    return path.read_text() if path.exists() else ""


def test_a_training_ends_with_the_process_that_started_it(settings, tmp_path):
    occasion = Due(record())
    with trainer(settings, occasion, f"echo $$ > {tmp_path}/pid; exec sleep 60"):
        process = psutil.Process(int(until(lambda: text_of(tmp_path / "pid"))))
    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    ended = first_end(occasion)
    assert (ended.state, ended.reason) == ("cancelled", "the process that started it ended")


def test_what_is_due_while_another_training_runs_is_skipped(settings):
    folder = TrainingFolder(settings.trainings_folder)
    running = record()
    with folder.claim(running):
        occasion = Due(record(NOW + 1))
        with trainer(settings, occasion, "exit 0"):
            error = first_end(occasion)
    assert error.training_id == running.training_id


def test_a_process_that_cannot_start_has_failed_and_trainings_go_on(settings, caplog):
    occasion = Due(record())
    one = TrainingStarter(settings, [], occasion, [str(settings.out / "absent")], poll=0.01)
    thread = threading.Thread(target=one.run)
    thread.start()
    folder = TrainingFolder(settings.trainings_folder)
    until(lambda: folder.newest() and folder.newest()[0].has_ended)
    one.ending.set()
    thread.join(10)
    assert folder.newest()[0].reason.startswith("it cannot start: ")
    assert "trainings cannot be started now" in caplog.text


def test_a_request_that_was_left_is_not_taken_later(settings):
    folder = TrainingFolder(settings.trainings_folder)
    with announce(folder.path, TrainerNotice()):
        folder.request(record(by_request=True))
    with trainer(settings, Due(), "exit 0"):
        until(lambda: read_trainer(folder.path))
        assert folder.newest()[0].reason == NOBODY


def test_where_nothing_can_be_written_nobody_takes_requests(tmp_path, caplog):
    (tmp_path / "out").write_text("a file, and no folder")
    caplog.set_level(logging.INFO)
    settings = Settings(out=tmp_path / "out")
    with trainer(settings, Due(), "exit 0"):
        until(lambda: "this process starts no trainings" in caplog.text)
        assert read_trainer(settings.trainings_folder) is None
    assert "cannot be written to" in caplog.text


def test_a_bundle_that_learned_from_files_is_not_forgotten(trained, caplog):
    caplog.set_level(logging.INFO)
    settings = Settings(out=trained, state=trained.parent / "state-of-nobody")
    with trainer(settings, Due(record()), "exit 0"):
        until(lambda: "learned from the files of" in caplog.text)
        assert read_trainer(settings.trainings_folder) is None


def test_a_training_of_the_service_has_the_folders_of_its_settings(tmp_path):
    settings = Settings(out=tmp_path / "out", train_data=tmp_path / "shop", train_config="a.toml")
    arguments = service_arguments(settings)
    assert arguments[:5] == ["train", "--out", f"{tmp_path}/out", "--data", f"{tmp_path}/shop"]
    assert arguments[5] == "--config"
    assert arguments[6].endswith("/a.toml")
    assert service_arguments(Settings(out=tmp_path)) == ["train", "--out", str(tmp_path)]
