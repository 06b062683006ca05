"""The file that keeps the trials: one line of JSON each, on the disk before the next one begins."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from offline.data.errors import DataError


class _Held:
    """Stands in for the lock around each line: the whole file is locked already."""

    def acquire(self) -> bool:
        return True

    def release(self) -> None:
        pass


@contextmanager
def open_journal(path: Path) -> Iterator[JournalStorage]:
    """Open the file, or make it, for this process alone; the lock ends with the process.

    Raises:
        DataError: another search has it open, or it holds something else.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataError(
                f"{path} is in use by another search: wait for it to end, or give another --study."
            ) from None
        _mend(path)
        yield JournalStorage(JournalFileBackend(str(path), lock_obj=_Held()))


def _mend(path: Path) -> None:
    """Cut off the half line that a killed process may have left."""
    whole, newline, torn = path.read_bytes().rpartition(b"\n")
    if not all(map(_is_line, whole.splitlines())) or (torn and torn[:1] != b"{"):
        raise DataError(f"{path} is no file of trials: give another --study, or remove it.")
    if torn:
        os.truncate(path, len(whole + newline))


def _is_line(line: bytes) -> bool:
    try:
        return "op_code" in json.loads(line)
    except (ValueError, TypeError):
        return False
