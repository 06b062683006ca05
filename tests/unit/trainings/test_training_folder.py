"""One training at a time, whatever dies; requests, records and logs."""

import threading

import pytest

from app.trainings.trainer_notices import TrainerNotice, announce, read_trainer
from app.trainings.training_folder import (
    KEPT,
    KILLED,
    LOG_LINES,
    NOBODY,
    TrainingFolder,
    TrainingRunsError,
)
from app.trainings.training_record import CANCELLED, TrainingRecord, new_training_id

NOW = 1_796_000_000.0


def record(at=NOW, **changes):
    return TrainingRecord(training_id=new_training_id(at), requested=at, **changes)


@pytest.fixture
def folder(tmp_path):
    return TrainingFolder(tmp_path / "trainings")


@pytest.fixture
def trainer(folder):
    """A process that starts trainings: this one."""
    with announce(folder.path, TrainerNotice(data="files")) as change:
        yield change


def test_a_request_waits_until_it_is_taken_and_keeps_others_out(folder, trainer):
    first = record(by_request=True, by="anna")
    folder.request(first)
    assert folder.waiting() == folder.unfinished() == folder.find(first.training_id) == first
    with pytest.raises(TrainingRunsError, match=first.training_id):
        folder.request(record(NOW + 1, by_request=True))
    with folder.claim(first):
        assert folder.waiting() is None
        running = first.model_copy(update={"state": "running", "started": NOW})
        folder.write(running)
        assert folder.unfinished() == running
        with pytest.raises(TrainingRunsError, match=first.training_id):
            folder.request(record(NOW + 2, by_request=True))
        with (
            pytest.raises(TrainingRunsError, match=first.training_id),
            folder.claim(record(NOW + 3)),
        ):
            raise AssertionError("unreachable")
        folder.write(running.ended("published", NOW + 60))
    assert folder.unfinished() is None
    assert folder.find(first.training_id).seconds(NOW + 99) == 60


def test_a_training_whose_process_died_has_failed_and_keeps_nobody_out(folder):
    died = record(state="running", started=NOW)
    with folder.claim(died):
        assert not folder.find(died.training_id).has_ended
    seen = folder.find(died.training_id)
    assert (seen.state, seen.reason) == ("failed", KILLED)
    assert folder.unfinished() is None
    assert folder.read(died.training_id).state == "running"  # nobody could write its end
    with folder.claim(record(NOW + 1, state="running")):
        written = folder.read(died.training_id)
        assert (written.state, written.reason) == ("failed", KILLED)


def test_a_request_that_no_process_can_take_has_failed_and_keeps_nobody_out(folder):
    with announce(folder.path, TrainerNotice()):
        forgotten = record(by_request=True)
        folder.request(forgotten)
    seen = folder.find(forgotten.training_id)
    assert (seen.state, seen.reason) == ("failed", NOBODY)
    with announce(folder.path, TrainerNotice()):
        assert folder.find(forgotten.training_id).state == "waiting"  # a restart takes it
    assert folder.unfinished() is None
    folder.request(record(NOW + 1, by_request=True))
    assert folder.read(forgotten.training_id).reason == NOBODY


