"""Record a training while it runs: its phase, its end, and a log, for the API and other processes.

One training runs at a time in a folder of bundles, whoever starts it.
"""

import os
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from app.bundle.manifest import BundleError
from app.bundle.stored_bundles import was_in_service
from app.contracts import StageError
from app.process.server_process import ServerError
from app.settings import Settings, SettingsError
from app.state.private_files import create_private_file
from app.trainings.data_examination import DataExamination, ExaminationRecord
from app.trainings.training_folder import TrainingFolder, TrainingRunsError
from app.trainings.training_record import (
    CANCELLED,
    COMMAND_LINE,
    TrainingRecord,
    describe_late_end,
    new_training_id,
)
from offline.data.doctor import diagnose
from offline.data.errors import DataError
from offline.data.readers import LoadedData
from offline.errors import CommandError, RefusedError, TrainingInProgressError
from offline.trainings.ending import ending_on_request
from offline.trainings.handover import Handover

SENTENCES = (CommandError, DataError, BundleError, StageError, ServerError, SettingsError)
INTERRUPTED = "interrupted from the keyboard"
TERMINATED = "ended by SIGTERM, such as when the service stops"


@dataclass(slots=True, eq=False)
class RecordedTraining:
    """A training that runs in this process."""

    folder: TrainingFolder
    out: Path  # the folder of bundles
    record: TrainingRecord
    has_own_log: bool  # False: the process that started this one writes all output to the log
    phases: int = 0  # that have begun

    def begin_phase(self, text: str, of: int) -> None:
        """Record that the next of so many phases begins."""
        self._change(phase=text, progress=min(1.0, self.phases / of))
        self.phases += 1
        self.log(text)

    def wrote_bundle(self, version: str, verdict: str | None) -> None:
        """Record the bundle that is put into service next, and the verdict of the gate."""
        self._change(bundle=version, gate=verdict, progress=1.0)

    def examine(self, loaded: LoadedData, data: Path | None) -> None:
        """Record what is in the data that the training has read, archived events included.

        ``data`` is their folder or file; None: the archive alone.
        """
        record = ExaminationRecord(
            examined=time.time(),
            data=str(data.absolute()) if data else None,
            training_id=self.record.training_id,
            diagnosis=diagnose(loaded),
        )
        DataExamination(self.folder.path).write(record)

    def log(self, text: str) -> None:
        """Add a line to the log."""
        if self.has_own_log:
            path = self.folder.log_path(self.record.training_id)
            create_private_file(path)
            with path.open("a", encoding="utf-8") as file:
                file.write(f"{datetime.now().astimezone():%H:%M:%S} {text}\n")

    def end(self, error: BaseException | None) -> None:
        """Record how the training ended.

        What ends it after its bundle is in service is a remark: the bundle stays there.
        """
        now = time.time()
        match error:
            case None:
                record = self.record.ended("published", now)
            case RefusedError():
                record = self.record.ended("refused", now, str(error))
            case KeyboardInterrupt():
                record = self.record.ended("cancelled", now, INTERRUPTED)
            case SystemExit() if self.folder.is_cancelled(self.record.training_id):
                record = self.record.ended("cancelled", now, CANCELLED)
            case SystemExit():
                record = self.record.ended("cancelled", now, TERMINATED)
            case _ if isinstance(error, SENTENCES):
                record = self.record.ended("failed", now, str(error))
            case _:
                record = self.record.ended("failed", now, f"{type(error).__name__}: {error}")
                self.log("".join(traceback.format_exception(error)))
        if record.state in {"cancelled", "failed"} and was_in_service(self.out, record.bundle):
            record = record.ended("published", now, describe_late_end(record))
        self.log(f"{record.state}: {record.reason}" if record.reason else record.state)
        self.record = record
        self.folder.write(record)

    def _change(self, **changes: object) -> None:
        self.record = self.record.model_copy(update=changes)
        self.folder.write(self.record)


@contextmanager
def recorded_training(
    settings: Settings,
    *,
    from_archive: bool,
    force: bool,
    handover: Handover | None = None,
) -> Iterator[RecordedTraining]:
    """Record what runs inside the block as one training.

    Args:
        settings: of the service.
        from_archive: whether it also learns from the archive.
        force: whether the gate is overruled.
        handover: from the process that has started this one.

    Raises:
        TrainingInProgressError: another training runs in this folder.
        OSError: the record cannot be written.
    """
    folder = TrainingFolder(settings.trainings_folder)
    now = time.time()
    if handover:
        os.set_inheritable(handover.lock, False)  # noqa: FBT003 - as the module has it
        record = folder.read(handover.training_id)
        if record is None:
            raise DataError(f"there is no training {handover.training_id} in {folder.path}")
        record = record.model_copy(update={"state": "running", "started": now})
        folder.write(record)
        with _recording(
            RecordedTraining(folder, settings.out, record, has_own_log=False)
        ) as training:
            yield training
        return
    record = TrainingRecord(
        training_id=new_training_id(now),
        state="running",
        by=COMMAND_LINE,
        requested=now,
        started=now,
        from_archive=from_archive,
        force=force,
    )
    try:
        with (
            folder.claim(record),
            _recording(
                RecordedTraining(folder, settings.out, record, has_own_log=True)
            ) as training,
        ):
            yield training
    except TrainingRunsError as error:
        raise TrainingInProgressError(
            f"the training {error.training_id} runs in {settings.out}: wait until it has ended. "
            f"The log is {folder.log_path(error.training_id)}"
        ) from None


@contextmanager
def _recording(training: RecordedTraining) -> Iterator[RecordedTraining]:
    def cancelled() -> bool:
        return training.folder.is_cancelled(training.record.training_id)

    def before_exit() -> None:
        training.end(SystemExit())

    try:
        with ending_on_request(cancelled, before_exit):
            yield training
    except BaseException as error:
        training.end(error)
        raise
    training.end(None)
