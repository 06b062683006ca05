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

from app.state.archiver import GROUP, say_in_use
from app.state.follower import RecentIds
from offline.archive.files import Id, Shelf, day_of, id_of
from offline.archive.streams import STREAMS, Raw, Row, Stream

log = logging.getLogger(__name__)

CONSUMER = "archiver"  # one at a time: the archive's folder is locked
TRIM_AT_ONCE = 1_000  # entries looked at in one step of trimming


@dataclass(slots=True)
class Tally:
    """What became of the entries of one stream."""

    archived: int = 0
    repeated: int = 0
    unreadable: int = 0


@dataclass(slots=True, eq=False)
class Drain:
    """One stream's way into its files. Not to be used again after an error of the server."""

    link: redis.Redis
    prefix: str
    stream: Stream
    shelf: Shelf
    keep: int  # entries that the stream keeps for the workers to follow
    tally: Tally = field(default_factory=Tally)
    _spans: list[tuple[Id, Id]] = field(init=False)
    _known: RecentIds = field(default_factory=RecentIds, init=False)

    def __post_init__(self) -> None:
        parts = self.shelf.parts()
        self._spans = [(part.first, part.last) for part in parts]
        for table in self.shelf.read(parts[-2:]):
            for row in table.select(self.stream.identity).iter_rows():
                self._known.is_new("\n".join(map(str, row)))

    @property
    def key(self) -> str:
        """The stream's key."""
        return self.stream.key(self.prefix)

    def run(self) -> int:
        """Archive all that is there, then trim; gives how many entries were taken."""
        self._join()
        taken = 0
        for start in ("0", ">"):  # what was handed out to a predecessor that died comes first
            while entries := self._read(start):
                self._keep(entries)
                taken += len(entries)
        self._trim()
        return taken

    def _join(self) -> None:
        try:
            self.link.xgroup_create(self.key, GROUP, id="0", mkstream=True)
        except redis.ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise
        say_in_use(self.link, self.prefix)
        info, groups = self.link.xinfo_stream(self.key), self.link.xinfo_groups(self.key)
        read = next(g["entries-read"] for g in groups if g["name"] == GROUP.encode())
        lost = info["entries-added"] - info["length"] - (read or 0)
        if read is not None and lost > 0:
            log.warning(
                "%d entries of %s were trimmed before they were archived: archive more often, or "
                "raise the stream's limit in the settings",
                lost,
                self.key,
            )

    def _read(self, start: str) -> list[Raw]:
        reply: Any = self.link.xreadgroup(
            GROUP, CONSUMER, {self.key: start}, count=self.stream.at_once
        )
        entries: list[Raw] = reply[0][1] if reply else []
        return entries

    def _keep(self, entries: Sequence[Raw]) -> None:
        """Write what is new to files, then acknowledge everything."""
        names = [name.decode() for name, _ in entries]
        told = [(n, f) for n, (_, f) in zip(names, entries, strict=True) if not self._is_kept(n)]
        for _, of_day in itertools.groupby(told, key=lambda entry: day_of(entry[0])):
            day = list(of_day)
            rows = [row for name, fields in day if (row := self._row(name, fields))]
            self.shelf.write(rows, day[0][0], day[-1][0])
            self._spans.append((id_of(day[0][0]), id_of(day[-1][0])))
            self.tally.archived += len(rows)
        self.tally.repeated += len(entries) - len(told)
        self.link.xack(self.key, GROUP, *names)

    def _row(self, name: str, fields: Any) -> Row | None:
        row = self.stream.row(name, fields or {})
        if row is None:
            self.tally.unreadable += 1
            return None
        if not self._known.is_new("\n".join(str(row[part]) for part in self.stream.identity)):
            self.tally.repeated += 1
            return None
        return row

    def _is_kept(self, name: str) -> bool:
        entry = id_of(name)
        return any(first <= entry <= last for first, last in reversed(self._spans))

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
        Drain(link, prefix, stream, Shelf(folder / stream.name, stream), keep[stream.name])
        for stream in STREAMS
    ]
