"""Whether a bundle's files are those that were published."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from app.bundle.manifest import MANIFEST, BundleError, FileRecord, Manifest


def file_sha256(path: Path) -> str:
    """Give the SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files_digest(files: Mapping[str, FileRecord]) -> str:
    """Give the end of the version: a fingerprint of all files."""
    whole = "".join(files[name].sha256 for name in sorted(files))
    return hashlib.sha256(whole.encode()).hexdigest()[:8]


def verify_files(folder: Path, manifest: Manifest) -> None:
    """Check that the folder holds the listed files, each of its size and SHA-256.

    Raises:
        BundleError: a file is absent, differs, or is not listed.
    """
    strays = {path.name for path in folder.iterdir()} - {MANIFEST, *manifest.files}
    if strays:
        raise BundleError(
            f"{folder} holds {min(strays)}, which {MANIFEST} does not list: remove it"
        )
    if not manifest.version.endswith(files_digest(manifest.files)):
        raise BundleError(f"{folder / MANIFEST} lists other files than were published: train again")
    for name, fact in manifest.files.items():
        path = folder / name
        size = path.stat().st_size if path.is_file() else None
        if size is None:
            raise BundleError(f"{path} is missing: restore the bundle or train again")
        if size != fact.bytes or file_sha256(path) != fact.sha256:
            raise BundleError(
                f"{path} is corrupt ({size} bytes, {fact.bytes} expected, or its SHA-256 differs): "
                "restore the bundle or train again"
            )
