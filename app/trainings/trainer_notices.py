"""What the processes that start trainings say of themselves, as long as they live."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

from pydantic import BaseModel, ConfigDict, ValidationError

from app.state.private_files import make_private_folder
from app.trainings.file_locks import holding, is_held

PATTERN = "trainer-*.json"
LENGTH = 4_096  # bytes: a notice is written over the old one in one piece
NOTHING_SAID = b"{}"


class TrainerNotice(BaseModel):
    """What a process that starts trainings reads, and when."""

    model_config = ConfigDict(frozen=True)
    data: str | None = None  # what it reads beside the archive
    schedule: str | None = None  # "every 24h"; None: it starts only what is requested
    next: float | None = None  # unix seconds of the next training by the schedule


@contextmanager
def announce(folder: Path, notice: TrainerNotice) -> Iterator[Callable[[TrainerNotice], None]]:
    """Be a trainer inside the block; yield the function that changes the notice.

    Raises:
        OSError: the folder cannot be written to.
    """
    make_private_folder(folder)
    for path in folder.glob(PATTERN):  # of processes that were killed
        if not is_held(path):
            path.unlink(missing_ok=True)
    path = folder / f"trainer-{token_hex(6)}.json"
    with holding(path) as descriptor:

        def change(changed: TrainerNotice) -> None:
            os.pwrite(descriptor, changed.model_dump_json().encode().ljust(LENGTH), 0)

        change(notice)
        try:
            yield change
        finally:
            path.unlink(missing_ok=True)


def read_trainer(folder: Path) -> TrainerNotice | None:
    """Return the notice of a trainer that lives, if possible of one with data; None: none lives."""
    alive = [_read(path) for path in sorted(folder.glob(PATTERN)) if is_held(path)]
    return max(alive, key=lambda notice: notice.data is not None, default=None)


def _read(path: Path) -> TrainerNotice:
    try:
        return TrainerNotice.model_validate_json(path.read_bytes().strip() or NOTHING_SAID)
    except (OSError, ValidationError):
        return TrainerNotice()
