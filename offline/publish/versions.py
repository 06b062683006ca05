"""The bundles in a folder: listing them, writing a new one, removing old ones."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.bundle.manifest import BundleError, Manifest, parse_manifest

BUNDLES_FOLDER = "bundles"
DRAFT_PREFIX = ".draft-"  # a folder that is being written, or that a killed process left
BUNDLES_KEPT = 5


@dataclass(frozen=True, slots=True)
class StoredBundle:
    """A folder under ``bundles``. A damaged one has a fault and no manifest."""

    folder: Path
    manifest: Manifest | None
    fault: str = ""

    @property
    def version(self) -> str:
        """The name of the bundle."""
        return self.folder.name

    @property
    def is_refused(self) -> bool:
        """True if the gate refused the bundle."""
        gate = self.manifest and self.manifest.gate
        return bool(gate and gate.verdict == "refused")


def list_bundles(out: Path) -> list[StoredBundle]:
    """Return the bundles in ``out``, newest first and damaged ones last, without drafts."""
    root = out / BUNDLES_FOLDER
    folders = root.iterdir() if root.is_dir() else ()
    bundles = [_read(f) for f in folders if f.is_dir() and not f.name.startswith(".")]
    return sorted(bundles, key=_age)


def _age(bundle: StoredBundle) -> tuple[float, str]:
    return (-bundle.manifest.created if bundle.manifest else float("inf"), bundle.version)


def _read(folder: Path) -> StoredBundle:
    try:
        return StoredBundle(folder, parse_manifest(folder))
    except (BundleError, OSError) as error:
        return StoredBundle(folder, None, str(error))


@contextmanager
def draft_folder(out: Path, name: str) -> Iterator[Path]:
    """Yield a new folder to write a bundle into. It is removed if an error is raised.

    It stays locked while this process lives, so that no other process removes it as abandoned.
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
    """Remove abandoned drafts and all but the newest ``keep`` bundles; return what was removed.

    Refused bundles are counted apart, so that they never replace one that a rollback could use. The
    bundle ``serving`` stays whatever its age. Damaged bundles stay too, because they may be needed.
    Workers that have mapped a removed bundle keep its pages until they swap.
    """
    bundles = [bundle for bundle in list_bundles(out) if bundle.manifest]
    refused = [bundle for bundle in bundles if bundle.is_refused]
    sound = [bundle for bundle in bundles if not bundle.is_refused]
    old = [
        bundle.folder for bundle in (*sound[keep:], *refused[keep:]) if bundle.version != serving
    ]
    for folder in old:  # renamed first: a process killed here leaves a draft, not half a bundle
        folder.rename(folder.with_name(f"{DRAFT_PREFIX}{folder.name}"))
    for draft in (out / BUNDLES_FOLDER).glob(f"{DRAFT_PREFIX}*"):
        if not _is_locked(draft):
            shutil.rmtree(draft, ignore_errors=True)
    return [folder.name for folder in old]


def _is_locked(folder: Path) -> bool:
    """Return whether a living process writes into the folder, or the folder no longer exists."""
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
