"""Reads delimited text line by line, so that a bad line does not hide the lines after it."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from offline.data.errors import DataError
from offline.data.schema import DETECT_ENCODING, FileSchema
from offline.data.table import LINE, RAW, TextTable

SEPARATORS = ("::", "\t", ",", ";", "|")
RECBOLE_TYPE = re.compile(r":(token|float)(_seq)?$")
REASON, FIELDS, QUOTES = "#reason", "#fields", "#quotes"
QUOTED_COLUMNS: dict[str, pl.DataType] = {
    LINE: pl.Int64(),
    RAW: pl.String(),
    FIELDS: pl.List(pl.String()),
    QUOTES: pl.String(),
}


def load_delimited(path: Path, part: FileSchema) -> TextTable:
    """Read a delimited file as text. Empty lines are skipped.

    Raises:
        DataError: The file is empty, or its header names a column twice.
    """
    text, broken = decode(path.read_bytes(), part.encoding)
    lines = _number_lines(text).with_columns(
        pl.when(pl.col(LINE).is_in(broken)).then(pl.lit(f"not {part.encoding} text")).alias(REASON)
    )
    if not len(lines):
        raise DataError(f"{path} is empty.")
    separator = part.separator or find_separator(lines[RAW][0])
    quoted = _is_quoted(part, separator, text)
    rows = _split_quoted(lines, separator) if quoted else _split(lines, separator)
    if part.columns is None:
        columns, rows = _read_header(rows, path), rows.slice(1)
    else:
        columns = list(part.columns)
    return _build_table(path.name, rows, columns)


def decode(raw: bytes, encoding: str) -> tuple[str, list[int]]:
    """Return the text, and the numbers of the lines that are not valid in this encoding."""
    strict = "utf-8-sig" if encoding in {DETECT_ENCODING, "utf-8"} else encoding
    try:
        return raw.decode(strict), []
    except UnicodeDecodeError:
        if encoding == DETECT_ENCODING:
            return raw.decode("latin-1"), []
    lines = enumerate(raw.split(b"\n"), start=1)
    return raw.decode(strict, "replace"), [n for n, line in lines if not _is_valid(line, strict)]


def find_separator(line: str) -> str:
    """Return the most frequent separator of a line; a comma if it has none."""
    most = max(SEPARATORS, key=line.count)
    return most if line.count(most) else ","


def _is_valid(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _number_lines(text: str) -> pl.DataFrame:
    lines = pl.Series(RAW, [text]).str.split("\n").explode().str.strip_suffix("\r")
    numbered = lines.to_frame().with_row_index(LINE, offset=1)
    return numbered.cast({LINE: pl.Int64}).filter(pl.col(RAW) != "")


def _is_quoted(part: FileSchema, separator: str, text: str) -> bool:
    wanted = separator in {",", ";"} if part.quoted is None else part.quoted
    return wanted and '"' in text


def _split(lines: pl.DataFrame, separator: str) -> pl.DataFrame:
    return lines.with_columns(pl.col(RAW).str.split(separator).alias(FIELDS))


def _split_quoted(lines: pl.DataFrame, separator: str) -> pl.DataFrame:
    rows = list(_parse_records(lines[LINE].to_list(), lines[RAW].to_list(), separator))
    split = pl.DataFrame(rows, schema=QUOTED_COLUMNS, orient="row")
    broken = lines.select(LINE, REASON)
    return split.join(broken, on=LINE, how="left", maintain_order="left").with_columns(
        pl.coalesce(REASON, QUOTES).alias(REASON)
    )


def _parse_records(
    numbers: list[int], lines: list[str], separator: str
) -> Iterator[tuple[int, str, list[str], str | None]]:
    """Parse quoted lines. A quote that is never closed makes only its own line bad."""
    at = 0
    while at < len(lines):
        start = at
        reader = csv.reader(
            (f"{lines[i]}\n" for i in range(start, len(lines))), delimiter=separator, strict=True
        )
        try:
            for fields in reader:
                end = start + reader.line_num
                yield numbers[at], "\n".join(lines[at:end]), fields, None
                at = end
        except csv.Error as error:
            yield numbers[at], lines[at], [], f"unbalanced quotes ({error})"
            at += 1


def _read_header(rows: pl.DataFrame, path: Path) -> list[str]:
    names = [RECBOLE_TYPE.sub("", str(name).strip()) for name in rows[FIELDS][0]]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"The header of {path} has the column {twice[0]!r} twice; rename one.")
    return names


def _build_table(file: str, rows: pl.DataFrame, columns: list[str]) -> TextTable:
    n = pl.col(FIELDS).list.len()
    wrong = pl.format(
        f"{{}}: {{}} fields where {len(columns)} are expected",
        pl.when(n < len(columns))
        .then(pl.lit("missing field"))
        .otherwise(pl.lit("too many fields")),
        n,
    )
    reason = pl.coalesce(REASON, pl.when(n != len(columns)).then(wrong))
    whole = TextTable.of(file, rows, reason)
    fields = [
        pl.col(FIELDS).list.get(i, null_on_oob=True).replace("", None).alias(column)
        for i, column in enumerate(columns)
    ]
    return TextTable(file, whole.frame.select(LINE, RAW, *fields), whole.bad, whole.lines)
