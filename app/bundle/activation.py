"""Put a bundle into service, a new one or an earlier one.

``current`` names the version in service. ``history`` holds one version a line, the one in service
last. A rollback removes the last line.

Who changes what is in service, or removes bundles, holds the lock of the folder meanwhile. Services
that only read the folder need no lock: both files are replaced atomically.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from pathlib import Path
from secrets import token_hex

from app.bundle.manifest import BundleError, read_manifest
from app.bundle.pointer import POINTER, current_version
from app.bundle.stored_bundles import (
    BUNDLES_FOLDER,
    HISTORY,
    list_bundles,
    service_history,
    versions_before,
)
from app.bundle.verification import verify_files

LOCK = ".activation.lock"  # a file, because NFS locks no folders
PATIENCE = 60.0  # seconds that a rollback waits for another change of what is in service
PAUSE = 0.05  # seconds


@contextmanager
def changing_bundles(out: Path, patience: float = inf) -> Iterator[None]:
    """Hold the lock of the folder of bundles in the block: one thread of one process has it.

    Raises:
        BundleError: there is no such folder, or others hold the lock for ``patience`` seconds.
        OSError: the folder cannot be written to.
    """
    try:
        lock = _open_lock(out / LOCK)
    except FileNotFoundError:
        raise BundleError(
            f"there is no bundle in {out}: run `recfunnel train --out {out}` first"
        ) from None
    try:
        give_up = time.monotonic() + patience
        while not _takes(lock):
            if time.monotonic() > give_up:
                raise BundleError(f"another process puts a bundle of {out} into service: try again")
            time.sleep(PAUSE)
        yield
    finally:
        os.close(lock)


def can_activate(out: Path) -> bool:
    """Return whether this process may change what is in service."""
    return os.access(out, os.W_OK | os.X_OK)


def point_to(folder: Path) -> None:
    """Put the bundle in ``folder`` into service, atomically."""
    with changing_bundles(folder.parent.parent):
        switch_to(folder)


def switch_to(folder: Path) -> None:
    """Put the bundle in ``folder`` into service; the caller holds the lock."""
    out, version = folder.parent.parent, folder.name
    before = service_history(out)
    _write(out / POINTER, [version])
    _write(out / HISTORY, [*versions_before(before, version), version])


def rollback(out: Path, to: str | None = None, patience: float = PATIENCE) -> Path:
    """Put the previous bundle, or the one named ``to``, into service again; return its folder.

    The bundle is verified first. Nothing changes if it is not sound. No other process removes it
    meanwhile, or puts another one into service.

    Raises:
        BundleError: There is no such bundle, it must not be served, or other changes last for
            ``patience`` seconds.
    """
    with changing_bundles(out, patience):
        return _roll_back(out, to)


def _roll_back(out: Path, to: str | None) -> Path:
    current = current_version(out)
    folder = out / BUNDLES_FOLDER / (to or _before(out))
    if folder.name == current:
        raise BundleError(f"{current} is already in service: there is nothing to do")
    if folder.name not in {bundle.version for bundle in list_bundles(out)}:
        raise BundleError(
            f"there is no bundle {to} in {out}: `recfunnel bundles --out {out}` lists them"
        )
    try:
        verify_files(folder, read_manifest(folder))
    except BundleError as error:
        raise BundleError(
            f"{error}. {current or 'Nothing'} stays in service; choose another with --to, "
            f"`recfunnel bundles --out {out}` lists them"
        ) from error
    switch_to(folder)
    return folder


def _before(out: Path) -> str:
    history = service_history(out)
    if len(history) < 2:  # noqa: PLR2004
        raise BundleError(
            f"no bundle in {out} was in service before: `recfunnel bundles --out {out}` lists what "
            "there is, `recfunnel rollback --to` takes any of them"
        )
    return history[-2]


def _write(path: Path, lines: list[str]) -> None:
    fresh = path.with_name(f".{path.name}.{token_hex(6)}.new")
    try:
        fresh.write_text("".join(f"{line}\n" for line in lines))
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def _open_lock(path: Path) -> int:
    """Open the file, and create it if there is none. That of another account is opened to read."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except PermissionError:
        if not path.exists():
            raise
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)


def _takes(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
