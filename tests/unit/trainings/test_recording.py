"""How a training that runs in this process is recorded, and how it is ended."""

import os
import resource
import signal
import subprocess
import sys
import threading

import pytest

from app.bundle.activation import point_to
from app.settings import Settings
from app.trainings.training_folder import TrainingFolder
from app.trainings.training_record import TrainingRecord, describe_end, new_training_id
from offline.data.errors import DataError
from offline.errors import RefusedError, TrainingInProgressError
from offline.trainings.ending import EXIT_STATUS, ending_on_request
from offline.trainings.handover import Handover
from offline.trainings.recording import recorded_training
from tests.conftest import ROOT

NOW = 1_796_000_000.0
STUBBORN = """
import pathlib, sys, time
from offline.trainings.ending import ending_on_request
folder = pathlib.Path(sys.argv[1])
with ending_on_request((folder / "cancel").exists, (folder / "ended").touch, grace=0.05):
    (folder / "begun").touch()
    while True:
        try:
            time.sleep(60)
        except SystemExit:  # as where it comes while compiled code calls Python
            pass
"""


@pytest.fixture
def settings(tmp_path):
    return Settings(out=tmp_path / "out")


@pytest.fixture
def folder(settings):
    return TrainingFolder(settings.trainings_folder)


def training(settings, handover=None):
    return recorded_training(settings, from_archive=True, force=False, handover=handover)


def test_a_training_has_its_phase_its_bundle_and_a_log(settings, folder):
    with training(settings) as one:
        one.begin_phase("Reading", 4)
        one.begin_phase("Fitting", 4)
        running = folder.unfinished()
        assert (running.state, running.phase, running.progress) == ("running", "Fitting", 0.25)
        assert (running.by, running.from_archive) == ("command line", True)
        one.wrote_bundle("b1", "passed")
    (ended,) = folder.newest()
    assert (ended.state, ended.bundle, ended.gate) == ("published", "b1", "passed")
    lines = [line.partition(" ")[2] for line in folder.log_lines(ended.training_id)]
    assert lines == ["Reading", "Fitting", "published"]


@pytest.mark.parametrize(
    ("error", "state", "reason"),
    [
        (RefusedError("it is worse"), "refused", "it is worse"),
        (DataError("no file"), "failed", "no file"),
        (KeyError("x"), "failed", "KeyError: 'x'"),
        (MemoryError(), "failed", "MemoryError: "),
        (KeyboardInterrupt(), "cancelled", "interrupted from the keyboard"),
        (SystemExit(143), "cancelled", "ended by SIGTERM, such as when the service stops"),
    ],
)
def test_a_training_that_ends_otherwise_has_a_reason(settings, folder, error, state, reason):
    with pytest.raises(type(error)), training(settings):
        raise error
    (ended,) = folder.newest()
    assert (ended.state, ended.reason) == (state, reason)
    log = "\n".join(folder.log_lines(ended.training_id))
    assert ("Traceback" in log) == isinstance(error, KeyError | MemoryError)


@pytest.mark.parametrize("error", [SystemExit(143), OSError("no space"), KeyboardInterrupt()])
@pytest.mark.parametrize("is_in_service", [True, False])
def test_what_ends_a_training_after_its_bundle_is_in_service_is_a_remark(
    settings, folder, error, is_in_service
):
    bundle = settings.out / "bundles" / "b1"
    bundle.mkdir(parents=True)
    with pytest.raises(type(error)), training(settings) as one:
        one.wrote_bundle("b1", "passed")
        if is_in_service:
            point_to(bundle)
        raise error
    (ended,) = folder.newest()
    assert ended.bundle == "b1"
    assert (ended.state == "published") == is_in_service
    assert ("b1 is in service, but the training ended before" in ended.reason) == is_in_service
    assert ("has published b1" in describe_end(ended)) == is_in_service


def test_a_second_training_is_refused_with_the_name_of_the_first(settings, folder):
    with training(settings):
        first = folder.unfinished().training_id
        with pytest.raises(TrainingInProgressError, match=first), training(settings):
            raise AssertionError("unreachable")
        assert folder.unfinished().training_id == first
    assert TrainingInProgressError.exit_status == 4


def test_a_training_that_another_process_started_continues_its_record(settings, folder):
    record = TrainingRecord(training_id=new_training_id(NOW), requested=NOW, by="anna")
    with folder.claim(record) as lock:
        handover = Handover.parse(Handover(record.training_id, lock).argument())
        with training(settings, handover) as one:
            one.begin_phase("Reading", 2)
            running = folder.find(record.training_id)
            assert (running.by, running.state, running.phase) == ("anna", "running", "Reading")
    assert folder.find(record.training_id).state == "published"
    assert folder.log_lines(record.training_id) == []  # the other process writes it
    unknown = Handover(new_training_id(NOW), lock=0)
    with pytest.raises(DataError, match="there is no training"), training(settings, unknown):
        raise AssertionError("unreachable")


def test_a_training_ends_when_it_is_cancelled(settings, folder):
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit), training(settings):
        folder.cancel(folder.unfinished().training_id)
        threading.Event().wait(20)
    (ended,) = folder.newest()
    assert (ended.state, ended.reason) == ("cancelled", "cancelled on request")
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_training_ends_at_sigterm():
    with pytest.raises(SystemExit), ending_on_request(lambda: False, lambda: None):
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait(20)


def test_a_training_with_many_open_files_ends_at_sigterm():
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(limits[0], 2_048), limits[1]))
    files = [os.dup(1) for _ in range(1_100)]  # select.select takes no descriptor above 1,023
    try:
        with pytest.raises(SystemExit), ending_on_request(lambda: False, lambda: None):
            os.kill(os.getpid(), signal.SIGTERM)
            threading.Event().wait(20)
    finally:
        for file in files:
            os.close(file)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_a_training_that_does_not_end_by_itself_is_ended(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", STUBBORN, str(tmp_path)], cwd=ROOT)
    try:
        while not (tmp_path / "begun").exists():
            assert process.poll() is None
            threading.Event().wait(0.02)
        (tmp_path / "cancel").touch()
        assert process.wait(20) == EXIT_STATUS
        assert (tmp_path / "ended").exists()
    finally:
        process.kill()


def test_another_thread_than_the_main_one_gets_no_signals():
    ran = []

    def run():
        with ending_on_request(lambda: True, lambda: ran.append("ended")):
            ran.append("inside")

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert ran == ["inside"]
