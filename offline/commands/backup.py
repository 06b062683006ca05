"""The command ``recfunnel backup``: one folder with all that a service must not lose."""

import fcntl
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from rich.console import Console

from app.process.embedded_server import server_url
from app.settings import SETTINGS_FILE, Settings
from app.state.erasure_journal import FILE as JOURNAL_FILE
from app.state.erasure_journal import ErasureJournal
from app.state.private_files import PRIVATE_FOLDER, create_private_file, create_private_folder
from offline.backup.files import FileCopies
from offline.backup.manifest import FORMAT, BackupError, BackupManifest
from offline.backup.redis_dump import SHARED, STREAMS, USERS, RedisDump, command_path
from offline.commands.folders import require_service_folder
from offline.store_client import open_client

REDIS, STATE = "redis", "state"  # folders of a backup
DRAFT = ".backup-draft-"  # the beginning of the name of a folder that is not whole yet
LOCK = ".lock"  # in a draft; locked while its backup runs


def backup(settings: Settings, to: Path, *, bundles: bool, archive: bool) -> None:
    """Copy Redis, bundles, archive, erasures and settings to a new folder, and print what it has.

    The service goes on meanwhile. The folder gets its name when it is whole.

    Raises:
        BackupError: the folder exists, or cannot be written.
        DataError: the folder ``out`` is not of a service.
        ServerError: no server runs.
        StageError: the server cannot be reached.
    """
    require_service_folder(settings)
    try:
        to = to.resolve()
        if to.exists():
            raise BackupError(f"{to} exists: name a new folder, such as one with the date")
        create_private_folder(to.parent)
        remove_stale_drafts(to.parent)
        with draft_in(to.parent) as draft:
            manifest = _fill(settings, draft, bundles=bundles, archive=archive)
            manifest.write(draft)
            (draft / LOCK).unlink()
            draft.rename(to)
    except OSError as error:
        raise BackupError(f"{to} cannot be written: {error.strerror or error}") from error
    _print(manifest, to)


def remove_stale_drafts(folder: Path) -> None:
    """Remove what killed backups have left. A draft whose lock is held is being written."""
    for lock in folder.glob(f"{DRAFT}*/{LOCK}"):
        with suppress(FileNotFoundError, BlockingIOError), lock.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(lock.parent, ignore_errors=True)


@contextmanager
def draft_in(folder: Path) -> Iterator[Path]:
    """Create a folder with a lock; remove it at the end, on SIGTERM too, if it was not renamed."""
    draft = folder / f"{DRAFT}{os.getpid()}-{time.time_ns()}"
    is_main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + 15)) if is_main else None
    try:
        draft.mkdir(mode=PRIVATE_FOLDER)
        unlocked = draft / f"{LOCK}-new"
        create_private_file(unlocked)
        with unlocked.open("r+b") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            unlocked.rename(draft / LOCK)  # it has this name only while it is locked
            yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)
        if is_main:
            signal.signal(signal.SIGTERM, before)


def _fill(settings: Settings, draft: Path, *, bundles: bool, archive: bool) -> BackupManifest:
    """Copy everything. Redis comes before the archive, into which its entries are moved.

    The erasures come last: a user who is erased meanwhile is not restored.
    """
    began, prefix, copies = time.time(), settings.key_prefix, FileCopies(draft)
    (draft / REDIS).mkdir(mode=PRIVATE_FOLDER)
    with server_url(settings.redis_url, settings.out) as url, open_client(url) as client:
        dump = RedisDump(client, prefix, draft / REDIS)
        dump.run()
    for name in (SHARED, USERS, STREAMS):
        copies.record(command_path(Path(REDIS), name).as_posix())
    counts = dict(dump.counts)
    counts["bundles"] = copies.add_bundles(settings.out) if bundles else 0
    counts["archive files"] = copies.add_archive(settings.out) if archive else 0
    for path in (Path(SETTINGS_FILE), settings.api_keys_file):
        if path and path.is_file():
            copies.add(path, f"settings/{path.name}")
    for path in sorted(settings.state_folder.glob("*.json")):
        copies.add(path, f"{STATE}/{path.name}")
    journal = ErasureJournal(settings.state_folder, prefix)
    if journal.path.exists():
        create_private_folder(draft / STATE)
        journal.copy_to(draft / STATE / JOURNAL_FILE)
        copies.record(f"{STATE}/{JOURNAL_FILE}")
    return BackupManifest(
        FORMAT, version("recfunnel"), prefix, began, time.time(), counts, copies.records
    )


def _print(manifest: BackupManifest, to: Path) -> None:
    size = sum(record.bytes for record in manifest.files.values())
    counts = ", ".join(f"{n:,} {name}" for name, n in manifest.counts.items())
    began = datetime.fromtimestamp(manifest.began, UTC)
    Console().print(
        f"{to} has what was acknowledged before {began:%Y-%m-%d %H:%M:%S} UTC: {counts}; "
        f"{size / 1e6:,.1f} MB in {manifest.ended - manifest.began:.1f} s. It contains data of "
        "users and the hashes of API keys: keep it private.",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
