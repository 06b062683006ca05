"""Load a bundle for service from a private copy, which nobody else writes to.

A process that reads a mapped page beyond the end of its file is killed (SIGBUS). A file that is
truncated or overwritten in place, by ``cp`` or ``rsync --inplace``, would so end all workers at
once. They therefore map a copy in a folder ``private/``, which only this account can read. File
systems with reflinks copy without using space. Where the folder cannot be written, or is full, the
original files are mapped.
"""

import logging
import os
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from app.bundle.bundle import Bundle, load_bundle
from app.bundle.manifest import BundleError, read_manifest
from app.bundle.stored_bundles import BUNDLES_FOLDER
from app.bundle.verification import locked_folder, record_path, verify_files_once

log = logging.getLogger(__name__)

DRAFT_PREFIX = ".draft-"  # a copy that is being made, or that a killed process left
MAX_COPIED = 2**30  # bytes copied in one system call


@dataclass(frozen=True, slots=True)
class FolderState:
    """The size and time of every file of a folder: equal as long as nobody writes to it."""

    folder: Path
    files: tuple[tuple[str, int, int], ...]  # name, bytes, mtime in nanoseconds; empty: unreadable

    @classmethod
    def of(cls, folder: Path) -> "FolderState":
        try:
            stats = [(path.name, path.stat()) for path in sorted(folder.iterdir())]
        except OSError:
            return cls(folder, ())
        return cls(folder, tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats))

    def has_changed(self) -> bool:
        return FolderState.of(self.folder) != self


@dataclass(frozen=True, slots=True, eq=False)
class LoadedBundle:
    """A bundle that is mapped for service, and the states of its files when it was loaded."""

    bundle: Bundle
    mapped: FolderState  # of the copy, or of the original where there is none
    original: FolderState
    damage: str | None  # what is wrong with the original; None: nothing


def load_for_service(folder: Path, private: Path) -> LoadedBundle:
    """Verify the bundle in ``folder``, copy it to ``private`` once a machine, and map the copy.

    A copy that was verified earlier is used although the original is damaged by now.

    Raises:
        BundleError: Neither the original nor a copy may be served.
    """
    original = FolderState.of(folder)
    damage = find_damage(folder)
    copy = private / BUNDLES_FOLDER / folder.name
    if damage is None or copy.is_dir():
        try:
            if damage is None:
                _copy_once(folder, copy)
            bundle = load_bundle(copy)
            return LoadedBundle(bundle, FolderState.of(copy), original, damage)
        except OSError as error:
            log.warning(
                "%s cannot be written (%s): the workers map the files in %s themselves, and end if "
                "one is truncated",
                copy,
                error,
                folder,
            )
        except BundleError as error:
            log.warning("the private copy of %s is not used: %s", folder.name, error)
            shutil.rmtree(copy, ignore_errors=True)
    if damage is not None:
        raise BundleError(damage)
    return LoadedBundle(load_bundle(folder), original, original, None)


def find_damage(folder: Path) -> str | None:
    """Return why the bundle in ``folder`` must not be served; None if it may."""
    try:
        verify_files_once(folder, read_manifest(folder))
    except BundleError as error:
        return str(error)
    except OSError as error:  # such as a folder that is removed while it is read
        return f"{folder} cannot be read ({error}): restore the bundle or train again"
    return None


def remove_copies(private: Path, keep: Collection[str]) -> None:
    """Remove the private copies of all versions but ``keep``. What is mapped stays readable."""
    root = private / BUNDLES_FOLDER
    for copy in root.iterdir() if root.is_dir() else ():
        if copy.name not in keep and not copy.name.startswith(DRAFT_PREFIX):
            shutil.rmtree(copy, ignore_errors=True)
            record_path(copy).unlink(missing_ok=True)


def _copy_once(folder: Path, copy: Path) -> None:
    """Copy the folder, unless another worker has done it.

    Raises:
        OSError: the copy cannot be written.
    """
    copy.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    copy.parent.mkdir(exist_ok=True)
    with locked_folder(copy.parent):
        if copy.is_dir():
            return
        draft = copy.with_name(f"{DRAFT_PREFIX}{copy.name}")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        try:
            for path in folder.iterdir():
                _copy_file(path, draft / path.name)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
        draft.rename(copy)


def _copy_file(source: Path, target: Path) -> None:
    """Copy a file; share its blocks where the file system can."""
    try:
        with source.open("rb") as readable, target.open("xb") as writable:
            while os.copy_file_range(readable.fileno(), writable.fileno(), MAX_COPIED):
                pass
    except (AttributeError, OSError):  # not on this system, or not on this file system
        shutil.copyfile(source, target)
    target.chmod(0o400)
