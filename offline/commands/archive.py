"""``recfunnel archive`` and ``recfunnel erase``: drain the streams; remove a user everywhere."""

import asyncio
import fcntl
import logging
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import redis
from rich.console import Console
from rich.table import Table

from app.contracts import StageError
from app.observe import logs
from app.process.embedded_server import server_url
from app.process.server_process import ServerError
from app.service.erasure_runner import finish_erasures
from app.settings import Settings
from app.state.erasure import delete_user_keys
from app.state.erasure_journal import ErasureJournal
from app.state.private_files import create_private_folder
from app.state.store import Store
from offline.archive.drain import ArchiveRounds, build_drains, require_version
from offline.archive.erased_users import ErasedUsers, purge
from offline.archive.files import StreamFiles, archive_folder
from offline.archive.streams import STREAMS
from offline.commands.folders import require_service_folder
from offline.data.errors import DataError
from offline.store_client import open_client

log = logging.getLogger(__name__)

INTERVAL = 10.0  # seconds between rounds: each writes a file for each stream that grew
READ_TIMEOUT = 10.0  # seconds for one reply of the server
FIRST_PAUSE, MAX_PAUSE = 0.1, 5.0  # seconds before the next attempt after the server failed


class ArchiveInUseError(DataError):
    """Another process works on the archive, usually ``recfunnel archive``."""


def archive(settings: Settings, *, once: bool, every: float = INTERVAL) -> None:
    """Drain the streams into the archive, once or until interrupted.

    Raises:
        DataError: another process works on the archive, or the folder is not of a service.
        ServerError: no server runs.
    """
    logs.configure(settings.log_level)
    require_service_folder(settings)
    if once:
        _print_counts(archive_once(settings))
        return
    with lock_archive(archive_folder(settings.out)):
        _archive_repeatedly(settings, every)


def archive_once(settings: Settings, *, start: bool = True) -> ArchiveRounds:
    """Drain the streams into the archive once; return what was done.

    ``start`` says whether to start the embedded server if it does not run.

    Raises:
        ArchiveInUseError: another process works on the archive.
        ServerError: no server runs.
    """
    with lock_archive(archive_folder(settings.out)), _rounds(settings, start=start) as rounds:
        rounds.run()
        _finish_erasures(settings, rounds.url)
        purge_erased(rounds.client, settings)
        return rounds


@contextmanager
def lock_archive(folder: Path) -> Iterator[None]:
    """Keep other processes from writing to the archive.

    Raises:
        ArchiveInUseError: another process works on it.
    """
    create_private_folder(folder)
    with (folder / "owner.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ArchiveInUseError(
                f"another process works on {folder}: wait for it, or stop it"
            ) from None
        yield


@contextmanager
def _rounds(settings: Settings, *, start: bool = True) -> Iterator[ArchiveRounds]:
    keep = {
        "events": settings.stream_limit,
        "shown": settings.stream_limit,
        "served": settings.served_limit,
    }
    with (
        server_url(settings.redis_url, settings.out, start=start) as url,
        open_client(url) as client,
    ):
        require_version(client.info("server"))
        place = settings.key_prefix, archive_folder(settings.out)
        drains = build_drains(client, *place, keep, settings.archive_retention)
        yield ArchiveRounds(url, client, drains)


def purge_erased(client: redis.Redis, settings: Settings) -> int:
    """Remove the rows of erased users from the archive; return how many rows were removed.

    A list may be shown before an erasure and written after it. Such lists are looked for in all
    files that were written since, and are removed from the streams too.
    """
    folder = archive_folder(settings.out)
    journal = ErasureJournal(settings.state_folder, settings.key_prefix)
    began = time.time()
    recorded = ErasedUsers.read(folder)
    erased = recorded.merged_with(ErasedUsers.read_server(client, settings.key_prefix))
    erased = erased.merged_with(ErasedUsers(journal.erased()))
    if not erased:
        return 0
    since = ErasedUsers.purged_at(folder) if erased == recorded else -math.inf
    removed = 0
    for stream in STREAMS:
        ids = purge(StreamFiles(folder / stream.name, stream), erased, since)
        if ids:
            client.xdel(stream.key(settings.key_prefix), *ids)
        removed += len(ids)
    erased.write(folder)
    journal.mark_archived(began, time.time())
    return removed


def erase(settings: Settings, user: str) -> None:
    """Remove a user from the store, the request log and the archive.

    Raises:
        DataError: an archiver runs, which removes the user from the archive itself; or the
            folder is not of a service.
    """
    require_service_folder(settings)
    with server_url(settings.redis_url, settings.out) as url:
        removed = asyncio.run(_erase_in_store(settings, url, user))
        with open_client(url) as client, lock_archive(archive_folder(settings.out)):
            removed["archive"] = purge_erased(client, settings)
            with suppress(redis.ResponseError):  # the file is being rewritten, or there is none
                client.bgrewriteaof()  # the old file still contains what was deleted
    table = Table("removed", "number")
    for what, n in removed.items():
        table.add_row(what, str(n))
    console = Console()
    console.print(table)
    if not any(removed.values()):
        console.print(
            f"Nothing was stored of {user}: check the id, the folder and key_prefix. The next "
            "training leaves this id out all the same.",
            markup=False,
            soft_wrap=True,
        )


async def _erase_in_store(settings: Settings, url: str, user: str) -> dict[str, int]:
    """Erase a user in the store; return what was removed.

    A service or an archiver may be at work on erasures: it then finishes this one.
    """
    prefix, now = settings.key_prefix, time.time()
    journal = ErasureJournal(settings.state_folder, prefix)
    erasure_id = journal.begin(user, now)
    async with Store.connect(url, timeout=READ_TIMEOUT) as store:
        removed, cutoff = await delete_user_keys(store, prefix, user, now)
        journal.add_removed(erasure_id, removed, cutoff)
        while (receipt := journal.receipt(erasure_id)) and receipt.finished is None:
            await finish_erasures(store, prefix, journal)
            await asyncio.sleep(FIRST_PAUSE)
    return dict(receipt.removed) if receipt else {}


def _finish_erasures(settings: Settings, url: str) -> None:
    """Finish the erasures that a service has begun and did not finish."""

    async def finish() -> None:
        async with Store.connect(url, timeout=READ_TIMEOUT) as store:
            await finish_erasures(store, settings.key_prefix, journal)

    journal = ErasureJournal(settings.state_folder, settings.key_prefix)
    if journal.pending():
        asyncio.run(finish())


def _archive_repeatedly(settings: Settings, interval: float) -> None:
    """Drain every ``interval`` seconds. After a failure of the server, try again."""
    log.info("archiving to %s every %g s", archive_folder(settings.out), interval)
    pause = FIRST_PAUSE
    while True:
        try:
            with _rounds(settings, start=False) as rounds:
                while True:
                    rounds.run()
                    _finish_erasures(settings, rounds.url)
                    # Last: what was read before an erasure may have been written after it.
                    purge_erased(rounds.client, settings)
                    pause = FIRST_PAUSE
                    time.sleep(interval)
        except (StageError, OSError, ServerError) as error:
            log.warning("archiving is interrupted: %s", error)
            time.sleep(pause)
            pause = min(2 * pause, MAX_PAUSE)


def _print_counts(rounds: ArchiveRounds) -> None:
    table = Table("stream", "archived", "repeated", "unreadable", "files")
    for drain in rounds.drains:
        counts = drain.counts
        numbers = (counts.archived, counts.repeated, counts.unreadable, len(drain.files.files()))
        table.add_row(drain.stream.name, *map(str, numbers))
    Console().print(table)
