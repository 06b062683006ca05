"""Drain the streams into the archive. Each entry is read at least once, and is in one file.

The server delivers entries to the consumer group ``archive``. An entry is acknowledged once its
file is written. After a crash the server delivers it again; it is then recognised by the ranges of
ids in the names of the files.
"""

import itertools
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import redis

from app.state.archiver_status import GROUP, mark_archiver_in_use
from app.state.recent_keys import MAX_REMEMBERED, RecentKeys
from app.state.streams import count_unread, next_id, parse_id
from offline.archive.files import IdRanges, StreamFiles, day_of
from offline.archive.streams import STREAMS, ArchivedStream, ArchiveRow, RawEntry
from offline.data.errors import DataError

log = logging.getLogger(__name__)

CONSUMER = "archiver"  # one at a time: the archive's folder is locked
DAY = 86_400  # seconds
TRIM_BATCH = 1_000  # entries that one step of trimming reads
MIN_REDIS_VERSION = 7  # major: from it on, the server counts the entries that a group has read


@dataclass(slots=True)
class ArchiveCounts:
    """The numbers of archived, repeated and unreadable entries of one stream."""

    archived: int = 0
    repeated: int = 0
    unreadable: int = 0


@dataclass(slots=True, eq=False)
class Drain:
    """Moves one stream into its files. Must not be used again after an error of the server."""

    client: redis.Redis
    prefix: str
    stream: ArchivedStream
    files: StreamFiles
    keep: int  # entries that the stream keeps for the workers
    days: int = 0  # that entries are kept, in the archive and in the stream; 0: for ever
    counts: ArchiveCounts = field(default_factory=ArchiveCounts)
    _archived: IdRanges = field(init=False)
    _recent: RecentKeys = field(default_factory=RecentKeys, init=False)

    def __post_init__(self) -> None:
        self._archived = IdRanges(self.files.files())
        for row in self.files.newest(self.stream.identity, MAX_REMEMBERED):
            self._recent.add("\n".join(map(str, row)))

    @property
    def key(self) -> str:
        return self.stream.key(self.prefix)

    def run(self) -> int:
        """Archive everything in the stream, then trim it; return how many entries were read."""
        self.counts = ArchiveCounts()
        self._join_group()
        total = 0
        for start in ("0", ">"):  # first what a predecessor that crashed did not acknowledge
            while entries := self._read(start):
                self._archive(entries)
                total += len(entries)
        self.trim()
        return total

    def merge(self, today: str) -> None:
        self.files.merge(today=today)
        self._archived = IdRanges(self.files.files())

    def remove_old(self, now: float) -> int:
        """Remove days that are kept no longer; return how many files there were.

        The stream is trimmed first. Its entries of these days are in the archive by then.
        """
        if not self.days:
            return 0
        day = day_of(f"{int((now - self.days * DAY) * 1000)}-0")
        start = datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC)
        self.client.xtrim(self.key, minid=int(start.timestamp() * 1000), approximate=False)
        removed = self.files.remove_before(day)
        self._archived = IdRanges(self.files.files())
        return removed

    def _join_group(self) -> None:
        group = self._group()
        if group is None:
            self.client.xgroup_create(self.key, GROUP, id="0", mkstream=True)
            group = self._group() or {"entries-read": None}
        mark_archiver_in_use(self.client, self.prefix)
        info, read = self.client.xinfo_stream(self.key), group["entries-read"]
        if read is None:
            return
        _, lost = count_unread(info["entries-added"], info["length"], read)
        if lost:
            log.warning(
                "%d entries of %s were trimmed before they were archived: archive more often, or "
                "raise the stream's limit in the settings",
                lost,
                self.key,
            )

    def _group(self) -> dict[str, Any] | None:
        """Return the state of our group; None if there is none. Works with a full memory too."""
        if not self.client.exists(self.key):
            return None
        groups: list[dict[str, Any]] = self.client.xinfo_groups(self.key)
        return next((group for group in groups if group["name"] == GROUP.encode()), None)

    def _read(self, start: str) -> list[RawEntry]:
        reply: Any = self.client.xreadgroup(
            GROUP, CONSUMER, {self.key: start}, count=self.stream.max_read
        )
        return reply[0][1] if reply else []

    def _archive(self, entries: Sequence[RawEntry]) -> None:
        """Write new entries to files, then acknowledge all entries."""
        names = [name.decode() for name, _ in entries]
        contents = (fields for _, fields in entries)
        for day, of_day in itertools.groupby(zip(names, contents, strict=True), key=self._day):
            if day:
                self._write(list(of_day))
            else:
                self.counts.repeated += len(list(of_day))
        self.client.xack(self.key, GROUP, *names)

    def _day(self, entry: tuple[str, Any]) -> str:
        """Return the day of an entry; "" if a file has it. No new file may span such an entry."""
        return "" if self._is_archived(entry[0]) else day_of(entry[0])

    def _write(self, entries: Sequence[tuple[str, Any]]) -> None:
        rows = [row for name, fields in entries if (row := self._row(name, fields))]
        first, last = entries[0][0], entries[-1][0]
        self.files.write(rows, first, last)
        self._archived.add(parse_id(first), parse_id(last))
        self.counts.archived += len(rows)

    def _row(self, name: str, fields: Any) -> ArchiveRow | None:
        row = self.stream.decode(name, fields or {})
        if row is None:
            self.counts.unreadable += 1
            return None
        if not self._recent.add("\n".join(str(row[part]) for part in self.stream.identity)):
            self.counts.repeated += 1
            return None
        return row

    def _is_archived(self, name: str) -> bool:
        return parse_id(name) in self._archived

    def trim(self) -> None:
        """Remove archived entries from the stream, except the newest, which the workers need."""
        while (surplus := self.client.xlen(self.key) - self.keep) > 0:
            oldest: Any = self.client.xrange(self.key, count=min(surplus, TRIM_BATCH))
            names = [name.decode() for name, _ in oldest]
            safe = list(itertools.takewhile(self._is_archived, names))
            if not safe:
                return
            self.client.xtrim(self.key, minid=next_id(safe[-1]), approximate=False)


