"""The command ``recfunnel restore``: bring back what a backup has and a service lacks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import redis
from rich.console import Console

from app.process.embedded_server import server_url
from app.settings import Settings
from app.state.erasure_journal import FILE as JOURNAL_FILE
from app.state.erasure_journal import ErasureJournal
from app.state.private_files import create_private_folder, write_private_file
from app.state.redis_url import public_address
from app.state.shared_exclusions import exclusions_path, merge_exclusions
from app.state.user_store import erased_key_start, exclusions_key, generation_key, lost_key
from offline.archive.files import archive_folder
from offline.backup.erasures import UserFinder, erase_again, erased_since
from offline.backup.files import restore_archive, restore_bundles, restore_pointers
from offline.backup.manifest import BackupError, BackupManifest, verify_backup
from offline.backup.redis_dump import SHARED, STREAMS, USERS, command_path
from offline.backup.redis_load import (
    delete_data,
    find_data,
    mark_lost,
    read_commands,
    require_no_service,
    write_commands,
)
from offline.commands.archive import lock_archive, purge_erased
from offline.commands.backup import REDIS, STATE
from offline.store_client import open_client


@dataclass(frozen=True, slots=True)
class RestoreOptions:
    """The options of the command."""

    source: Path  # the backup
    erasures: Sequence[Path] = ()  # newer backups, or folders with records of erasures
    replace: bool = False  # delete what Redis has first
    accept_loss: bool = False  # nothing was hidden after the backup, or it may be shown


def restore(settings: Settings, options: RestoreOptions) -> None:
    """Restore a backup into a Redis without data, and add the files that are missing.

    Raises:
        ArchiveInUseError: an archiver runs.
        BackupError: the backup is damaged, or of another prefix; a service runs; or there is data.
        ServerError: no server runs.
        StageError: the server cannot be reached.
    """
    manifest = verify_backup(options.source)
    if manifest.key_prefix != settings.key_prefix:
        raise BackupError(
            f"the backup has the prefix {manifest.key_prefix}, the settings have "
            f"{settings.key_prefix}: set RECFUNNEL_KEY_PREFIX={manifest.key_prefix}"
        )
    journals = [_journal_in(folder) for folder in options.erasures]
    with (
        lock_archive(archive_folder(settings.out)),
        server_url(settings.redis_url, settings.out) as url,
        open_client(url) as client,
    ):
        _make_room(client, settings.key_prefix, public_address(url), replace=options.replace)
        mark_lost(client, settings.key_prefix)
        journal = ErasureJournal(settings.state_folder, settings.key_prefix)
        for path in (options.source / STATE / JOURNAL_FILE, *journals):
            journal.add_from(path)
        copied, kept = restore_bundles(options.source, settings.out)
        has_archive = restore_archive(options.source, settings.out)
        erased = _restore_redis(client, url, settings, manifest, options.source)
        _restore_state(client, settings, options.source, url)
        purge_erased(client, settings)
        restore_pointers(options.source, settings.out)
        if options.accept_loss:
            client.delete(lost_key(settings.key_prefix))
    lines = [
        f"Redis has again what it had on {_moment(manifest.began)}: "
        + ", ".join(
            f"{n:,} {name}" for name, n in manifest.counts.items() if "archive" not in name
        ),
        f"Bundles: {copied} copied, {kept} were there. The archive was "
        + ("copied." if has_archive else "not copied: there is one, or the backup has none."),
        f"{erased} users of the backup were erased later, and are erased again.",
    ]
    if not options.accept_loss:
        lines.append(
            f"What users hid or blocked after {_moment(manifest.began)} is not in the backup. "
            "Until `recfunnel accept-loss`, lists leave out all that anybody has hidden."
        )
    Console().print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


def _journal_in(folder: Path) -> Path:
    """Return the file of erasures of a newer backup, or of a folder ``state``."""
    for path in (folder / STATE / JOURNAL_FILE, folder / JOURNAL_FILE, folder):
        if path.is_file():
            return path
    raise BackupError(
        f"{folder} has no {JOURNAL_FILE}: name a newer backup, or the folder that the setting "
        "state names"
    )


def _make_room(client: redis.Redis, prefix: str, address: str, *, replace: bool) -> None:
    """Check that nobody uses the Redis, and that it has no data; delete the data if wanted.

    Raises:
        BackupError: a service uses it, or it has data that is not to be deleted.
    """
    require_no_service(client, prefix, address)
    if replace:
        delete_data(client, prefix)
    elif key := find_data(client, prefix):
        raise BackupError(
            f"Redis at {address} has data, such as {key}: restore into an empty one, or delete all "
            f"keys of the prefix {prefix} first with --replace"
        )


def _restore_redis(
    client: redis.Redis, url: str, settings: Settings, manifest: BackupManifest, source: Path
) -> int:
    """Write the keys; then erase who was erased since. Return how many users that were."""
    prefix = settings.key_prefix
    journal = ErasureJournal(settings.state_folder, prefix)
    times = journal.erased()
    finder = UserFinder(erased_since(times, manifest.began), prefix)
    paths = [command_path(source / REDIS, name) for name in (SHARED, USERS, STREAMS)]
    commands = chain.from_iterable(read_commands(path, prefix) for path in paths)
    write_commands(client, finder.watch(commands))
    start = erased_key_start(prefix)
    write_commands(
        client,
        iter(
            [[b"SET", f"{start}{name}".encode(), repr(at).encode()] for name, at in times.items()]
        ),
    )
    erase_again(url, prefix, journal, finder.users)
    return len(finder.users)


def _restore_state(client: redis.Redis, settings: Settings, source: Path, url: str) -> None:
    """Add the records of deleted items that the folder lacks, and all that anybody has hidden."""
    prefix, folder = settings.key_prefix, settings.state_folder
    create_private_folder(folder)
    for path in sorted((source / STATE).glob("*.json")):
        if not path.name.endswith(".shared.json") and not (folder / path.name).exists():
            write_private_file(folder / path.name, path.read_bytes())
    generation: Any = client.get(generation_key(prefix)) or b""
    members: Any = client.smembers(exclusions_key(prefix))
    own = exclusions_path(folder, prefix, url)
    merge_exclusions(own, generation, members, (source / STATE).glob("*.shared.json"))


def _moment(time: float) -> str:
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M:%S} UTC"
