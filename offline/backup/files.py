"""Copy the files of a service into a backup, and from there what a service lacks.

Nothing is overwritten: bundles, archive and records that are there are as new as a backup, or
newer.
"""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from app.bundle.manifest import MANIFEST, FileRecord
from app.bundle.pointer import POINTER
from app.bundle.stored_bundles import BUNDLES_FOLDER, HISTORY
from app.state.private_files import create_private_file, create_private_folder
from offline.archive.files import archive_folder

CHUNK = 2**20  # bytes
PASSES = 5  # over the archive: an archiver that merges files meanwhile removes some
POINTERS = (POINTER, HISTORY)  # small files of ``out``, which are restored last of all
REPORTS = ("report.html", "report.json")
DRAFT_PREFIX = ".restore-"


@dataclass(slots=True, eq=False)
class FileCopies:
    """Copies files into a backup, and keeps their sizes and digests."""

    backup: Path
    records: dict[str, FileRecord] = field(default_factory=dict, init=False)

    def add(self, source: Path, name: str) -> None:
        """Copy a file to ``name`` below the backup.

        Raises:
            FileNotFoundError: it has vanished.
        """
        target = self.backup / name
        digest, size = hashlib.sha256(), 0
        with source.open("rb") as readable:
            create_private_folder(target.parent)
            create_private_file(target)
            with target.open("wb") as writable:
                while data := readable.read(CHUNK):
                    writable.write(data)
                    digest.update(data)
                    size += len(data)
                writable.flush()
                os.fsync(writable.fileno())
        self.records[name] = FileRecord(bytes=size, sha256=digest.hexdigest())

    def record(self, name: str) -> None:
        """Record a file that was written below the backup."""
        path = self.backup / name
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        self.records[name] = FileRecord(bytes=path.stat().st_size, sha256=digest)

    def add_bundles(self, out: Path) -> int:
        """Copy the bundles and what names them; return how many bundles were copied.

        The pointer is read first: the bundle that it names is not removed meanwhile.
        """
        for name in (*POINTERS, *REPORTS):
            if (out / name).is_file():
                self.add(out / name, f"out/{name}")
        root = out / BUNDLES_FOLDER
        folders = sorted(root.iterdir()) if root.is_dir() else []
        return sum(map(self._add_bundle, folders))

    def _add_bundle(self, folder: Path) -> bool:
        if folder.name.startswith(".") or not (folder / MANIFEST).is_file():
            return False
        stem = f"out/{BUNDLES_FOLDER}/{folder.name}"
        try:
            for path in sorted(folder.iterdir()):
                self.add(path, f"{stem}/{path.name}")
        except FileNotFoundError:  # a training removes old bundles
            shutil.rmtree(self.backup / stem, ignore_errors=True)
            self.records = {k: v for k, v in self.records.items() if not k.startswith(f"{stem}/")}
            return False
        return True

    def add_archive(self, out: Path) -> int:
        """Copy the files of the archive; return how many."""
        folder, copied = archive_folder(out), set[str]()
        for _ in range(PASSES):
            names = set(_archive_names(folder)) - copied
            if not names:
                break
            for name in sorted(names):
                with suppress(FileNotFoundError):  # merged into a file of the next pass
                    self.add(folder / name, f"out/archive/{name}")
                    copied.add(name)
        return len(copied)


def _archive_names(folder: Path) -> Iterator[str]:
    paths = folder.rglob("*") if folder.is_dir() else ()
    for path in paths:
        if (
            path.is_file()
            and not path.name.startswith(".")
            and path.suffix in {".parquet", ".json"}
        ):
            yield path.relative_to(folder).as_posix()


def restore_bundles(backup: Path, out: Path) -> tuple[int, int]:
    """Copy the bundles that ``out`` lacks; return how many were copied, and how many were there."""
    copied = kept = 0
    root = backup / "out" / BUNDLES_FOLDER
    for folder in sorted(root.iterdir()) if root.is_dir() else ():
        target = out / BUNDLES_FOLDER / folder.name
        if target.exists():
            kept += 1
            continue
        _copy_folder(folder, target)
        copied += 1
    return copied, kept


def restore_archive(backup: Path, out: Path) -> bool:
    """Copy the archive if ``out`` has none; return whether it was copied."""
    source, target = backup / "out" / "archive", archive_folder(out)
    if not source.is_dir() or any(_archive_names(target)):
        return False
    create_private_folder(target)
    for path in sorted(source.iterdir()):
        if path.is_dir():
            shutil.rmtree(target / path.name, ignore_errors=True)  # it has no file
            _copy_folder(path, target / path.name)
        else:
            shutil.copyfile(path, target / path.name)
            (target / path.name).chmod(0o600)
    return True


def restore_pointers(backup: Path, out: Path) -> bool:
    """Copy ``current`` and what belongs to it if ``out`` has none; return whether it was copied."""
    if (out / POINTER).exists():
        return False
    for name in (*REPORTS, *reversed(POINTERS)):
        if (backup / "out" / name).is_file():
            draft = out / f"{DRAFT_PREFIX}{name}"
            shutil.copyfile(backup / "out" / name, draft)
            draft.replace(out / name)
    return (out / POINTER).exists()


def _copy_folder(source: Path, target: Path) -> None:
    """Copy a folder whole or not at all."""
    create_private_folder(target.parent)
    draft = target.with_name(f"{DRAFT_PREFIX}{target.name}")
    shutil.rmtree(draft, ignore_errors=True)
    shutil.copytree(source, draft)
    draft.rename(target)
