"""The bundles in a folder: list them, write a new one, put one into service, remove old ones.

``current`` names the version in service. ``history`` holds one version a line, the one in service
last. A rollback removes the last line.
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from pathlib import Path

from app.bundle.manifest import POINTER, BundleError, Manifest, parse_manifest, read_manifest
from app.bundle.verification import record_path, verify_files

BUNDLES_FOLDER = "bundles"
HISTORY = "history"
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
        return self.folder.name

    @property
    def is_refused(self) -> bool:
        gate = self.manifest and self.manifest.gate
        return bool(gate and gate.verdict == "refused")


def remove_folder(folder: Path) -> None:
    """Remove a folder as far as it can be removed."""
    shutil.rmtree(folder, ignore_errors=True)


def list_bundles(out: Path) -> list[StoredBundle]:
    """Return the bundles in ``out``, newest first and damaged ones last, without drafts."""
    root = out / BUNDLES_FOLDER
    folders = root.iterdir() if root.is_dir() else ()
    bundles = [_read(f) for f in folders if f.is_dir() and not f.name.startswith(".")]
    return sorted(bundles, key=lambda b: (-b.manifest.created if b.manifest else inf, b.version))


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


def point_to(folder: Path) -> None:
    """Put the bundle in ``folder`` into service, atomically."""
    out, version = folder.parent.parent, folder.name
    before = service_history(out)
    _write(out / POINTER, [version])
    _write(out / HISTORY, [*_until(before, version), version])


def current_version(out: Path) -> str | None:
    """Return the version that ``current`` names, whether or not it exists."""
    try:
        return (out / POINTER).read_text().strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def service_history(out: Path) -> list[str]:
    """Return the versions that were in service, in order, the current one last.

    Versions that were removed since are left out. Without a ``history`` file, all bundles that the
    gate did not refuse and that are older than the current one count. If the two files disagree,
    ``current`` is right: it is written first, and may have been written by hand.
    """
    current = current_version(out)
    if current is None:
        return []
    try:
        lines = (out / HISTORY).read_text().split()
    except (OSError, UnicodeDecodeError):
        bundles = [bundle for bundle in reversed(list_bundles(out)) if bundle.manifest]
        lines = [bundle.version for bundle in bundles if not bundle.is_refused]
    earlier = [line for line in _until(lines, current) if (out / BUNDLES_FOLDER / line).is_dir()]
    return [*earlier, current]


def rollback(out: Path, to: str | None = None) -> Path:
    """Put the previous bundle, or the one named ``to``, into service again; return its folder.

    The bundle is verified first. Nothing changes if it is not sound.

    Raises:
        BundleError: There is no such bundle, or it must not be served.
    """
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
    point_to(folder)
    return folder


def _before(out: Path) -> str:
    history = service_history(out)
    if len(history) < 2:  # noqa: PLR2004
        raise BundleError(
            f"no bundle in {out} was in service before: `recfunnel bundles --out {out}` lists what "
            "there is, `recfunnel rollback --to` takes any of them"
        )
    return history[-2]


def _until(history: list[str], version: str) -> list[str]:
    """Return the versions before ``version``; all of them if it is new."""
    return history[: history.index(version)] if version in history else history


def _write(path: Path, lines: list[str]) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text("".join(f"{line}\n" for line in lines))
    fresh.replace(path)
