"""The bundles in a folder: list them, and find one to serve when the current one cannot be.

``current`` names the version in service. ``history`` holds one version a line, the one in service
last.
"""

from dataclasses import dataclass
from math import inf
from pathlib import Path

from app.bundle.manifest import BundleError, Manifest, parse_manifest
from app.bundle.pointer import current_version

BUNDLES_FOLDER = "bundles"
HISTORY = "history"


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
    earlier = [
        line for line in versions_before(lines, current) if (out / BUNDLES_FOLDER / line).is_dir()
    ]
    return [*earlier, current]


def was_in_service(out: Path, version: str | None) -> bool:
    """Return whether a bundle is in service, or was before the one that is."""
    return version is not None and version in service_history(out)


def list_fallbacks(out: Path) -> list[Path]:
    """Return the folders to try when the current bundle cannot be served, the best first.

    First come the versions that were in service, the last one first. Then come all others that the
    gate did not refuse, the newest first: some of them may have been rolled back from.
    """
    current = current_version(out)
    before = [version for version in reversed(service_history(out)) if version != current]
    sound = [bundle for bundle in list_bundles(out) if bundle.manifest and not bundle.is_refused]
    by_version = {bundle.version: bundle.folder for bundle in sound if bundle.version != current}
    order = dict.fromkeys([*before, *by_version])
    return [by_version[version] for version in order if version in by_version]


def versions_before(history: list[str], version: str) -> list[str]:
    """Return the versions before ``version``; all of them if it is new."""
    return history[: history.index(version)] if version in history else history
