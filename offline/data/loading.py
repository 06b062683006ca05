"""Read one file by its format and find its columns."""

import re
from pathlib import Path

from app.trainings.data_diagnosis import DataFinding
from offline.data.columns import resolve_columns
from offline.data.delimited import load_delimited
from offline.data.errors import DataError
from offline.data.formats.decimals import with_plain_numbers
from offline.data.formats.sources import ZIP_MAGIC, Source, exists, read_sources
from offline.data.formats.spreadsheet import read_sheet
from offline.data.records import PARQUET, load_arrow, load_json, load_parquet, table_of_texts
from offline.data.schema import AnyFile, FileSchema, section_of
from offline.data.table import EmptyFileError, TextTable, concat_tables

ARROW = (b"ARROW1", b"FEA1")
JSON_SUFFIXES = (".jsonl", ".ndjson", ".json")
JSON_START = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:\[\s*)?\{\s*(?:[\"']|\})")
TAR, TAR_AT = b"ustar", 257  # what tar archives have at this byte
FOREIGN = {  # first bytes of files that are no tables
    b"SQLite format 3": "an SQLite database: export the table as CSV",
    b"\x89HDF": "an HDF5 file: write it as Parquet",
    b"%PDF": "a PDF file: export the table as CSV",
    b"\xd0\xcf\x11\xe0": "an old Excel file: save it as .xlsx or CSV",
    b"\x80\x04\x95": "a Python pickle, which is not safe to read: write it as Parquet",
    b"\x80\x05\x95": "a Python pickle, which is not safe to read: write it as Parquet",
    b"Obj\x01": "an Avro file: write it as Parquet",
    b"ORC": "an ORC file: write it as Parquet",
    b"<!DOCTYPE": "a web page: the download was not the data",
    b"<?xml": "an XML file: write it as CSV",
    b"INSERT INTO": "an SQL dump: export the table as CSV",
    b"<html": "a web page: the download was not the data",
    b"version https://git-lfs": "a pointer of Git LFS, not the data: run git lfs pull",
}


def load_file(folder: Path, part: AnyFile) -> tuple[TextTable, AnyFile]:
    """Read the files of ``part`` as one table of text; return it with the column of each field.

    Raises:
        DataError: A file is missing, empty or not readable, or a required column is missing.
    """
    table, resolved = resolve_columns(part, load_rows(folder, part))
    return with_plain_numbers(table, resolved), resolved


def load_optional_file(
    folder: Path, part: AnyFile
) -> tuple[TextTable | None, AnyFile, tuple[DataFinding, ...]]:
    """Return the same for an optional file; None as the table if there is no file, or no rows.

    The findings say which file has no rows.
    """
    if part.file is None:
        return None, part, ()
    try:
        table, resolved = load_file(folder, part)
        if table.lines:
            return table, resolved, ()
    except EmptyFileError:
        pass
    text = f"{', '.join(part.files)} has no rows: the data are read without it."
    return None, part, (DataFinding("limit", text),)


def load_rows(folder: Path, part: FileSchema) -> TextTable:
    """Read the files of ``part`` as one table of text.

    Raises:
        DataError: A file is missing, empty or not readable.
    """
    tables, empty = [], []
    for name in part.files:
        if not exists(folder, name):
            raise DataError(
                f"There is no file {folder / name}, which {section_of(part)} of the schema names."
            )
        for source in read_sources(folder, name):
            try:
                tables.append(_load_source(source, part))
            except EmptyFileError:
                empty.append(source.name)
    if not tables:
        raise EmptyFileError(f"{', '.join(empty) or ', '.join(part.files)} is empty.")
    table = concat_tables(", ".join(part.files), tables)
    if empty:
        return table.with_finding("limit", f"{', '.join(empty)} has no rows and was passed over.")
    return table


def _check_known(name: str, content: bytes) -> None:
    """Raise a DataError for a file that is no table."""
    for magic, what in FOREIGN.items():
        if content.startswith(magic):
            raise DataError(f"{name} is {what}.")
    if content[TAR_AT : TAR_AT + len(TAR)] == TAR:
        raise DataError(f"{name} is a tar archive, which is not read: unpack it.")


def _load_source(source: Source, part: FileSchema) -> TextTable:
    name, content = source.name, source.content
    _check_known(name, content)
    suffix = Path(name).suffix.lower()
    if content.startswith(PARQUET) or suffix == ".parquet":
        return load_parquet(name, content)
    if content.startswith(ARROW):
        return load_arrow(name, content)
    if content.startswith(ZIP_MAGIC) or suffix == ".xlsx":
        rows, unread = read_sheet(name, content)
        table = table_of_texts(name, rows)
        if unread:
            text = f"{name}: only the first sheet is read, not {', '.join(unread)}."
            return table.with_finding("limit", text)
        return table
    if suffix in JSON_SUFFIXES or JSON_START.match(content):
        return load_json(name, content, part)
    return load_delimited(name, content, part)
