"""Read delimited text line by line, so that a bad line does not hide the lines after it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from app.trainings.data_diagnosis import DataFinding
from offline.data.errors import DataError
from offline.data.formats.dialect import (
    FOOTER,
    RULER,
    SAMPLE,
    Dialect,
    find_dialect,
    looks_like_data,
)
from offline.data.formats.encodings import DecodedText, decode
from offline.data.formats.quoted import FIELDS, QUOTES, split_plain, split_quoted
from offline.data.schema import FileSchema, FriendsFile, InteractionsFile, section_of
from offline.data.table import LINE, RAW, EmptyFileError, TextTable, plain_names

RECBOLE_TYPE = re.compile(r":(token|float)(_seq)?$")
REASON = "#reason"
BORDER = r"^\+[-=+]{2,}\+$"  # a line of a printed table
NULL = r"\N"  # how MySQL and Hive write an absent value
MAX_SHOWN = 80  # characters of a line in a message
EXAMPLE_COLUMNS = ("user_id", "item_id", "rating", "timestamp")


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """The rows of a file, split into fields, and what was passed over."""

    file: str
    frame: pl.DataFrame  # LINE, RAW, FIELDS, REASON
    passed_over: tuple[str, ...] = ()  # sentences


def load_delimited(file: str, raw: bytes, part: FileSchema) -> TextTable:
    """Read a delimited file as text. Empty lines are skipped.

    Raises:
        DataError: The file is empty, has no header, or its header names a column twice.
    """
    decoded = decode(raw, part.encoding)
    lines = _number_lines(decoded.text)
    if not len(lines):
        raise EmptyFileError(f"{file} is empty.")
    dialect = find_dialect(lines[RAW].head(SAMPLE).to_list(), part)
    rows = _split(file, lines.slice(dialect.start), dialect, decoded)
    if part.columns is None:
        names, rows = _take_header(rows, dialect, part)
    else:
        names = list(part.columns)
    rows = _fit_width(_without_footer(rows), names)
    table = _build_table(rows, names)
    for finding in _findings(file, part, decoded, dialect, rows.passed_over):
        table = table.with_finding(finding.level, finding.text)
    return table


def read_first_line(raw: bytes, encoding: str) -> str:
    """Return the first line of a file."""
    return decode(raw.split(b"\n", 1)[0], encoding).text.rstrip("\r")


def _number_lines(text: str) -> pl.DataFrame:
    if "\r" in text and "\n" not in text:
        text = text.replace("\r", "\n")  # the line ends of old Macs
    lines = pl.Series(RAW, [text]).str.split("\n").explode().str.strip_suffix("\r")
    numbered = lines.to_frame().with_row_index(LINE, offset=1).cast({LINE: pl.Int64})
    is_border = pl.col(RAW).str.contains(BORDER)
    return numbered.filter((pl.col(RAW).str.strip_chars() != "") & ~is_border)


def _split(file: str, lines: pl.DataFrame, dialect: Dialect, decoded: DecodedText) -> _Rows:
    """Split the lines, and pass over rows of nothing but separators."""
    if dialect.has_comment_header:
        header = pl.col(RAW).str.strip_chars_start("#% ")
        lines = lines.with_columns(
            pl.when(pl.int_range(pl.len()) == 0).then(header).otherwise(RAW).alias(RAW)
        )
    if dialect.is_single:
        swapped = lines.with_columns(_swap_quotes(pl.col(RAW)))
        split = split_quoted(swapped, dialect.separator, trim=dialect.trim).with_columns(
            _swap_quotes(pl.col(RAW)), pl.col(FIELDS).list.eval(_swap_quotes(pl.element()))
        )
    elif dialect.is_quoted and '"' in decoded.text:
        split = split_quoted(lines, dialect.separator, trim=dialect.trim)
    elif dialect.is_blank:
        joined = pl.col(RAW).str.strip_chars().str.replace_all(r"\s+", " ").str.split(" ")
        split = split_plain(lines, " ").with_columns(joined.alias(FIELDS))
    else:
        split = split_plain(lines, dialect.separator, trim=dialect.trim)
    broken = pl.when(pl.col(LINE).is_in(list(decoded.broken))).then(
        pl.lit(f'not {decoded.encoding} text; name the encoding in the schema: encoding = "cp1252"')
    )
    rows = split.select(LINE, RAW, FIELDS, pl.coalesce(broken, QUOTES).alias(REASON))
    if decoded.text.count(dialect.separator * 2) == 0 and not dialect.is_blank:
        return _Rows(file, rows)
    plain = pl.col(RAW).str.replace_all('""', "", literal=True)
    filled = plain.str.contains(rf"[^\s{re.escape(dialect.separator)}]")
    return _pass_over(_Rows(file, rows), ~filled, "{} rows of separators alone were passed over.")


def _swap_quotes(text: pl.Expr) -> pl.Expr:
    """Return the text with double quotes in place of single ones, and the reverse."""
    return text.str.replace_many(["'", '"'], ['"', "'"])


def _pass_over(rows: _Rows, chosen: pl.Expr, sentence: str) -> _Rows:
    kept = rows.frame.filter(~chosen)
    n = len(rows.frame) - len(kept)
    if not n:
        return rows
    return _Rows(rows.file, kept, (*rows.passed_over, sentence.format(n)))


def _take_header(rows: _Rows, dialect: Dialect, part: FileSchema) -> tuple[list[str], _Rows]:
    """Return the names of the columns, "" for one without, and the rows below the header."""
    if not len(rows.frame):
        raise EmptyFileError(f"{rows.file} is empty.")
    first: list[str] = rows.frame[FIELDS][0].to_list()
    raw = str(rows.frame[RAW][0])
    names = plain_names(RECBOLE_TYPE.sub("", name.strip().strip('"').strip()) for name in first)
    if len(names) < 2 and isinstance(part, InteractionsFile | FriendsFile):  # noqa: PLR2004
        if len(rows.frame) == 1:
            raise EmptyFileError(f"{rows.file} has a header but no rows.")
        raise DataError(_one_column_text(rows.file, raw, dialect, part))
    if looks_like_data(first):
        raise DataError(_no_header_text(rows.file, raw, len(first), part))
    named = [name for name in names if name]
    twice = sorted({name for name in named if named.count(name) > 1})
    if twice:
        raise DataError(f"The header of {rows.file} has the column {twice[0]!r} twice; rename one.")
    below = _Rows(rows.file, rows.frame.slice(1), rows.passed_over)
    if len(below.frame) and RULER.fullmatch(str(below.frame[RAW][0])):
        below = _Rows(rows.file, below.frame.slice(1), rows.passed_over)
    again = pl.col(RAW) == raw
    return names, _pass_over(below, again, "{} lines that repeat the header were passed over.")


def _without_footer(rows: _Rows) -> _Rows:
    """Pass over a last line such as ``(1200 rows)``."""
    if len(rows.frame) < 2 or not FOOTER.fullmatch(str(rows.frame[RAW][-1]).strip()):  # noqa: PLR2004
        return rows
    text = str(rows.frame[RAW][-1]).strip()
    sentence = f"the last line, {text!r}, was passed over."
    return _Rows(rows.file, rows.frame.slice(0, len(rows.frame) - 1), (*rows.passed_over, sentence))


def _fit_width(rows: _Rows, names: Sequence[str]) -> _Rows:
    """Cut empty fields after the last column, and row names that have no column."""
    width = len(names)
    n = pl.col(FIELDS).list.len()
    widths = rows.frame.select(n.min().alias("least"), n.max().alias("most")).row(0)
    if not len(rows.frame) or widths == (width, width):
        return rows
    fields = pl.col(FIELDS)
    if widths == (width + 1, width + 1) and _has_row_names(rows.frame):
        cut = rows.frame.with_columns(fields.list.slice(1).alias(FIELDS))
        text = "the first field of each row, which has no name, is the number of the row: not read."
        return _Rows(rows.file, cut, (*rows.passed_over, text))
    beyond = fields.list.slice(width).list.join("").str.strip_chars()
    fitted = pl.when((n > width) & (beyond == "")).then(fields.list.slice(0, width))
    frame = rows.frame.with_columns(fitted.otherwise(fields).alias(FIELDS))
    return _Rows(rows.file, frame, rows.passed_over)


def _has_row_names(frame: pl.DataFrame) -> bool:
    """Return whether the first fields count the rows, as R writes them."""
    first = frame[FIELDS].list.get(0, null_on_oob=True).cast(pl.Int64, strict=False)
    return first.null_count() == 0 and bool((first.diff().drop_nulls() == 1).all())


def _build_table(rows: _Rows, names: Sequence[str]) -> TextTable:
    n = pl.col(FIELDS).list.len()
    width = len(names)
    least = max((at for at, name in enumerate(names, 1) if name), default=0)
    wrong = pl.format(
        f"{{}}: {{}} fields where {width} are expected",
        pl.when(n < least).then(pl.lit("missing field")).otherwise(pl.lit("too many fields")),
        n,
    )
    reason = pl.coalesce(REASON, pl.when((n < least) | (n > width)).then(wrong))
    whole = TextTable.of(rows.file, rows.frame, reason)
    fields = {
        at: pl.col(FIELDS).list.get(at, null_on_oob=True).replace({"": None, NULL: None})
        for at in range(width)
    }
    nameless = [at for at, name in enumerate(names) if not name]
    filled = [at for at in nameless if whole.frame.select(fields[at].is_not_null().any()).item()]
    columns = [fields[at].alias(name) for at, name in enumerate(names) if name]
    frame = whole.frame.select(LINE, RAW, *columns)
    table = TextTable(rows.file, frame, whole.bad, whole.lines)
    if filled:
        listed = ", ".join(str(at + 1) for at in filled)
        text = f"{rows.file}: column {listed} has no name in the header and is not read."
        return table.with_finding("limit", text)
    return table


def _findings(
    file: str,
    part: FileSchema,
    decoded: DecodedText,
    dialect: Dialect,
    passed_over: Sequence[str],
) -> list[DataFinding]:
    findings = [DataFinding("limit", f"{file}: {sentence}") for sentence in passed_over]
    if decoded.is_guess:
        text = (
            f"{file} is not UTF-8 and was read as {decoded.encoding}. If letters look wrong, name "
            f'another encoding in {section_of(part)} of the schema: encoding = "cp1252".'
        )
        findings.append(DataFinding("limit", text))
    if dialect.title:
        text = f"{file}: {dialect.title!r} above the header is not of the table: passed over."
        findings.append(DataFinding("limit", text))
    if dialect.is_single:
        findings.append(DataFinding("good", f"{file}: fields stand between single quotes."))
    if dialect.is_blank:
        text = f"{file}: the columns are separated by blanks."
        findings.append(DataFinding("good", text))
    return findings


def shorten(line: str) -> str:
    """Return a line for a message, abridged."""
    return line if len(line) <= MAX_SHOWN else f"{line[:MAX_SHOWN]}..."


def _one_column_text(file: str, line: str, dialect: Dialect, part: FileSchema) -> str:
    guess = " " if " " in line.strip() else "|"
    return (
        f"{file}: the first line, {shorten(line)!r}, is one column when it is split at "
        f"{dialect.separator!r}. Name the separator in {section_of(part)} of the schema: "
        f'separator = "{guess}".'
    )


def _no_header_text(file: str, line: str, width: int, part: FileSchema) -> str:
    names = [*EXAMPLE_COLUMNS[:width], *(f"column_{n + 1}" for n in range(4, width))]
    listed = ", ".join(f'"{name}"' for name in names)
    return (
        f"{file} has no header: its first line is {shorten(line)!r}. Name the columns, in their "
        f"order, in {section_of(part)} of the schema: columns = [{listed}]."
    )
