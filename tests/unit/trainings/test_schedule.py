"""When trainings are due."""

import time
from datetime import datetime
from math import inf
from zoneinfo import ZoneInfo

import pytest

from app.trainings.trainer_notices import TrainerNotice
from app.trainings.training_folder import TrainingFolder, TrainingRunsError
from app.trainings.training_record import SCHEDULE, TrainingRecord, new_training_id
from offline.trainings.schedule import Scheduled, TimeOfDay, TrainingInterval, first_time

NOW = 1_796_000_000.0
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def berlin(monkeypatch):
    """The time zone of this process, for as long as the test runs."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Europe/Berlin")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("30m", 1_800), ("24h", 86_400), ("7d", 604_800), ("never", inf)],
)
def test_an_interval_is_read(text, seconds):
    assert TrainingInterval.parse(text).seconds == seconds


@pytest.mark.parametrize(
    "text", ["", "24", "h", "-1h", "1.5h", "24 h", "59s", "0d", "24H", "9" * 7 + "d"]
)
def test_what_is_no_interval_is_named(text):
    with pytest.raises(ValueError, match=r"is no interval|is too short"):
        TrainingInterval.parse(text)


@pytest.mark.parametrize("text", ["24:00", "3", "03:60", "3:0", "aa:bb", "-1:00"])
def test_what_is_no_time_of_day_is_named(text):
    with pytest.raises(ValueError, match="is no time of day"):
        TimeOfDay.parse(text)


def test_trainings_do_not_drift_and_missed_ones_are_left_out():
    hour = TrainingInterval.parse("1h")
    assert hour.after(NOW, NOW + 1) == NOW + 3_600
    assert hour.after(NOW, NOW + 3_599) == NOW + 3_600
    assert hour.after(NOW, NOW + 3 * 3_600 + 5) == NOW + 4 * 3_600
    assert TrainingInterval.parse("never").after(NOW, NOW + 1) == inf


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ((2026, 11, 30, 2, 59), (2026, 11, 30, 3, 0)),
        ((2026, 11, 30, 3, 0), (2026, 12, 1, 3, 0)),
        ((2026, 3, 28, 12, 0), (2026, 3, 29, 3, 0)),  # the night has 23 hours
        ((2026, 10, 24, 12, 0), (2026, 10, 25, 3, 0)),  # the night has 25 hours
    ],
)
def test_a_time_of_day_is_one_of_the_time_zone(now, expected):
    moment = datetime(*now, tzinfo=BERLIN).timestamp()
    following = TimeOfDay.parse("03:00").after(0.0, moment)
    assert datetime.fromtimestamp(following, BERLIN) == datetime(*expected, tzinfo=BERLIN)


def test_a_restart_neither_trains_at_once_nor_delays_the_next_training(tmp_path):
    day, folder = TrainingInterval.parse("24h"), TrainingFolder(tmp_path / "trainings")
    assert first_time(day, folder, None, NOW) == NOW  # there is no bundle yet
    assert first_time(day, folder, NOW - 3_600, NOW) == NOW + 23 * 3_600
    assert first_time(day, folder, NOW - 90_000, NOW) < NOW  # overdue
    assert first_time(day, folder, NOW + 9e9, NOW) == NOW + 86_400  # of a wrong clock
    folder.path.mkdir()
    for at, by in ((NOW - 7_200, SCHEDULE), (NOW - 60, "anna")):
        one = TrainingRecord(training_id=new_training_id(at), requested=at, by=by)
        folder.write(one.ended("failed", at + 5, "why"))
    assert first_time(day, folder, NOW - 90_000, NOW) == NOW + 22 * 3_600
    assert first_time(TrainingInterval.parse("never"), folder, None, NOW) == inf
    assert first_time(TimeOfDay(3, 0), folder, None, NOW) > NOW


def test_one_training_is_due_at_each_time_and_its_end_is_reported():
    now, lines = [NOW], []
    scheduled = Scheduled(
        TrainingInterval.parse("1h"), NOW + 10, lines.append, "files", True, clock=lambda: now[0]
    )
    scheduled.begin()
    assert scheduled.due() is None
    assert scheduled.notice().next == NOW + 10
    now[0] += 11
    due = scheduled.due()
    assert (due.by, due.from_archive, due.force) == (SCHEDULE, True, False)
    assert scheduled.due() is None
    assert scheduled.notice().next == NOW + 10 + 3_600
    scheduled.ended(due.model_copy(update={"started": NOW}).ended("failed", NOW + 4, "no memory"))
    scheduled.skipped(TrainingRunsError("another"))
    assert len(lines) == 3
    assert "has failed after 4 s: no memory. The next one by schedule: 20" in lines[1]
    assert "no training begins now, because another runs" in lines[2]
    requested = Scheduled(TrainingInterval.parse("never"), inf, lines.append)
    requested.begin()
    assert lines[-1].endswith("Trainings begin on request alone.")
    assert requested.notice() == TrainerNotice()
    assert requested.due() is None
