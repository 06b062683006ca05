"""Files of lists: JSON lines, a user each, or Parquet, an item of a user each.

A file is written beside its place and moved there at the end. So it is whole, or it is not there.
"""

import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TypeAlias

import orjson
import polars as pl

from app.catalogue.attributes import column_kinds
from app.catalogue.catalogue import Catalogue
from offline.batch.batch_lists import UserList
from offline.data.errors import DataError

ColumnType: TypeAlias = pl.DataType | type[pl.DataType]

SCHEMA: Mapping[str, ColumnType] = {
    "user_id": pl.String,
    "position": pl.Int32,
    "item_id": pl.String,
    "title": pl.String,
    "score": pl.Float32,
}
BUNDLE = "bundle"  # the last column
TEXTS = pl.List(pl.String)
BUILT_IN_TYPES: Mapping[str, ColumnType] = {
    "title": pl.String,
    "provider": pl.String,
    "year": pl.Float64,
    "category": TEXTS,
    "flag": TEXTS,
}


def field_types(catalogue: Catalogue, names: Iterable[str]) -> dict[str, ColumnType]:
    """Return the type of the column of each field."""
    kinds = dict(column_kinds(catalogue.attributes))
    of_attributes = {
        name: pl.Float64 if kind == "number" else pl.String for name, kind in kinds.items()
    }
    types = {**of_attributes, **BUILT_IN_TYPES}
    return {name: types[name] for name in names}


def describe_shadowed(names: Iterable[str], attributes: Collection[str]) -> Iterator[str]:
    """Yield a sentence on each field that has the name of an attribute and is not the attribute."""
    for name in names:
        if name in BUILT_IN_TYPES and name in attributes:
            yield (
                f"--fields {name}: this is the {name} of the items, and not the attribute {name}; "
                "rename the attribute to have it in the file"
            )


class ListWriter(Protocol):
    """Takes lists as they are computed."""

    def write(self, lists: Iterable[UserList]) -> None: ...


@contextmanager
def list_writer(path: Path, bundle: str, fields: Mapping[str, ColumnType]) -> Iterator[ListWriter]:
    """Yield a writer of the kind that the name of the file asks for.

    Args:
        path: ends with .jsonl or .parquet, see ``check_path``.
        bundle: the version that made the lists.
        fields: attributes that each item has, and the types of their columns.
    """
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        draft = Path(folder) / path.name
        if path.suffix == ".jsonl":
            with draft.open("wb") as lines:
                yield LineWriter(lines, bundle)
        else:
            parts = Path(folder) / "parts"
            parts.mkdir()
            writer = ParquetWriter(parts, bundle, fields)
            yield writer
            if not writer.n_files:
                writer.write([])
            pl.scan_parquet(parts / "*.parquet").sink_parquet(draft)
        draft.replace(path)


def check_path(path: Path, fields: Iterable[str]) -> None:
    """Check that lists with these fields can be written there.

    Raises:
        DataError: the name has another ending, the folder does not exist, or a field has the name
            of a column of the file.
    """
    if path.suffix not in {".jsonl", ".parquet"}:
        raise DataError(f"{path} is neither .jsonl nor .parquet: give the file one of these names")
    if not path.parent.is_dir():
        raise DataError(f"{path.parent.absolute()} does not exist: create the folder first")
    taken = {*SCHEMA, BUNDLE}.difference(BUILT_IN_TYPES)  # the column title is the field title
    names = sorted(taken.intersection(fields)) if path.suffix == ".parquet" else []
    if names:
        raise DataError(
            f"--fields {names[0]}: a .parquet file has a column {names[0]} of its own; write a "
            ".jsonl file, where fields are apart, or rename the attribute"
        )


@dataclass(frozen=True, slots=True)
class LineWriter:
    """Writes one JSON object a user."""

    lines: BinaryIO
    bundle: str

    def write(self, lists: Iterable[UserList]) -> None:
        """Write the lists of some users."""
        for one in lists:
            line: dict[str, Any] = {"user_id": one.user, BUNDLE: self.bundle, "items": one.items}
            if one.degraded:
                line["degraded"] = one.degraded
            self.lines.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))


@dataclass(slots=True)
class ParquetWriter:
    """Writes one row an item of a user, in files of a folder, in their order."""

    folder: Path
    bundle: str
    fields: Mapping[str, ColumnType]
    n_files: int = 0

    def write(self, lists: Iterable[UserList]) -> None:
        """Write the lists of some users."""
        rows = [
            {"user_id": one.user, "position": position, **item, **item.get("fields", {})}
            for one in lists
            for position, item in enumerate(one.items, 1)
        ]
        columns = {**SCHEMA, **self.fields}
        plain = [{name: row[name] for name in columns} for row in rows]
        frame = pl.DataFrame(plain, schema=columns).with_columns(pl.lit(self.bundle).alias(BUNDLE))
        frame.write_parquet(self.folder / f"{self.n_files:08d}.parquet")
        self.n_files += 1
