"""Create folders and files that hold users' data, which their owner alone may read."""

import os
from contextlib import suppress
from pathlib import Path
from threading import Lock

PRIVATE_FOLDER, PRIVATE_FILE = 0o700, 0o600
_creating = Lock()  # no other thread uses the file before it is closed here


def create_private_folder(path: Path) -> None:
    """Create a folder that only its owner may enter. One that exists stays as its owner set it."""
    path.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)


def make_private_folder(path: Path) -> None:
    """Create a folder that only its owner may enter. A folder that exists is closed to others."""
    create_private_folder(path)
    if path.stat().st_mode & 0o077:
        with suppress(PermissionError):  # another account owns the folder and decides
            path.chmod(PRIVATE_FOLDER)


def create_private_file(path: Path) -> None:
    """Create an empty file for its owner alone, unless the file exists.

    A file that exists is not even opened. When a process closes a file, it loses all POSIX locks
    that it holds on it, also those of SQLite in other threads.
    """
    with _creating, suppress(FileExistsError):
        if not path.exists():
            flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC
            os.close(os.open(path, flags, PRIVATE_FILE))


def write_private_file(path: Path, data: bytes) -> None:
    """Write the file as a whole, even when other processes do so at the same time."""
    make_private_folder(path.parent)
    part = path.with_suffix(f".{os.getpid()}.part")
    create_private_file(part)
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
