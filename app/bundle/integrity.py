"""Checks that the files of a bundle are those that were published."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from app.bundle.manifest import MANIFEST, BundleError, FileRecord, Manifest


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files_digest(files: Mapping[str, FileRecord]) -> str:
    """Return a fingerprint of all files. A version ends with it."""
    text = "".join(files[name].sha256 for name in sorted(files))
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def verify_files(folder: Path, manifest: Manifest) -> None:
    """Check that the folder holds exactly the listed files, each with its size and SHA-256.

    Raises:
        BundleError: A file is missing, differs, or is not listed.
    """
    unlisted = {path.name for path in folder.iterdir()} - {MANIFEST, *manifest.files}
    if unlisted:
        raise BundleError(
            f"{folder} holds {min(unlisted)}, which {MANIFEST} does not list: remove it"
        )
    if not manifest.version.endswith(files_digest(manifest.files)):
        raise BundleError(f"{folder / MANIFEST} lists other files than were published: train again")
    for name, record in manifest.files.items():
        path = folder / name
        size = path.stat().st_size if path.is_file() else None
        if size is None:
            raise BundleError(f"{path} is missing: restore the bundle or train again")
        if size != record.bytes or file_sha256(path) != record.sha256:
            raise BundleError(
                f"{path} is corrupt ({size} bytes, {record.bytes} expected, or its SHA-256 "
                "differs): restore the bundle or train again"
            )
