"""The bundles of a folder: what is there, and which of them are old enough to go."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.bundle.manifest import BundleError, Manifest, parse_manifest

BUNDLES_FOLDER = "bundles"
DRAFT_PREFIX = ".draft-"  # begins the name of what is being written, or was when it was killed
BUNDLES_KEPT = 5


@dataclass(frozen=True, slots=True)
class StoredBundle:
    """A folder under ``bundles``; of a damaged one nothing is known but the fault."""

    folder: Path
    manifest: Manifest | None
    fault: str = ""

    @property
    def version(self) -> str:
        """The bundle's name."""
        return self.folder.name

    @property
    def is_refused(self) -> bool:
        """Whether the gate kept it out of service."""
        gate = self.manifest and self.manifest.gate
        return bool(gate and gate.verdict == "refused")


def list_bundles(out: Path) -> list[StoredBundle]:
    """List what lies in ``out``, newest first; the damaged last, drafts not at all."""
    root = out / BUNDLES_FOLDER
    folders = root.iterdir() if root.is_dir() else ()
    found = [_read(f) for f in folders if f.is_dir() and not f.name.startswith(".")]
    return sorted(found, key=_age)


def _age(one: StoredBundle) -> tuple[float, str]:
    return (-one.manifest.created if one.manifest else float("inf"), one.version)


def _read(folder: Path) -> StoredBundle:
    try:
        return StoredBundle(folder, parse_manifest(folder))
    except (BundleError, OSError) as error:
        return StoredBundle(folder, None, str(error))


@contextmanager
def draft_folder(out: Path, name: str) -> Iterator[Path]:
    """Make a folder to write a bundle into; what is left of it when an error is raised goes.

    It is locked as long as this process lives, so that no other takes it for a killed run's.
    """
    folder = out / BUNDLES_FOLDER / f"{DRAFT_PREFIX}{name}"
    folder.mkdir(parents=True)
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    finally:
        os.close(lock)


def remove_old_bundles(out: Path, keep: int, serving: str | None) -> list[str]:
    """Remove all but the newest ``keep`` bundles, and what killed runs left; gives the versions.

    Bundles that the gate refused are counted apart, so that they never push out one to go back to.
    The one named ``serving`` stays whatever its age, and so does what is damaged: it may be
    somebody's. Workers that have a removed one mapped keep it until they let it go.
    """
    bundles = [one for one in list_bundles(out) if one.manifest]
    refused = [one for one in bundles if one.is_refused]
    sound = [one for one in bundles if not one.is_refused]
    old = [one.folder for one in (*sound[keep:], *refused[keep:]) if one.version != serving]
    for folder in old:  # out of sight first: killed here, it leaves a draft, not half a bundle
        folder.rename(folder.with_name(f"{DRAFT_PREFIX}{folder.name}"))
    for left in (out / BUNDLES_FOLDER).glob(f"{DRAFT_PREFIX}*"):
        if not _is_locked(left):
            shutil.rmtree(left, ignore_errors=True)
    return [folder.name for folder in old]


def _is_locked(folder: Path) -> bool:
    """Say whether a living process writes into it, or it is gone already."""
    try:
        lock = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False