def test_of_requests_at_the_same_moment_one_is_accepted(folder, trainer):
    start, outcomes = threading.Barrier(4), []

    def request(n):
        start.wait()
        try:
            folder.request(record(NOW + n, by_request=True))
            outcomes.append("accepted")
        except TrainingRunsError:
            outcomes.append("refused")

    threads = [threading.Thread(target=request, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["accepted", "refused", "refused", "refused"]
    assert not list(folder.path.glob("*.draft"))


def test_a_request_that_was_withdrawn_is_not_taken(folder, trainer):
    withdrawn = record(by_request=True)
    folder.request(withdrawn)
    assert folder.cancel(withdrawn.training_id) == "waiting"
    with pytest.raises(FileNotFoundError), folder.claim(withdrawn):
        raise AssertionError("unreachable")
    assert folder.find(withdrawn.training_id).state == "cancelled"


def test_a_request_is_not_taken_for_the_one_that_waited_before_it(folder, trainer):
    first, second = record(by_request=True), record(NOW + 1, by_request=True, force=True)
    folder.request(first)
    folder.cancel(first.training_id)  # after a trainer has read it, and before it takes it
    folder.request(second)
    with pytest.raises(FileNotFoundError), folder.claim(first):
        raise AssertionError("unreachable")
    assert folder.waiting() == second
    assert folder.find(first.training_id).state == "cancelled"
    with folder.claim(second):
        assert folder.read(second.training_id) == second


def test_a_training_that_runs_is_cancelled_by_its_own_process(folder):
    running = record(state="running", started=NOW)
    with folder.claim(running):
        assert not folder.is_cancelled(running.training_id)
        assert folder.cancel(running.training_id) == "running"
        assert folder.is_cancelled(running.training_id)
        assert folder.find(running.training_id).cancelling
        folder.write(running.ended("cancelled", NOW + 1, CANCELLED))
        assert not folder.is_cancelled(running.training_id)
    assert folder.cancel(running.training_id) == "ended"
    assert folder.cancel(new_training_id(NOW)) is None


def test_no_other_file_can_be_read_as_a_training(folder, tmp_path):
    (tmp_path / "secret.json").write_text(record().model_dump_json())
    folder.path.mkdir()
    for name in ("../secret", "", "training", f"{new_training_id(NOW)}/../../secret"):
        assert folder.find(name) is None
        assert folder.cancel(name) is None
    (folder.path / f"{new_training_id(NOW)}.json").write_text("{cut off")
    assert folder.newest() == []


def test_the_newest_trainings_are_kept_with_their_logs(folder):
    folder.path.mkdir(mode=0o700)
    for n in range(KEPT + 5):
        old = record(NOW + n).ended("published", NOW + n)
        folder.write(old)
        folder.log_path(old.training_id).write_text("a line")
    with folder.claim(record(NOW + 100, state="running")):
        names = [each.requested for each in folder.newest()]
        assert names == [NOW + 100, *(NOW + n for n in reversed(range(6, KEPT + 5)))]
        assert len(list(folder.path.glob("*.log"))) == KEPT - 1
    assert len(folder.newest(3)) == 3


def test_the_end_of_a_log_is_read_without_its_secrets(folder):
    name = new_training_id(NOW)
    assert folder.log_lines(name) == []
    folder.path.mkdir()
    lines = [f"line {n} of redis://me:secret@host/0" for n in range(100_000)]
    folder.log_path(name).write_text("\n".join(lines))
    read = folder.log_lines(name)
    assert len(read) == LOG_LINES
    assert read[-1] == "line 99999 of redis://***@host/0"
    folder.log_path(name).write_bytes(b"one\n\xff\n")
    assert folder.log_lines(name) == ["one", "\ufffd"]


def test_a_process_that_starts_trainings_is_known_while_it_lives(tmp_path):
    assert read_trainer(tmp_path) is None
    with announce(tmp_path, TrainerNotice()), announce(tmp_path, TrainerNotice(data="d")) as change:
        assert read_trainer(tmp_path).data == "d"
        change(TrainerNotice(data="d", schedule="every 24h", next=NOW))
        assert read_trainer(tmp_path).next == NOW
        change(TrainerNotice(data="d"))  # shorter than the one before
        assert read_trainer(tmp_path) == TrainerNotice(data="d")
    assert read_trainer(tmp_path) is None


def test_the_notice_of_a_killed_process_is_removed(tmp_path):
    left = tmp_path / "trainer-0123.json"
    left.write_text(TrainerNotice(data="gone").model_dump_json())
    assert read_trainer(tmp_path) is None
    with announce(tmp_path, TrainerNotice()):
        assert read_trainer(tmp_path) == TrainerNotice()
    assert not left.exists()
