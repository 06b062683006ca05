"""Examine the data that trainings read, on request, in a process of its own."""

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from tempfile import TemporaryFile

from pydantic import ValidationError

from app.observe.logs import hide_secrets
from app.trainings.data_diagnosis import DataDiagnosis
from app.trainings.data_examination import DataExamination, ExaminationRecord
from offline.trainings.child_process import ChildProcess, describe_death

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DataExaminer:
    """Serves the requests of ``POST /doctor`` by ``recfunnel doctor``."""

    examination: DataExamination
    data: str | None  # folder or file; None: there is nothing to examine
    schema: str | None  # a file that maps the columns
    program: Sequence[str]  # ``recfunnel``
    ending: threading.Event  # of the process that starts this one

    def serve_request(self) -> None:
        """Examine the data if that is requested; return after it has ended.

        Raises:
            OSError: the result cannot be written.
        """
        if self.data is None or not self.examination.is_requested():
            return
        with self.examination.claim() as is_mine:
            if is_mine and (record := self._examine(self.data)):
                self.examination.write(record)
                self.examination.withdraw()

    def _examine(self, data: str) -> ExaminationRecord | None:
        """Return the result; None: this process ends before there is one."""
        schema = ("--schema", self.schema) if self.schema else ()
        command = [*self.program, "doctor", data, "--json", *schema]
        with TemporaryFile() as output, TemporaryFile() as errors:
            try:
                process = ChildProcess(command, output, errors)
            except OSError as error:
                return _failed(data, f"the examination cannot start: {error}")
            process.wait(self.ending)
            if process.was_terminated:
                return None
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


def _failed(data: str, reason: str) -> ExaminationRecord:
    log.warning("the data at %s cannot be examined: %s", data, reason)
    return ExaminationRecord(examined=time.time(), data=data, error=hide_secrets(reason))
