"""Reads one file by its format and finds its columns."""

from pathlib import Path

from offline.data.columns import resolve_columns
from offline.data.delimited import load_delimited
from offline.data.errors import DataError
from offline.data.records import load_json_lines, load_parquet
from offline.data.schema import AnyFile, FileSchema
from offline.data.table import TextTable


def load_file(folder: Path, part: AnyFile) -> tuple[TextTable, AnyFile]:
    """Read the file of ``part`` as text; return it with the column of each field.

    Raises:
        DataError: The file is missing or empty, or a required column is missing.
    """
    path = folder / (part.file or "")
    if not path.is_file():
        raise DataError(f"There is no file {path}, which the schema names.")
    return resolve_columns(part, _load_by_suffix(path, part))


def load_optional_file(folder: Path, part: AnyFile) -> tuple[TextTable | None, AnyFile]:
    """Return the same for an optional file; None as the table if there is no file."""
    return (None, part) if part.file is None else load_file(folder, part)


def _load_by_suffix(path: Path, part: FileSchema) -> TextTable:
    match path.suffix.lower():
        case ".parquet":
            return load_parquet(path)
        case ".jsonl" | ".ndjson":
            return load_json_lines(path)
        case _:
            return load_delimited(path, part)
