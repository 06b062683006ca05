"""Opens one file by its kind and finds its columns."""

from pathlib import Path
from typing import TypeVar

from offline.data.columns import complete
from offline.data.delimited import load_delimited
from offline.data.errors import DataError
from offline.data.records import load_json_lines, load_parquet
from offline.data.schema import FileSchema
from offline.data.table import Table

Part = TypeVar("Part", bound=FileSchema)


def load(folder: Path, part: Part) -> tuple[Table, Part]:
    """Read the file of ``part`` as text and say which column is which.

    Raises:
        DataError: the file is missing, empty, or lacks a column that is needed.
    """
    path = folder / (part.file or "")
    if not path.is_file():
        raise DataError(f"There is no file {path}, which the schema names.")
    table = _load(path, part)
    return table, complete(part, table.columns, path.name)


def load_if_named(folder: Path, part: Part) -> tuple[Table | None, Part]:
    """Do the same for a file that a data set can be without; no file is no table."""
    return (None, part) if part.file is None else load(folder, part)


def _load(path: Path, part: FileSchema) -> Table:
    match path.suffix.lower():
        case ".parquet":
            return load_parquet(path)
        case ".jsonl" | ".ndjson":
            return load_json_lines(path)
        case _:
            return load_delimited(path, part)
