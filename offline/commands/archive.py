"""``recfunnel archive``: drains the streams once, or again and again until told to stop."""

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

from app.observe import logs
from app.process.embedded_server import server_url
from app.process.server_process import ServerError
from app.request_log.erasure import erase_log_entries
from app.settings import Settings
from app.state.erasure import erase_user as erase_live
from app.state.store import Store
from offline.archive.drain import drains
from offline.archive.erased_users import ErasedUsers, purge
from offline.archive.files import StreamFiles
from offline.archive.rounds import ArchiveRounds, refuse_old
from offline.archive.streams import STREAMS
from offline.data.errors import DataError

log = logging.getLogger(__name__)

EVERY = 10.0  # seconds between drains: each makes a file of each stream that grew
PATIENCE = 10.0  # seconds for one answer of the server
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0  # seconds before asking again a server that failed


def folder_of(settings: Settings) -> Path:
    """Name the archive's folder."""
    return settings.out / "archive"


def archive(settings: Settings, *, once: bool, every: float = EVERY) -> None:
    """Drain the streams into the archive.

    Raises:
        DataError: another archiver is at work there, or there is no server to ask.
    """
    logs.configure(settings.log_level)
    with alone(folder_of(settings)):
        if once:
            with _rounds(settings) as rounds:
                rounds.run()
                forget(rounds.link, settings)
                _tell(rounds)
        else:
            _follow(settings, every)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep other archivers and rewriters away.

    Raises:
        DataError: one is there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "owner.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataError(f"another process works on {folder}: wait for it, or stop it") from None
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
        redis.Redis.from_url(url) as link,
    ):
        refuse_old(link.info("server"))
        yield ArchiveRounds(link, drains(link, settings.key_prefix, folder_of(settings), keep))


def forget(link: redis.Redis, settings: Settings) -> int:
    """Take erased users out of the archive; gives how many rows were theirs.

    Lists that were shown before and written after are looked for in every file that came since, and
    leave the streams as well.
    """
    folder = folder_of(settings)
    known = ErasedUsers.kept(folder)
    erased = known.joined(ErasedUsers.of_server(link, settings.key_prefix))
    if not erased:
        return 0
    since = ErasedUsers.purged(folder) if erased == known else -math.inf
    removed = 0
    for stream in STREAMS:
        gone = purge(StreamFiles(folder / stream.name, stream), erased, since)
        if gone:
            link.xdel(stream.key(settings.key_prefix), *gone)
        removed += len(gone)
    erased.write(folder)
    return removed


def erase(settings: Settings, user: str) -> None:
    """Forget a user: in the store, in the served log, in the archive.

    Raises:
        DataError: an archiver is at work there: it does its part by itself.
    """
    with server_url(settings.redis_url, settings.out) as url:
        removed = asyncio.run(_erased_live(settings, url, user))
        with redis.Redis.from_url(url) as link, alone(folder_of(settings)):
            removed["archive"] = forget(link, settings)
            with suppress(redis.ResponseError):  # it is being written, or there is none
                link.bgrewriteaof()  # what was deleted still stands in the old one
    table = Table("removed", "number")
    for what, n in removed.items():
        table.add_row(what, str(n))
    Console().print(table)


async def _erased_live(settings: Settings, url: str, user: str) -> dict[str, int]:
    async with Store.connect(url, timeout=PATIENCE) as store:
        removed = dict(await erase_live(store, settings.key_prefix, user, time.time()))
        removed["served"] = await erase_log_entries(store, settings.key_prefix, user)
    return removed


def _follow(settings: Settings, every: float) -> None:
    """Drain every so often; a server that fails is asked again."""
    log.info("archiving to %s every %g s", folder_of(settings), every)
    pause = FIRST_PAUSE
    while True:
        try:
            with _rounds(settings, start=False) as rounds:
                while True:
                    rounds.run()
                    # Last: what was read before it was erased may have been written after.
                    forget(rounds.link, settings)
                    pause = FIRST_PAUSE
                    time.sleep(every)
        except (redis.RedisError, OSError, ServerError) as error:
            log.warning("archiving waits: %s", error)
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)


def _tell(rounds: ArchiveRounds) -> None:
    table = Table("stream", "archived", "repeated", "unreadable", "files")
    for drain in rounds.drains:
        tally = drain.tally
        counts = (tally.archived, tally.repeated, tally.unreadable, len(drain.shelf.parts()))
        table.add_row(drain.stream.name, *map(str, counts))
    Console().print(table)
