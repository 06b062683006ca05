"""Record the bundles in service, now and before, in the files ``current`` and ``history``.

``history`` holds one version a line, the one in service last. A rollback removes the last line.
"""

from pathlib import Path

from app.bundle.integrity import verify_files
from app.bundle.manifest import POINTER, BundleError, read_manifest
from offline.publish.versions import BUNDLES_FOLDER, list_bundles

HISTORY = "history"


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
