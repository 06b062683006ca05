"""The archive's files: ``<stream>/day=YYYY-MM-DD/<first id>_<last id>.parquet``.

A file is written whole or not at all. Its name says which entries of the stream it covers. A file
whose range lies within that of another one is left over from an interrupted merge; it is ignored.
"""

import logging
import os
import shutil
from bisect import bisect_right, insort
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import polars as pl

from app.state.private_files import create_private_file
from app.state.streams import EntryId, parse_id
from offline.archive.streams import ArchivedStream, ArchiveRow
from offline.data.errors import DataError

log = logging.getLogger(__name__)

ABOVE_ALL_IDS: EntryId = (2**64, 0)
MAX_MERGED_SIZE = 16_000_000  # bytes, about; files of past days are merged up to this size


def day_of(name: str) -> str:
    """Return the day, UTC, on which an entry was written."""
    return datetime.fromtimestamp(parse_id(name)[0] / 1000, UTC).strftime("%Y-%m-%d")


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """One file of the archive."""

    path: Path
    first: EntryId
    last: EntryId

    @classmethod
    def from_path(cls, path: Path) -> "ArchiveFile":
        first, last = path.stem.split("_")
        return cls(path, parse_id(first), parse_id(last))

    @property
    def last_id(self) -> str:
        """The id of the newest entry that it covers, as text."""
        return f"{self.last[0]}-{self.last[1]}"

    def covers(self, other: "ArchiveFile") -> bool:
        """Return whether this file also covers everything that the other one covers."""
        return self is not other and self.first <= other.first and other.last <= self.last


def archive_folder(out: Path) -> Path:
    """Return the archive's folder, beside the bundles."""
    return out / "archive"


class IdRanges:
    """The ids that files cover: ranges that do not overlap, both ends included."""

    def __init__(self, files: Iterable[ArchiveFile]) -> None:
        self._ranges = sorted((file.first, file.last) for file in files)

    def __contains__(self, entry: EntryId) -> bool:
        at = bisect_right(self._ranges, (entry, ABOVE_ALL_IDS)) - 1
        return at >= 0 and entry <= self._ranges[at][1]

    def add(self, first: EntryId, last: EntryId) -> None:
        insort(self._ranges, (first, last))


@dataclass(frozen=True, slots=True)
class StreamFiles:
    """All archive files of one stream."""

    folder: Path
    stream: ArchivedStream

    def files(self) -> list[ArchiveFile]:
        """Return the files to read, in the order of their ids."""
        paths = self.folder.glob("day=*/*_*.parquet")
        files = sorted(
            map(ArchiveFile.from_path, paths),
            key=lambda file: (file.first, (-file.last[0], -file.last[1])),
        )
        result: list[ArchiveFile] = []
        for file in files:
            if not result or not result[-1].covers(file):
                result.append(file)
        return result

    def write(self, rows: Sequence[ArchiveRow], first: str, last: str) -> Path:
        """Write a file that covers the entries from ``first`` to ``last`` of one day."""
        folder = self.folder / f"day={day_of(first)}"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{first}_{last}.parquet"
        write_parquet(self.stream.frame(rows), path)
        return path

    def read(self, files: Sequence[ArchiveFile] | None = None) -> Iterator[pl.DataFrame]:
        """Yield the tables of these files, or of all, one by one.

        Columns that are newer than a file are null in its table.
        """
        for file in self.files() if files is None else files:
            yield self._table(file).collect()

    def newest(self, columns: Sequence[str], limit: int) -> list[tuple[Any, ...]]:
        """Return these columns of at least the newest ``limit`` rows, oldest first."""
        tables: list[pl.DataFrame] = []
        for file in reversed(self.files()):
            if sum(map(len, tables)) >= limit:
                break
            tables.append(self._table(file).select(*columns).collect())
        return [row for table in reversed(tables) for row in table.iter_rows()]

    def merge(self, *, today: str, max_size: int = MAX_MERGED_SIZE) -> int:
        """Merge the files of each day before ``today``; return how many were merged.

        A merged file has at most ``max_size`` bytes, about.
        """
        self._remove_leftovers()
        merged = 0
        for files in self._groups(today, max_size):
            first, last = files[0].path.stem.split("_")[0], files[-1].path.stem.split("_")[1]
            path = files[0].path.with_name(f"{first}_{last}.parquet")
            write_parquet(pl.concat(map(self._table, files)), path)
            for file in files:
                file.path.unlink()
            merged += len(files)
        return merged

    def _table(self, file: ArchiveFile) -> pl.LazyFrame:
        """Return a file's table with all columns of the stream, in their types.

        A file of 0 bytes has no rows. A column without any value can have another type in its file.

        Raises:
            DataError: the file is damaged.
        """
        columns = self.stream.columns
        if not file.path.stat().st_size:
            log.warning("%s has 0 bytes and is read as a file without rows", file.path)
            return self.stream.frame([]).lazy()
        table = pl.scan_parquet(file.path, hive_partitioning=False)
        try:
            schema = table.collect_schema()
        except pl.exceptions.PolarsError as error:
            raise DataError(
                f"{file.path} cannot be read ({error}): restore it from a backup, or move it out "
                "of the archive to go on without its entries"
            ) from error
        return table.select(
            pl.col(name).cast(kind) if name in schema else pl.lit(None, kind).alias(name)
            for name, kind in columns.items()
        )

    def remove_before(self, day: str) -> int:
        """Remove the files of the days before ``day``; return how many there were."""
        removed = 0
        for folder in self.folder.glob("day=*"):
            if folder.name < f"day={day}":
                removed += len(list(folder.glob("*.parquet")))
                shutil.rmtree(folder)
        return removed

    def _groups(self, today: str, max_size: int) -> Iterator[list[ArchiveFile]]:
        """Yield the files to merge with one another: of one day, and not too large together."""
        for folder, of_day in groupby(self.files(), key=lambda file: file.path.parent):
            if folder.name >= f"day={today}":
                continue
            group: list[ArchiveFile] = []
            size = 0
            for file in of_day:
                own = file.path.stat().st_size
                if group and size + own > max_size:
                    yield from [group] if len(group) > 1 else []
                    group, size = [], 0
                group.append(file)
                size += own
            yield from [group] if len(group) > 1 else []

    def _remove_leftovers(self) -> None:
        """Remove what an interrupted merge or write left behind."""
        current = {file.path for file in self.files()}
        ignored = [path for path in self.folder.glob("day=*/*.parquet") if path not in current]
        for path in [*ignored, *self.folder.glob("day=*/*.tmp")]:
            path.unlink()


def write_parquet(table: pl.DataFrame | pl.LazyFrame, path: Path) -> None:
    """Write a file whole or not at all; it survives a power cut.

    Raises:
        OSError: it cannot be written, for example because the disk is full.
    """
    temporary = path.with_suffix(".tmp")
    try:
        create_private_file(temporary)
        table.lazy().sink_parquet(temporary, compression="zstd")
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except (OSError, pl.exceptions.ComputeError) as error:
        temporary.unlink(missing_ok=True)
        raise OSError(
            f"{path} cannot be written: {error}. Free space on its disk; Redis keeps the entries "
            "until then"
        ) from error
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
