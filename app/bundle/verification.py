"""The check that a bundle's files are those that were published, made once a machine.

SHA-256 of all files takes seconds a gigabyte. What was verified is therefore kept in
``verified/<version>.json``, beside ``bundles/``: the size, times and inode of each file. A file
that was written to since, or replaced, is verified again. Remove the record to have all verified.
Files that are not read for that are read ahead.
"""

import fcntl
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeAlias

import orjson

from app.bundle.manifest import (
    CHECKSUM,
    MANIFEST,
    BundleError,
    Manifest,
    file_sha256,
    files_digest,
)

log = logging.getLogger(__name__)

Digest: TypeAlias = Callable[[Path], str]
FileState: TypeAlias = list[int]  # size in bytes, mtime and ctime in nanoseconds, inode


def verify_files_once(folder: Path, manifest: Manifest, digest: Digest = file_sha256) -> None:
    """Verify the files as ``verify_files`` does, without those that were verified before.

    Workers that start together wait for the first one. The record is not kept, and the files are
    verified by each worker, where the folder of the bundles cannot be written.

    Raises:
        BundleError: A file is missing, differs, or is not listed.
    """
    with locked_folder(folder):
        manifest_sha256 = file_sha256(folder / MANIFEST)
        verified = _read_record(folder, manifest_sha256)
        verify_files(folder, manifest, verified, digest)
        states = {name: _state_of(folder / name) for name in manifest.files}
        if states != verified:
            _write_record(folder, manifest_sha256, states)
        read_ahead(folder / name for name in manifest.files)


def verify_files(
    folder: Path,
    manifest: Manifest,
    verified: Mapping[str, FileState] | None = None,
    digest: Digest = file_sha256,
) -> None:
    """Check that the folder holds exactly the listed files, each with its size and SHA-256.

    Args:
        folder: that of the bundle.
        manifest: the bundle's.
        verified: the states of files that were verified before; they are not read again.
        digest: computes the SHA-256 of a file.

    Raises:
        BundleError: A file is missing, differs, or is not listed.
    """
    unlisted = {path.name for path in folder.iterdir()} - {MANIFEST, CHECKSUM, *manifest.files}
    if unlisted:
        raise BundleError(
            f"{folder} holds {min(unlisted)}, which {MANIFEST} does not list: remove it"
        )
    if not manifest.version.endswith(files_digest(manifest.files)):
        raise BundleError(f"{folder / MANIFEST} lists other files than were published: train again")
    for name, record in manifest.files.items():
        path = folder / name
        size = path.stat().st_size if path.is_file() else None
        if size is None:
            raise BundleError(f"{path} is missing: restore the bundle or train again")
        is_known = verified is not None and verified.get(name) == _state_of(path)
        if size != record.bytes or not (is_known or digest(path) == record.sha256):
            raise BundleError(
                f"{path} is corrupt ({size} bytes, {record.bytes} expected, or its SHA-256 "
                "differs): restore the bundle or train again"
            )


def read_ahead(paths: Iterable[Path]) -> None:
    """Have the system read files into memory, so that no request waits for the disk.

    Verification reads them too, but only once a machine. Where the system does not take the advice,
    a page is read when it is needed.
    """
    if not hasattr(os, "posix_fadvise"):
        return
    for path in paths:
        with suppress(OSError), path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_WILLNEED)


def record_path(folder: Path) -> Path:
    """Return the file that holds what was verified of the bundle in ``folder``."""
    return folder.parent.parent / "verified" / f"{folder.name}.json"


def _state_of(path: Path) -> FileState:
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]


def _read_record(folder: Path, manifest_sha256: str) -> dict[str, FileState]:
    """Return the states of the verified files; none if there is no record for this manifest."""
    try:
        record = orjson.loads(record_path(folder).read_bytes())
        return dict(record["files"]) if record["manifest"] == manifest_sha256 else {}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError) as error:
        log.warning(
            "%s cannot be read (%s): the bundle is verified again", record_path(folder), error
        )
        return {}


def _write_record(folder: Path, manifest_sha256: str, states: dict[str, FileState]) -> None:
    path = record_path(folder)
    fresh = path.with_suffix(".new")
    try:
        path.parent.mkdir(exist_ok=True)
        fresh.write_bytes(orjson.dumps({"manifest": manifest_sha256, "files": states}))
        fresh.replace(path)
    except OSError as error:
        log.info("%s cannot be written (%s): each worker verifies the bundle", path, error)


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder in the block: one process at a time has it."""
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
