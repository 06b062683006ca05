"""Examine the data that trainings read, on request, in a process of its own."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

from pydantic import ValidationError

from app.observe.logs import hide_secrets
from app.trainings.data_diagnosis import DataDiagnosis
from app.trainings.data_examination import DataExamination, ExaminationRecord
from app.trainings.trainer_notices import read_trainer
from offline.trainings.child_process import ChildProcess, describe_death

log = logging.getLogger(__name__)

LIMIT = 1_800.0  # seconds of an examination: no scheduled training waits longer for one
OVERTAKEN = "a training was requested, which goes first and examines what it reads"
NO_FILES = (
    "trainings read the archive alone now, so there are no files to examine: set train_data to "
    "their folder and restart the service"
)


@dataclass(frozen=True, slots=True)
class DataExaminer:
    """Serves the requests of ``POST /doctor`` by ``recfunnel doctor``."""

    examination: DataExamination
    data: str | None  # folder or file; None: there is nothing to examine
    schema: str | None  # a file that maps the columns
    program: Sequence[str]  # ``recfunnel``
    ending: threading.Event  # of the process that starts this one
    is_training_requested: Callable[[], bool] = lambda: False
    limit: float = LIMIT

    def serve_request(self) -> None:
        """Examine the data if that is requested; return after it has ended.

        Raises:
            OSError: the result cannot be written.
        """
        if not self.examination.is_requested():
            return
        if self.data is None and self._has_data_elsewhere():
            return
        with self.examination.claim() as is_mine:
            if not is_mine:
                return
            data = self.data and str(Path(self.data).absolute())
            record = self._examine(data) if data else _failed(None, NO_FILES)
            if record:
                self.examination.write(record)
                self.examination.withdraw()

    def _has_data_elsewhere(self) -> bool:
        """Return whether another process that starts trainings reads files."""
        trainer = read_trainer(self.examination.path)
        return trainer is not None and trainer.data is not None

    def _examine(self, data: str) -> ExaminationRecord | None:
        """Return the result; None: this process ends before there is one."""
        schema = ("--schema", self.schema) if self.schema else ()
        command = [*self.program, "doctor", data, "--json", *schema]
        with TemporaryFile() as output, TemporaryFile() as errors:
            try:
                process = ChildProcess(command, output, errors)
            except OSError as error:
                return _failed(data, f"the examination cannot start: {error}")
            by = time.monotonic() + self.limit
            process.wait(self.ending, lambda: self.is_training_requested() or time.monotonic() > by)
            if process.was_terminated:
                return self._broken_off(data)
            output.seek(0)
            errors.seek(0)
            printed, complaints = output.read(), errors.read().decode("utf-8", "replace")
        if process.status == 0:
            try:
                diagnosis = DataDiagnosis.model_validate_json(printed)
            except ValidationError:
                return _failed(data, "recfunnel doctor printed no diagnosis")
            return ExaminationRecord(examined=time.time(), data=data, diagnosis=diagnosis)
        lines = complaints.strip().splitlines()
        reason = lines[-1] if lines and process.status > 0 else describe_death(process.status)
        return _failed(data, reason)

    def _broken_off(self, data: str) -> ExaminationRecord | None:
        """Return why an examination was ended; None: this process ends."""
        if self.ending.is_set():
            return None
        if self.is_training_requested():
            return _failed(data, OVERTAKEN)
        return _failed(
            data,
            f"the examination had not ended after {self.limit:g} s: see whether {data} can be "
            "read, such as a network drive that does not answer",
        )


def _failed(data: str | None, reason: str) -> ExaminationRecord:
    log.warning("the data at %s cannot be examined: %s", data, reason)
    return ExaminationRecord(examined=time.time(), data=data, error=hide_secrets(reason))
