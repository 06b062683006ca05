"""``recfunnel train --every``: a first training at once, a line for its end, an end at SIGTERM."""

import signal

import pytest

from app.bundle.pointer import current_version
from app.settings import Settings
from app.trainings.data_examination import DataExamination
from app.trainings.trainer_notices import read_trainer
from app.trainings.training_folder import TrainingFolder
from tests.serving import QUICK, running, until

pytestmark = pytest.mark.e2e


def test_a_schedule_trains_takes_requests_and_ends_at_once(data, tmp_path):
    out = tmp_path / "out"
    options = ("--every", "24h", "--data", str(data), "--from-archive", "--config", str(QUICK))
    with running(out, "train", *options, ready=False) as schedule:
        until(lambda: "has published" in schedule.log, 300.0)
        folder = TrainingFolder(Settings(out=out).trainings_folder)
        (record,) = folder.newest()
        assert (record.by, record.from_archive, record.bundle) == (
            "schedule",
            True,
            current_version(out),
        )
        assert "There are no archived events yet" in "\n".join(folder.log_lines(record.training_id))
        assert "The next one by schedule: " in schedule.log
        assert read_trainer(folder.path).data == str(data)
        examination = DataExamination(folder.path)
        examined = examination.read()
        assert (examined.training_id, examined.data) == (record.training_id, str(data))
        assert examined.diagnosis.interactions
        examination.request()
        until(lambda: examination.state() == "none", 60.0)
        assert examination.read().training_id is None
        assert examination.read().diagnosis == examined.diagnosis
        status, left = schedule.end(signal.SIGTERM)
    assert (status, left) == (0, [])
    assert read_trainer(folder.path) is None
    assert "Traceback" not in schedule.log
