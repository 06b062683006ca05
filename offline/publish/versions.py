"""Write a new bundle into a folder, and remove old ones."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from app.bundle.stored_bundles import BUNDLES_FOLDER, list_bundles
from app.bundle.verification import record_path
from app.state.private_files import create_private_folder

DRAFT_PREFIX = ".draft-"  # a folder that is being written, or that a killed process left
BUNDLES_KEPT = 5


def remove_folder(folder: Path) -> None:
    """Remove a folder as far as it can be removed."""
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def draft_folder(out: Path, name: str) -> Iterator[Path]:
    """Yield a new folder to write a bundle into. It is removed if an error is raised.

    It stays locked while this process lives, so that no other process removes it as abandoned.
    """
    folder = out / BUNDLES_FOLDER / f"{DRAFT_PREFIX}{name}"
    create_private_folder(folder.parent)
    folder.mkdir()
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder
    except BaseException:
        remove_folder(folder)
        raise
    finally:
        os.close(lock)


def remove_old_bundles(
    out: Path, keep: int, serving: str | None, remove: Callable[[Path], None] = remove_folder
) -> list[str]:
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
        record_path(folder).unlink(missing_ok=True)
    for draft in (out / BUNDLES_FOLDER).glob(f"{DRAFT_PREFIX}*"):
        if not is_locked(draft):
            remove(draft)
    return [folder.name for folder in old]


def is_locked(folder: Path) -> bool:
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
