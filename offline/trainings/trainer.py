"""Start trainings, each in a process of its own with low priority, one at a time.

``recfunnel serve`` has a trainer in a thread, and ``recfunnel train --every`` is one. Both take the
requests of ``POST /trainings``, and between trainings those of ``POST /doctor``.
"""

import logging
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from app.bundle.stored_bundles import was_in_service
from app.settings import Settings
from app.state.private_files import create_private_file
from app.trainings.availability import training_obstacle
from app.trainings.data_examination import DataExamination
from app.trainings.trainer_notices import TrainerNotice, announce
from app.trainings.training_folder import TrainingFolder, TrainingRunsError
from app.trainings.training_record import CANCELLED, TrainingRecord, describe_late_end
from offline.trainings.child_process import ChildProcess, describe_death
from offline.trainings.examiner import DataExaminer
from offline.trainings.handover import Handover

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0  # between two looks for a request
RETRY_SECONDS = 10.0  # between two looks whether trainings can be started
PROGRAM = (sys.executable, "-m", "offline.cli")


class Occasion(Protocol):
    """Decides when to train without a request."""

    def notice(self) -> TrainerNotice: ...

    def due(self) -> TrainingRecord | None:
        """Return the training that is to start now; None: none is."""

    def ended(self, record: TrainingRecord) -> None:
        """Learn how a training ended, requested ones included."""

    def skipped(self, error: TrainingRunsError) -> None:
        """Learn that a training that was due did not start, because another one runs."""


@dataclass(slots=True, eq=False)
class TrainingStarter:
    """Starts trainings until it is ended."""

    settings: Settings
    arguments: Sequence[str]  # of ``recfunnel``, for each training
    occasion: Occasion
    program: Sequence[str] = PROGRAM
    schema: str | None = None  # a file that maps the columns of the data
    poll: float = POLL_SECONDS
    ending: threading.Event = field(default_factory=threading.Event)
    _last_logged: str = field(default="", init=False)

    @property
    def folder(self) -> TrainingFolder:
        return TrainingFolder(self.settings.trainings_folder)

    def run(self) -> None:
        """Start what is requested or due until ``ending`` is set. Failures are logged."""
        while not self.ending.is_set():
            try:
                if obstacle := self._obstacle():
                    self._log(logging.INFO, f"this process starts no trainings: {obstacle}")
                    self.ending.wait(RETRY_SECONDS)
                    continue
                self.folder.unfinished()  # ends a request that was left while nothing could take it
                with announce(self.folder.path, self.occasion.notice()) as change:
                    self._serve(change)
            except OSError as error:
                self._log(logging.WARNING, f"trainings cannot be started now: {error}")
                self.ending.wait(RETRY_SECONDS)

    def _serve(self, change: Callable[[TrainerNotice], None]) -> None:
        """Start what is requested or due, until the end or until it cannot."""
        checked = time.monotonic()
        notice = self.occasion.notice()
        examiner = DataExaminer(
            DataExamination(self.folder.path),
            notice.data,
            self.schema,
            self.program,
            self.ending,
            lambda: self.folder.waiting() is not None,
        )
        while not self.ending.wait(self.poll):
            requested = self.folder.waiting()
            if requested or time.monotonic() > checked + RETRY_SECONDS:
                checked = time.monotonic()
                if self._obstacle():
                    return
            if requested:
                with suppress(TrainingRunsError, FileNotFoundError):  # taken or withdrawn just now
                    self._train(requested)
            elif due := self.occasion.due():
                try:
                    self._train(due)
                except TrainingRunsError as error:
                    self.occasion.skipped(error)
            else:
                examiner.serve_request()
            if notice != (notice := self.occasion.notice()):
                change(notice)

    def _obstacle(self) -> str | None:
        """Return why no training can be started from here; None: it can."""
        if obstacle := training_obstacle(self.settings):
            return obstacle
        return None if self.occasion.notice().data else self._missing_data()

    def _missing_data(self) -> str | None:
        """Return which data the bundle in service learned from; None: no files."""
        from app.bundle.bundle import find_current_bundle  # noqa: PLC0415 - slow to import
        from app.bundle.manifest import BundleError, parse_manifest  # noqa: PLC0415 - slow to import

        try:
            manifest = parse_manifest(find_current_bundle(self.settings.out))
        except BundleError:
            return None
        if not manifest.needs_data:
            return None
        return (
            f"{manifest.version} learned from the files of {manifest.dataset}: set train_data to "
            "their folder, or train with --data"
        )

    def _train(self, record: TrainingRecord) -> None:
        """Run one training to its end.

        Raises:
            TrainingRunsError: another one runs.
            FileNotFoundError: the request was withdrawn.
            OSError: the record or the log cannot be written.
        """
        with self.folder.claim(record) as lock:
            try:
                process = self._start(record, lock)
            except OSError as error:
                self.folder.write(record.ended("failed", time.time(), f"it cannot start: {error}"))
                raise
            try:
                process.wait(self.ending)
            finally:  # this process may be ending
                ended = self._result(record, process)
        self.occasion.ended(ended)

    def _start(self, record: TrainingRecord, lock: int) -> ChildProcess:
        path = self.folder.log_path(record.training_id)
        create_private_file(path)
        flags = [
            *(["--from-archive"] if record.from_archive else []),
            *(["--force"] if record.force else []),
            *("--handover", Handover(record.training_id, lock).argument()),
        ]
        log.info("the training %s begins; its log is %s", record.training_id, path)
        with path.open("ab") as output:
            return ChildProcess([*self.program, *self.arguments, *flags], output, pass_fds=[lock])

    def _result(self, record: TrainingRecord, process: ChildProcess) -> TrainingRecord:
        """Return the final record. A process that was killed has written none."""
        written = self.folder.read(record.training_id) or record
        if written.has_ended:
            return written
        if was_in_service(self.settings.out, written.bundle):
            late = written.model_copy(update={"reason": "its process was ended"})
            ended = written.ended("published", time.time(), describe_late_end(late))
            self.folder.write(ended)
            return ended
        if process.was_terminated or self.folder.is_cancelled(record.training_id):
            reason = "the process that started it ended" if process.was_terminated else CANCELLED
            ended = written.ended("cancelled", time.time(), reason)
            self.folder.write(ended)
            return ended
        lines = self.folder.log_lines(record.training_id)
        reason = lines[-1] if lines and process.status >= 0 else describe_death(process.status)
        ended = written.ended("failed", time.time(), reason)
        self.folder.write(ended)
        return ended

    def _log(self, level: int, text: str) -> None:
        """Log what keeps trainings from starting, unless it is what was logged last."""
        if text != self._last_logged:
            log.log(level, "%s", text)
        self._last_logged = text
