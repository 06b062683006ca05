"""The archive's files: ``<stream>/day=YYYY-MM-DD/<first id>_<last id>.parquet``, each whole or not.

A file's name says which entries of the stream it accounts for. What the name of another covers is
left over from a merge that was cut off, and is passed over.
"""

import os
from bisect import bisect_right, insort
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any, TypeAlias

import polars as pl

from offline.archive.streams import ArchivedStream, ArchiveRow

Id: TypeAlias = tuple[int, int]  # milliseconds, and number within these

BEYOND: Id = (2**64, 0)  # no entry has it
MERGED = 16_000_000  # bytes, about: the files of a day that is over are merged up to this size


def id_of(name: str) -> Id:
    """Read an entry's id."""
    ms, _, number = name.partition("-")
    return int(ms), int(number or 0)


def day_of(name: str) -> str:
    """Give the day, UTC, on which an entry was written."""
    return datetime.fromtimestamp(id_of(name)[0] / 1000, UTC).strftime("%Y-%m-%d")


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """One file."""

    path: Path
    first: Id
    last: Id

    @classmethod
    def of(cls, path: Path) -> "ArchiveFile":
        """Read the name."""
        first, last = path.stem.split("_")
        return cls(path, id_of(first), id_of(last))

    @property
    def last_id(self) -> str:
        """The id of the newest entry that it accounts for, as the stream says it."""
        return f"{self.last[0]}-{self.last[1]}"

    def covers(self, other: "ArchiveFile") -> bool:
        """Say whether all that is in the other is in this one too."""
        return self is not other and self.first <= other.first and other.last <= self.last


class IdRanges:
    """Which ids are accounted for: ranges, both ends included, that do not overlap."""

    def __init__(self, parts: Iterable[ArchiveFile]) -> None:
        self._spans = sorted((part.first, part.last) for part in parts)

    def __contains__(self, entry: Id) -> bool:
        at = bisect_right(self._spans, (entry, BEYOND)) - 1
        return at >= 0 and entry <= self._spans[at][1]

    def add(self, first: Id, last: Id) -> None:
        """Account for these too."""
        insort(self._spans, (first, last))


@dataclass(frozen=True, slots=True)
class StreamFiles:
    """All files of one stream."""

    folder: Path
    stream: ArchivedStream

    def parts(self) -> list[ArchiveFile]:
        """List the files that count, by their ids."""
        found = [ArchiveFile.of(path) for path in self.folder.glob("day=*/*_*.parquet")]
        found.sort(key=lambda part: (part.first, (-part.last[0], -part.last[1])))
        kept: list[ArchiveFile] = []
        for part in found:
            if not kept or not kept[-1].covers(part):
                kept.append(part)
        return kept

    def write(self, rows: Sequence[ArchiveRow], first: str, last: str) -> Path:
        """Write a file that accounts for the entries from ``first`` to ``last`` of one day."""
        folder = self.folder / f"day={day_of(first)}"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{first}_{last}.parquet"
        written(self.stream.frame(rows), path)
        return path

    def read(self, parts: Sequence[ArchiveFile] | None = None) -> Iterator[pl.DataFrame]:
        """Give the tables of these files, or of all, one after the other.

        What was not kept yet when a file was written is null.
        """
        for part in self.parts() if parts is None else parts:
            yield self._whole(part).collect()

    def newest(self, columns: Sequence[str], limit: int) -> list[tuple[Any, ...]]:
        """Give these columns of the newest rows, at least ``limit`` if there are, oldest first."""
        tables: list[pl.DataFrame] = []
        for part in reversed(self.parts()):
            if sum(map(len, tables)) >= limit:
                break
            wanted = list(columns)
            tables.append(pl.read_parquet(part.path, columns=wanted, hive_partitioning=False))
        return [row for table in reversed(tables) for row in table.iter_rows()]

    def merge(self, *, today: str) -> int:
        """Make few files of each day that is over; gives the number of files that are gone."""
        self._sweep()  # what an earlier one left
        gone = 0
        for parts in self._groups(today):
            first, last = parts[0].path.stem.split("_")[0], parts[-1].path.stem.split("_")[1]
            paths = [part.path for part in parts]
            written(
                pl.concat(map(self._whole, parts)), paths[0].with_name(f"{first}_{last}.parquet")
            )
            for path in paths:
                path.unlink()
            gone += len(parts)
        return gone

    def _whole(self, part: ArchiveFile) -> pl.LazyFrame:
        """Give a file's table with all columns of the stream."""
        kept = pl.scan_parquet(part.path, hive_partitioning=False)
        known, columns = kept.collect_schema(), self.stream.columns
        absent = [pl.lit(None, columns[name]).alias(name) for name in columns if name not in known]
        return kept.with_columns(absent).select(*columns)

    def _groups(self, today: str) -> Iterator[list[ArchiveFile]]:
        """Give the files to merge with one another: of one day, and not too large together."""
        for folder, of_day in groupby(self.parts(), key=lambda part: part.path.parent):
            if folder.name >= f"day={today}":
                continue
            group: list[ArchiveFile] = []
            size = 0
            for part in of_day:
                own = part.path.stat().st_size
                if group and size + own > MERGED:
                    yield from [group] if len(group) > 1 else []
                    group, size = [], 0
                group.append(part)
                size += own
            yield from [group] if len(group) > 1 else []

    def _sweep(self) -> None:
        """Remove what is left over."""
        kept = {part.path for part in self.parts()}
        over = [path for path in self.folder.glob("day=*/*.parquet") if path not in kept]
        for path in [*over, *self.folder.glob("day=*/*.tmp")]:
            path.unlink()


def written(table: pl.DataFrame | pl.LazyFrame, path: Path) -> None:
    """Write a file whole or not at all, so that it is there after a power cut."""
    temporary = path.with_suffix(".tmp")
    table.lazy().sink_parquet(temporary, compression="zstd")
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
