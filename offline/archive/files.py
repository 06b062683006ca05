"""The archive's files: ``<stream>/day=YYYY-MM-DD/<first id>_<last id>.parquet``, each whole or not.

A file's name says which entries of the stream it accounts for. What the name of another covers is
left over from a merge that was cut off, and is passed over.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

import polars as pl

from offline.archive.streams import Row, Stream

Id: TypeAlias = tuple[int, int]  # milliseconds, and number within these


def id_of(name: str) -> Id:
    """Read an entry's id."""
    ms, _, number = name.partition("-")
    return int(ms), int(number or 0)


def day_of(name: str) -> str:
    """Give the day, UTC, on which an entry was written."""
    return datetime.fromtimestamp(id_of(name)[0] / 1000, UTC).strftime("%Y-%m-%d")


@dataclass(frozen=True, slots=True)
class Part:
    """One file."""

    path: Path
    first: Id
    last: Id

    @classmethod
    def of(cls, path: Path) -> "Part":
        """Read the name."""
        first, last = path.stem.split("_")
        return cls(path, id_of(first), id_of(last))

    def covers(self, other: "Part") -> bool:
        """Say whether all that is in the other is in this one too."""
        return self is not other and self.first <= other.first and other.last <= self.last


@dataclass(frozen=True, slots=True)
class Shelf:
    """All files of one stream."""

    folder: Path
    stream: Stream

    def parts(self) -> list[Part]:
        """List the files that count, by their ids."""
        found = [Part.of(path) for path in self.folder.glob("day=*/*_*.parquet")]
        found.sort(key=lambda part: (part.first, (-part.last[0], -part.last[1])))
        kept: list[Part] = []
        for part in found:
            if not kept or not kept[-1].covers(part):
                kept.append(part)
        return kept

    def write(self, rows: Sequence[Row], first: str, last: str) -> Path:
        """Write a file that accounts for the entries from ``first`` to ``last`` of one day."""
        folder = self.folder / f"day={day_of(first)}"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{first}_{last}.parquet"
        written(self.stream.frame(rows), path)
        return path

    def read(self, parts: Sequence[Part] | None = None) -> Iterator[pl.DataFrame]:
        """Give the tables of these files, or of all, one after the other."""
        for part in self.parts() if parts is None else parts:
            yield pl.read_parquet(part.path, hive_partitioning=False)

    def merge(self, *, today: str) -> int:
        """Make one file of each day that is over; gives the number of files that are gone."""
        by_day: dict[Path, list[Part]] = {}
        for part in self.parts():
            by_day.setdefault(part.path.parent, []).append(part)
        gone = 0
        for folder, parts in by_day.items():
            if folder.name < f"day={today}" and len(parts) > 1:
                first, last = parts[0].path.stem.split("_")[0], parts[-1].path.stem.split("_")[1]
                written(pl.concat(self.read(parts)), folder / f"{first}_{last}.parquet")
                gone += len(parts)
        return gone + self._sweep()

    def _sweep(self) -> int:
        """Remove what is left over."""
        kept = {part.path for part in self.parts()}
        over = [path for path in self.folder.glob("day=*/*.parquet") if path not in kept]
        for path in [*over, *self.folder.glob("day=*/*.tmp")]:
            path.unlink()
        return 0


def written(table: pl.DataFrame, path: Path) -> None:
    """Write a file whole or not at all, so that it is there after a power cut."""
    temporary = path.with_suffix(".tmp")
    table.write_parquet(temporary, compression="zstd")
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
