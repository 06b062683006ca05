"""Locks of files that end with the process that holds them, however it ends."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.state.private_files import create_private_file

PATIENCE = 0.5  # seconds: others hold a lock for a moment, when they look whether it is held
PAUSE = 0.01  # seconds


class LockTakenError(Exception):
    """Another process holds the lock."""


@contextmanager
def holding(path: Path) -> Iterator[int]:
    """Hold the lock of a file inside the block; yield its file descriptor.

    A child process that gets the descriptor holds the lock too, also when this one has ended.

    Raises:
        LockTakenError: another process holds it.
        OSError: the file cannot be created.
    """
    create_private_file(path)
    with path.open("r+b") as file:
        give_up = time.monotonic() + PATIENCE
        while not _takes(file.fileno(), fcntl.LOCK_EX):
            if time.monotonic() > give_up:
                raise LockTakenError(path)
            time.sleep(PAUSE)
        yield file.fileno()


def is_held(path: Path) -> bool:
    """Return whether a process holds the lock."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not _takes(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def _takes(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
