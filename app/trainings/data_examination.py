"""The newest examination of the data that trainings read: the request for one, and its result.

``recfunnel doctor`` runs in a process of its own, which a trainer starts on request, or in the
process of a training. Both write the same file, in the folder of trainings. Functions block: call
them in a thread.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, ValidationError

from app.state.private_files import create_private_file, make_private_folder, write_private_file
from app.trainings.data_diagnosis import DataDiagnosis
from app.trainings.file_locks import LockTakenError, holding, is_held

RECORD, REQUEST, LOCK = "doctor.json", "doctor.request", "doctor.lock"
ExaminationState: TypeAlias = Literal["none", "waiting", "running"]


class ExaminationRecord(BaseModel):
    """The end of an examination: a diagnosis, or why there is none."""

    model_config = ConfigDict(frozen=True)
    examined: float  # unix seconds
    data: str | None = None  # folder or file; None: the archive alone
    training_id: str | None = None  # of the training that has read the data; None: on request
    error: str | None = None
    diagnosis: DataDiagnosis | None = None


@dataclass(frozen=True, slots=True)
class DataExamination:
    """The examination of the data of one service. Keeps nothing in memory."""

    path: Path  # the folder of trainings

    def request(self) -> None:
        """Request an examination, unless one waits or runs. A trainer takes the request.

        Raises:
            OSError: the request cannot be written.
        """
        make_private_folder(self.path)
        create_private_file(self.path / REQUEST)

    def is_requested(self) -> bool:
        """Return whether a request waits, or is being served."""
        return (self.path / REQUEST).exists()

    def state(self) -> ExaminationState:
        """Return whether an examination waits or runs."""
        if not self.is_requested():
            return "none"
        return "running" if is_held(self.path / LOCK) else "waiting"

    @contextmanager
    def claim(self) -> Iterator[bool]:
        """Serve the request inside the block; yield whether it is there and no other serves it.

        The request stays until its result is written: if this process is killed, another serves it.

        Raises:
            OSError: the lock cannot be created.
        """
        try:
            with holding(self.path / LOCK):
                yield self.is_requested()
        except LockTakenError:
            yield False

    def write(self, record: ExaminationRecord) -> None:
        """Write the result of an examination.

        Raises:
            OSError: it cannot be written.
        """
        write_private_file(self.path / RECORD, record.model_dump_json().encode())

    def withdraw(self) -> None:
        """Remove the request: its result is written."""
        (self.path / REQUEST).unlink(missing_ok=True)

    def read(self) -> ExaminationRecord | None:
        """Return the newest result; None: there is none that can be read."""
        try:
            return ExaminationRecord.model_validate_json((self.path / RECORD).read_bytes())
        except (OSError, ValidationError):
            return None
