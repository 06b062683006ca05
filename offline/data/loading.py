"""Opens one file by its kind and finds its columns."""

from pathlib import Path
from typing import TypeVar

from offline.data.columns import resolve_columns
from offline.data.delimited import load_delimited
from offline.data.errors import DataError
from offline.data.records import load_json_lines, load_parquet
from offline.data.schema import FileSchema
from offline.data.table import TextTable

Part = TypeVar("Part", bound=FileSchema)


def load_file(folder: Path, part: Part) -> tuple[TextTable, Part]:
    """Read the file of ``part`` as text and say which column is which.

    Raises:
        DataError: the file is missing, empty, or lacks a column that is needed.
    """
    path = folder / (part.file or "")
    if not path.is_file():
        raise DataError(f"There is no file {path}, which the schema names.")
    table = _load(path, part)
    return table, resolve_columns(part, table.columns, path.name)


def load_optional_file(folder: Path, part: Part) -> tuple[TextTable | None, Part]:
    """Do the same for a file that a data set can be without; no file is no table."""
    return (None, part) if part.file is None else load_file(folder, part)


def _load(path: Path, part: FileSchema) -> TextTable:
    match path.suffix.lower():
        case ".parquet":
            return load_parquet(path)
        case ".jsonl" | ".ndjson":
            return load_json_lines(path)
        case _:
            return load_delimited(path, part)
