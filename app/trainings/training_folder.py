"""The folder of trainings: the request, records and logs, shared by all processes of a service.

A training runs as long as a process holds the lock of the folder. The lock ends with its process,
so a training that was killed is seen as failed and never keeps another from starting. Methods
block: call them in a thread.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from app.observe.logs import hide_secrets
from app.state.private_files import make_private_folder, write_private_file
from app.trainings.file_locks import LockTakenError, holding, is_held
from app.trainings.trainer_notices import read_trainer
from app.trainings.training_record import CANCELLED, TrainingRecord, is_training_id

KEPT = 50  # the newest trainings, whose records and logs are kept
LOG_BYTES = 64 * 2**10  # of the end of a log, that are read
LOG_LINES = 200
REQUEST, LOCK = "request.json", "training.lock"
REQUEST_LOCK = "request.lock"  # of who takes the request, for a moment
KILLED = (
    "the process of the training ended without a result: it was killed, such as for want of "
    "memory, or the machine was restarted"
)
NOBODY = "no process took the request: the one that starts trainings has ended"


class TrainingRunsError(Exception):
    """Another training runs, or waits for its start."""

    def __init__(self, training_id: str) -> None:
        super().__init__(
            f"the training {training_id} has not ended: wait for it, or cancel it with "
            f"DELETE /trainings/{training_id}"
        )
        self.training_id = training_id


class TrainingFolder:
    """The trainings of one service. Keeps nothing in memory."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def request(self, record: TrainingRecord) -> None:
        """Request a training: a process that starts trainings takes it.

        Raises:
            TrainingRunsError: another one runs or waits.
            OSError: the request cannot be written.
        """
        if other := self.unfinished():
            raise TrainingRunsError(other.training_id)
        draft = self.path / f"{record.training_id}.draft"
        write_private_file(draft, record.model_dump_json().encode())
        try:
            os.link(draft, self.path / REQUEST)
        except FileExistsError:  # another one came first just now
            waiting = self.waiting()
            raise TrainingRunsError(waiting.training_id if waiting else "") from None
        finally:
            draft.unlink(missing_ok=True)

    def waiting(self) -> TrainingRecord | None:
        """Return the request that waits; None: there is none."""
        return self._read(REQUEST)

    def unfinished(self) -> TrainingRecord | None:
        """Return the training that runs, else the one that waits; None: there is none."""
        running = self.find(self._running_id()) if is_held(self.path / LOCK) else None
        if running and not running.has_ended:
            return running
        waiting = self.waiting()
        if waiting is None or read_trainer(self.path):
            return waiting
        if self._take_request(waiting.training_id):
            self.write(waiting.ended("failed", time.time(), NOBODY))
        return None

    @contextmanager
    def claim(self, record: TrainingRecord) -> Iterator[int]:
        """Be the training that runs inside the block; yield the descriptor of the lock.

        If the record is that of the request that waits, the request is taken.

        Raises:
            TrainingRunsError: another one runs.
            FileNotFoundError: the request was withdrawn.
            OSError: the record cannot be written.
        """
        make_private_folder(self.path)
        try:
            with holding(self.path / LOCK) as lock:
                os.ftruncate(lock, 0)
                os.pwrite(lock, record.training_id.encode(), 0)
                if record.by_request:
                    if not self._take_request(record.training_id):
                        raise FileNotFoundError(self.path / REQUEST)
                else:
                    self.write(record)
                self._end_killed(record.training_id)
                self._remove_old()
                yield lock
        except LockTakenError:
            raise TrainingRunsError(self._running_id()) from None

    def write(self, record: TrainingRecord) -> None:
        """Write the record of a training.

        Raises:
            OSError: it cannot be written.
        """
        write_private_file(self._record_path(record.training_id), record.model_dump_json().encode())
        if record.has_ended:
            self._cancel_path(record.training_id).unlink(missing_ok=True)

    def read(self, training_id: str) -> TrainingRecord | None:
        """Return the record as it was written last, whether or not its process lives."""
        return self._read(f"{training_id}.json")

    def find(self, training_id: str) -> TrainingRecord | None:
        """Return the training as it is now; None: there is no such one, or no longer."""
        if not is_training_id(training_id):
            return None
        waiting = self.waiting()
        if waiting and waiting.training_id == training_id:
            if read_trainer(self.path) or self._is_running(training_id):
                return waiting
            return waiting.ended("failed", waiting.requested, NOBODY)
        if (record := self.read(training_id)) is None or record.has_ended:
            return record
        if self._is_running(training_id):
            return record.model_copy(update={"cancelling": self.is_cancelled(training_id)})
        record = self.read(training_id) or record  # it may just have ended
        return record if record.has_ended else self._killed(record)

    def newest(self, limit: int = KEPT) -> list[TrainingRecord]:
        """Return the trainings, the newest first."""
        names = {path.stem for path in self.path.glob("*.json") if is_training_id(path.stem)}
        if waiting := self.waiting():
            names.add(waiting.training_id)
        records = (self.find(name) for name in sorted(names, reverse=True)[:limit])
        return [record for record in records if record]

    def log_path(self, training_id: str) -> Path:
        """Return the file of the training's log."""
        return self.path / f"{training_id}.log"

    def log_lines(self, training_id: str) -> list[str]:
        """Return the last lines of the training's log."""
        try:
            with self.log_path(training_id).open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - LOG_BYTES))
                text = file.read().decode("utf-8", "replace")
        except OSError:
            return []
        lines = hide_secrets(text).splitlines()
        return lines[1 if size > LOG_BYTES else 0 :][-LOG_LINES:]

    def cancel(self, training_id: str) -> Literal["waiting", "running", "ended"] | None:
        """Request that a training ends; return what it was until then; None: there is no such one.

        Raises:
            OSError: the request cannot be written.
        """
        record = self.find(training_id)
        if record is None:
            return None
        if record.has_ended:
            return "ended"
        waiting = self.waiting()
        if waiting and waiting.training_id == training_id and self._take_request(training_id):
            self.write(record.ended("cancelled", time.time(), CANCELLED))
            return "waiting"
        self._cancel_path(training_id).touch(0o600)
        return "running"

    def is_cancelled(self, training_id: str) -> bool:
        """Return whether somebody has requested that the training ends."""
        return self._cancel_path(training_id).exists()

    def _record_path(self, training_id: str) -> Path:
        return self.path / f"{training_id}.json"

    def _cancel_path(self, training_id: str) -> Path:
        return self.path / f"{training_id}.cancel"

    def _read(self, name: str) -> TrainingRecord | None:
        try:
            return TrainingRecord.model_validate_json((self.path / name).read_bytes())
        except (OSError, ValidationError):
            return None

    def _take_request(self, training_id: str) -> bool:
        """Turn the request that waits into a record, if it still is the one of this training.

        One at a time looks and takes: another request may come as soon as this one has gone.

        Raises:
            OSError: the folder cannot be written to.
        """
        try:
            with holding(self.path / REQUEST_LOCK):
                waiting = self.waiting()
                if waiting is None or waiting.training_id != training_id:
                    return False
                (self.path / REQUEST).rename(self._record_path(training_id))
                return True
        except LockTakenError:
            raise BlockingIOError(f"others hold {self.path / REQUEST_LOCK}: try again") from None

    def _running_id(self) -> str:
        with suppress(OSError, UnicodeDecodeError):
            return (self.path / LOCK).read_text("ascii")
        return ""

    def _is_running(self, training_id: str) -> bool:
        return self._running_id() == training_id and is_held(self.path / LOCK)

    def _killed(self, record: TrainingRecord) -> TrainingRecord:
        """Return the record of a training whose process has died; its last change is its end."""
        try:
            at = self._record_path(record.training_id).stat().st_mtime
        except OSError:
            at = record.started or record.requested
        seen = (
            f". GET /bundles shows whether {record.bundle} is in service" if record.bundle else ""
        )
        return record.ended("failed", at, KILLED + seen)

    def _end_killed(self, running: str) -> None:
        """Write the end of trainings whose process has died. Only the one that runs may do so."""
        for path in self.path.glob("*.json"):
            if is_training_id(path.stem) and path.stem != running:
                record = self.read(path.stem)
                if record and not record.has_ended:
                    self.write(self._killed(record))

    def _remove_old(self) -> None:
        """Remove all but the newest records and their logs."""
        names = sorted({path.stem for path in self.path.iterdir() if is_training_id(path.stem)})
        for name in names[:-KEPT]:
            for path in self.path.glob(f"{name}.*"):
                path.unlink(missing_ok=True)
