"""Train regularly in the foreground: ``recfunnel train --every`` and ``--at``."""

import re
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil, inf
from types import FrameType
from typing import NoReturn

from app.trainings.trainer_notices import TrainerNotice
from app.trainings.training_folder import TrainingFolder, TrainingRunsError
from app.trainings.training_record import SCHEDULE, TrainingRecord, describe_end, new_training_id
from offline.trainings.trainer import TrainingStarter

NEVER = "never"
SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
LEAST = 60.0  # seconds between two trainings, at least
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class TrainingInterval:
    """A training every so many seconds; infinite: on request alone."""

    seconds: float
    text: str

    @classmethod
    def parse(cls, text: str) -> "TrainingInterval":
        """Read ``24h``, ``30m``, ``7d`` or ``never``.

        Raises:
            ValueError: it is none of these, or too short.
        """
        if text == NEVER:
            return cls(inf, text)
        form = re.fullmatch(r"(\d{1,6})([smhd])", text)
        if form is None:
            raise ValueError(f"{text} is no interval: write 30m, 24h, 7d or {NEVER}")
        seconds = int(form[1]) * SECONDS[form[2]]
        if seconds < LEAST:
            raise ValueError(f"{text} is too short: at least {LEAST:.0f}s")
        return cls(seconds, f"every {text}")

    def after(self, time_before: float, now: float) -> float:
        """Return the next time, a whole number of intervals after the one before.

        Times that have passed meanwhile are left out.
        """
        if self.seconds == inf:
            return inf
        return time_before + self.seconds * max(1, ceil((now - time_before) / self.seconds))


@dataclass(frozen=True, slots=True)
class TimeOfDay:
    """A training each day at this time of the machine's time zone."""

    hour: int
    minute: int

    @classmethod
    def parse(cls, text: str) -> "TimeOfDay":
        """Read ``03:00``.

        Raises:
            ValueError: it is no time of day.
        """
        form = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", text)
        if form is None:
            raise ValueError(f"{text} is no time of day: write 03:00")
        return cls(int(form[1]), int(form[2]))

    @property
    def text(self) -> str:
        return f"daily at {self.hour:02}:{self.minute:02}"

    def after(self, _time_before: float, now: float) -> float:
        """Return the next time, also across a change to or from summer time."""
        today = datetime.fromtimestamp(now).astimezone().replace(tzinfo=None)
        at = today.replace(hour=self.hour, minute=self.minute, second=0, microsecond=0)
        # A time without a zone is one of the machine's zone, with the offset of its own day.
        return next(
            moment
            for moment in ((at + timedelta(days=days)).timestamp() for days in range(3))
            if moment > now
        )


@dataclass(slots=True, eq=False)
class Scheduled:
    """Trains by a timetable; what is missed is made up for once."""

    timetable: TrainingInterval | TimeOfDay
    next: float  # unix seconds; infinite: never
    report: Callable[[str], None]
    data: str | None = None
    from_archive: bool = False
    force: bool = False
    clock: Clock = time.time

    def notice(self) -> TrainerNotice:
        if self.next == inf:
            return TrainerNotice(data=self.data)
        return TrainerNotice(data=self.data, schedule=self.timetable.text, next=self.next)

    def due(self) -> TrainingRecord | None:
        now = self.clock()
        if now < self.next:
            return None
        self.next = self.timetable.after(self.next, now)
        return TrainingRecord(
            training_id=new_training_id(now),
            by=SCHEDULE,
            requested=now,
            from_archive=self.from_archive,
            force=self.force,
        )

    def ended(self, record: TrainingRecord) -> None:
        self._report(describe_end(record))

    def skipped(self, error: TrainingRunsError) -> None:
        self._report(f"no training begins now, because {error.training_id} runs")

    def begin(self) -> None:
        """Report when the first training is."""
        self._report("training by schedule")

    def _report(self, text: str) -> None:
        moment = datetime.fromtimestamp(self.clock()).astimezone()
        self.report(f"{moment:%Y-%m-%d %H:%M:%S} {text}. {self._describe_next()}")

    def _describe_next(self) -> str:
        if self.next == inf:
            return "Trainings begin on request alone."
        following = datetime.fromtimestamp(max(self.next, self.clock())).astimezone()
        return f"The next one by schedule: {following:%Y-%m-%d %H:%M:%S %Z}."


def first_time(
    timetable: TrainingInterval | TimeOfDay,
    folder: TrainingFolder,
    created: float | None,
    now: float,
) -> float:
    """Return when the first training is due, in unix seconds.

    An interval counts from the newest training by schedule, else from the bundle in service. So a
    restart neither trains again at once nor delays the next training.

    Args:
        timetable: of the trainings.
        folder: of the trainings before.
        created: when the bundle in service was made, unix seconds; None: there is none.
        now: unix seconds.
    """
    if isinstance(timetable, TimeOfDay):
        return timetable.after(now, now)
    if timetable.seconds == inf:
        return inf
    times = [record.requested for record in folder.newest() if record.by == SCHEDULE]
    times += [] if created is None else [created]
    return min(times[0] + timetable.seconds, now + timetable.seconds) if times else now


def train_by_schedule(trainer: TrainingStarter, scheduled: Scheduled) -> None:
    """Train until SIGTERM or SIGINT; a training that runs then is ended."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _exit)
    scheduled.begin()
    try:
        trainer.run()
    finally:
        trainer.ending.set()


def _exit(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)
