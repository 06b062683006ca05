"""Put a bundle into service, a new one or an earlier one.

``current`` names the version in service. ``history`` holds one version a line, the one in service
last. A rollback removes the last line.
"""

from pathlib import Path

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


def point_to(folder: Path) -> None:
    """Put the bundle in ``folder`` into service, atomically."""
    out, version = folder.parent.parent, folder.name
    before = service_history(out)
    _write(out / POINTER, [version])
    _write(out / HISTORY, [*versions_before(before, version), version])


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


def _write(path: Path, lines: list[str]) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text("".join(f"{line}\n" for line in lines))
    fresh.replace(path)
