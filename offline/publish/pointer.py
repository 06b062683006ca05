"""Which bundle is in service and which were before: ``current`` and ``history`` beside ``bundles``.

``history`` holds a version a line, the one in service last. Going back takes the last line off.
"""

from pathlib import Path

from app.bundle.integrity import verify_files
from app.bundle.manifest import POINTER, BundleError, read_manifest
from offline.publish.versions import BUNDLES_FOLDER, list_bundles

HISTORY = "history"


def point_to(folder: Path) -> None:
    """Make ``folder`` the current bundle, atomically."""
    out, version = folder.parent.parent, folder.name
    before = service_history(out)
    _write(out / POINTER, [version])
    _write(out / HISTORY, [*_until(before, version), version])


def current_version(out: Path) -> str | None:
    """Name the version that ``current`` points to, whether or not it is there."""
    try:
        return (out / POINTER).read_text().strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def service_history(out: Path) -> list[str]:
    """Name the versions that were in service, in order, the current one last.

    Those that were removed since are left out. Without a ``history``, from before there was one,
    it is every bundle made before the current one. ``current`` is believed where the two disagree:
    it is written first, and may have been written by hand.
    """
    now = current_version(out)
    if now is None:
        return []
    try:
        lines = (out / HISTORY).read_text().split()
    except (OSError, UnicodeDecodeError):
        known = [one for one in reversed(list_bundles(out)) if one.manifest]
        lines = [one.version for one in known if not one.is_refused]
    earlier = [line for line in _until(lines, now) if (out / BUNDLES_FOLDER / line).is_dir()]
    return [*earlier, now]


def rollback(out: Path, to: str | None = None) -> Path:
    """Put the bundle that was in service before, or the one named ``to``, into service again.

    It is checked first, and nothing changes unless it is sound. Gives its folder.

    Raises:
        BundleError: there is none, or it must not be served.
    """
    now = current_version(out)
    folder = out / BUNDLES_FOLDER / (to or _before(out))
    if folder.name == now:
        raise BundleError(f"{now} is in service already: there is nothing to do")
    if folder.name not in {one.version for one in list_bundles(out)}:
        raise BundleError(
            f"there is no bundle {to} in {out}: `recfunnel bundles --out {out}` lists them"
        )
    try:
        verify_files(folder, read_manifest(folder))
    except BundleError as error:
        raise BundleError(
            f"{error}. {now or 'Nothing'} stays in service; choose another with --to, "
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
    """Keep what came before ``version``; all of it where that is new."""
    return history[: history.index(version)] if version in history else history


def _write(path: Path, lines: list[str]) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text("".join(f"{line}\n" for line in lines))
    fresh.replace(path)