def build_drains(
    client: redis.Redis,
    prefix: str,
    folder: Path,
    keep: Mapping[str, int],
    days: Mapping[str, int],
) -> list[Drain]:
    """Return the drains of all streams.

    By name of the stream, ``keep`` is how many entries it keeps, and ``days`` for how long the
    archive and the stream keep an entry, 0 for ever.
    """
    return [
        Drain(
            client,
            prefix,
            stream,
            StreamFiles(folder / stream.name, stream),
            keep[stream.name],
            days[stream.name],
        )
        for stream in STREAMS
    ]


log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class ArchiveRounds:
    """Runs the drains round after round, with what they remember, until the server fails."""

    url: str  # of the server
    client: redis.Redis
    drains: list[Drain]
    _merged: dict[str, str] = field(default_factory=dict, init=False)  # stream: day of its merge

    def run(self) -> None:
        """Drain all streams; then merge files once a day. A failed merge is tried again."""
        for drain in self.drains:
            if drain.run():
                log.info("archived %d of %s", drain.counts.archived, drain.stream.name)
        today = datetime.now(UTC).strftime("%Y-%m-%d")
        for drain in self.drains:
            if self._merged.get(drain.stream.name) != today:
                self._merge(drain, today)

    def _merge(self, drain: Drain, today: str) -> None:
        try:
            if removed := drain.remove_old(time.time()):
                log.info("removed %d old files of %s", removed, drain.stream.name)
            drain.merge(today)
        except (OSError, DataError, pl.exceptions.PolarsError) as error:
            log.warning("the files of %s cannot be merged now: %s", drain.stream.name, error)
        else:
            self._merged[drain.stream.name] = today


def require_version(server: Mapping[str, Any]) -> None:
    """Check that the server can tell how many entries were lost.

    Args:
        server: the reply of ``INFO server``.

    Raises:
        DataError: the server is too old.
    """
    version = str(server["redis_version"])
    if int(version.split(".", maxsplit=1)[0]) < MIN_REDIS_VERSION:
        raise DataError(
            f"Redis {version} is too old for the archive: use Redis {MIN_REDIS_VERSION}.0 or "
            "newer, or Valkey"
        )
