"""Drains the streams into the archive: each entry at least once, and once in a file.

The group ``archive`` remembers what was handed out; it is acknowledged once its file is there.
What is handed out again after a death is known by the ids in the names of files.
"""

import itertools
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis

from app.state.archiver_status import GROUP, mark_archiver_in_use
from app.state.stream_consumer import REMEMBERED, RecentIds
from offline.archive.files import IdRanges, StreamFiles, day_of, id_of
from offline.archive.streams import STREAMS, ArchivedStream, ArchiveRow, RawEntry

log = logging.getLogger(__name__)

CONSUMER = "archiver"  # one at a time: the archive's folder is locked
TRIM_AT_ONCE = 1_000  # entries looked at in one step of trimming


@dataclass(slots=True)
class ArchiveCounts:
    """What became of the entries of one stream."""

    archived: int = 0
    repeated: int = 0
    unreadable: int = 0


@dataclass(slots=True, eq=False)
class Drain:
    """One stream's way into its files. Not to be used again after an error of the server."""

    link: redis.Redis
    prefix: str
    stream: ArchivedStream
    shelf: StreamFiles
    keep: int  # entries that the stream keeps for the workers to follow
    tally: ArchiveCounts = field(default_factory=ArchiveCounts)
    _spans: IdRanges = field(init=False)
    _known: RecentIds = field(default_factory=RecentIds, init=False)

    def __post_init__(self) -> None:
        self._spans = IdRanges(self.shelf.parts())
        for row in self.shelf.newest(self.stream.identity, REMEMBERED):
            self._known.add("\n".join(map(str, row)))

    @property
    def key(self) -> str:
        """The stream's key."""
        return self.stream.key(self.prefix)

    def run(self) -> int:
        """Archive all that is there, then trim; gives how many entries were taken."""
        self.tally = ArchiveCounts()
        self._join()
        taken = 0
        for start in ("0", ">"):  # what was handed out to a predecessor that died comes first
            while entries := self._read(start):
                self._keep(entries)
                taken += len(entries)
        self._trim()
        return taken

    def merge(self, today: str) -> None:
        """Make few files of the days that are over."""
        self.shelf.merge(today=today)
        self._spans = IdRanges(self.shelf.parts())

    def _join(self) -> None:
        group = self._group()
        if group is None:
            self.link.xgroup_create(self.key, GROUP, id="0", mkstream=True)
            group = self._group() or {"entries-read": None}
        mark_archiver_in_use(self.link, self.prefix)
        info, read = self.link.xinfo_stream(self.key), group["entries-read"]
        lost = info["entries-added"] - info["length"] - (read or 0)
        if read is not None and lost > 0:
            log.warning(
                "%d entries of %s were trimmed before they were archived: archive more often, or "
                "raise the stream's limit in the settings",
                lost,
                self.key,
            )

    def _group(self) -> dict[str, Any] | None:
        """Ask for our group. A server whose memory is full answers, but takes no new one."""
        if not self.link.exists(self.key):
            return None
        groups: list[dict[str, Any]] = self.link.xinfo_groups(self.key)
        return next((group for group in groups if group["name"] == GROUP.encode()), None)

    def _read(self, start: str) -> list[RawEntry]:
        reply: Any = self.link.xreadgroup(
            GROUP, CONSUMER, {self.key: start}, count=self.stream.at_once
        )
        entries: list[RawEntry] = reply[0][1] if reply else []
        return entries

    def _keep(self, entries: Sequence[RawEntry]) -> None:
        """Write what is new to files, then acknowledge everything."""
        names = [name.decode() for name, _ in entries]
        fields = (said for _, said in entries)
        for day, of_day in itertools.groupby(zip(names, fields, strict=True), key=self._day):
            if day:
                self._write(list(of_day))
            else:
                self.tally.repeated += len(list(of_day))
        self.link.xack(self.key, GROUP, *names)

    def _day(self, entry: tuple[str, Any]) -> str:
        """Give the day of an entry; "" where a file has it: no file reaches across such a one."""
        return "" if self._is_kept(entry[0]) else day_of(entry[0])

    def _write(self, entries: Sequence[tuple[str, Any]]) -> None:
        rows = [row for name, fields in entries if (row := self._row(name, fields))]
        first, last = entries[0][0], entries[-1][0]
        self.shelf.write(rows, first, last)
        self._spans.add(id_of(first), id_of(last))
        self.tally.archived += len(rows)

    def _row(self, name: str, fields: Any) -> ArchiveRow | None:
        row = self.stream.row(name, fields or {})
        if row is None:
            self.tally.unreadable += 1
            return None
        if not self._known.add("\n".join(str(row[part]) for part in self.stream.identity)):
            self.tally.repeated += 1
            return None
        return row

    def _is_kept(self, name: str) -> bool:
        return id_of(name) in self._spans

    def _trim(self) -> None:
        """Let go of what is archived, but for the newest that workers follow."""
        while (surplus := self.link.xlen(self.key) - self.keep) > 0:
            oldest: Any = self.link.xrange(self.key, count=min(surplus, TRIM_AT_ONCE))
            names = [name.decode() for name, _ in oldest]
            safe = list(itertools.takewhile(self._is_kept, names))
            if not safe:
                return
            ms, number = id_of(safe[-1])
            self.link.xtrim(self.key, minid=f"{ms}-{number + 1}", approximate=False)


def drains(link: redis.Redis, prefix: str, folder: Path, keep: dict[str, int]) -> list[Drain]:
    """Make the drains of all streams; ``keep`` says how many entries each stream keeps."""
    return [
        Drain(link, prefix, stream, StreamFiles(folder / stream.name, stream), keep[stream.name])
        for stream in STREAMS
    ]
