"""Split lines with quoted fields. Only lines with a quote are parsed one by one."""

import csv
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import polars as pl

from offline.data.table import LINE, RAW

if TYPE_CHECKING:
    from _csv import Reader

FIELDS, QUOTES = "#fields", "#quotes"
ESCAPE = '\\"'
COLUMNS: dict[str, pl.DataType] = {
    LINE: pl.Int64(),
    RAW: pl.String(),
    FIELDS: pl.List(pl.String()),
    QUOTES: pl.String(),
}


def split_quoted(lines: pl.DataFrame, separator: str, *, trim: bool = False) -> pl.DataFrame:
    """Split numbered lines into COLUMNS. A quoted field may go on over several lines.

    A quote that is never closed makes only its own line bad: QUOTES holds the reason.

    Args:
        lines: LINE and RAW, in the order of the file.
        separator: One character.
        trim: Whether blanks after a separator do not count.
    """
    if not trim and (lines[RAW].str.count_matches('"', literal=True) % 2 == 0).all():
        is_simple = lines[RAW].str.contains(_simple_pattern(separator))  # no field has two lines
        simple = _split_simple(lines.filter(is_simple), separator)
        return pl.concat([simple, _split_others(lines.filter(~is_simple), separator)]).sort(LINE)
    return _split_others(lines, separator, trim=trim)


def _simple_pattern(separator: str) -> str:
    """Return the pattern of a line whose fields are all quoted, without a quote in a field."""
    field = r'"[^"\\]*"'
    return rf"^{field}(?:{re.escape(separator)}{field})*$"


def _split_simple(lines: pl.DataFrame, separator: str) -> pl.DataFrame:
    bare = pl.col(RAW).str.strip_prefix('"').str.strip_suffix('"')
    fields = bare.str.split(f'"{separator}"')
    return lines.select(LINE, RAW, fields.alias(FIELDS), pl.lit(None, pl.String).alias(QUOTES))


def _split_others(lines: pl.DataFrame, separator: str, *, trim: bool = False) -> pl.DataFrame:
    """Parse the lines with a quote one by one, and split the others."""
    has_quote = lines[RAW].str.contains('"', literal=True)
    records = list(_parse(lines[RAW].to_list(), has_quote.to_list(), separator, trim=trim))
    if not records:
        return split_plain(lines, separator, trim=trim)
    starts, ends, texts, fields, faults = zip(*records, strict=True)
    covered = pl.Series([at for s, e in zip(starts, ends, strict=True) for at in range(s, e)])
    plain = lines.with_row_index("#at").filter(~pl.col("#at").is_in(covered.implode()))
    parsed = pl.DataFrame(
        {
            LINE: lines[LINE].gather(list(starts)),
            RAW: pl.Series(texts, dtype=pl.String),
            FIELDS: pl.Series(fields, dtype=COLUMNS[FIELDS]),
            QUOTES: pl.Series(faults, dtype=pl.String),
        }
    )
    return pl.concat([split_plain(plain, separator, trim=trim), parsed]).sort(LINE)


def split_plain(lines: pl.DataFrame, separator: str, *, trim: bool = False) -> pl.DataFrame:
    """Split numbered lines without quotes into COLUMNS."""
    fields = pl.col(RAW).str.split(separator)
    if trim:
        fields = fields.list.eval(pl.element().str.strip_chars_start(" "))
    return lines.select(LINE, RAW, fields.alias(FIELDS), pl.lit(None, pl.String).alias(QUOTES))


def _parse(
    lines: list[str], has_quote: list[bool], separator: str, *, trim: bool
) -> Iterator[tuple[int, int, str, list[str], str | None]]:
    """Yield the records that begin in a line with a quote: start, end, text, fields, fault."""
    at = 0
    while at < len(lines):
        if not has_quote[at]:
            at += 1
            continue
        if ESCAPE in lines[at]:
            end, fields, fault = _parse_escaped(lines, at, separator, trim=trim)
            yield at, end, "\n".join(lines[at:end]), fields, fault
            at = end
            continue
        start, fault = at, None
        reader = _reader(lines, range(start, len(lines)), separator, trim=trim)
        try:
            for fields in reader:
                end = start + reader.line_num
                yield at, end, "\n".join(lines[at:end]), fields, None
                at = end
                if at < len(lines) and (not has_quote[at] or ESCAPE in lines[at]):
                    break
        except csv.Error as error:
            end, fields, fault = at + 1, [], f"unbalanced quotes ({error})"
            if any(ESCAPE in line for line in lines[at : start + reader.line_num]):
                end, fields, fault = _parse_escaped(lines, at, separator, trim=trim)
            yield at, end, "\n".join(lines[at:end]), fields, fault
            at = end


def _parse_escaped(
    lines: list[str], at: int, separator: str, *, trim: bool
) -> tuple[int, list[str], str | None]:
    r"""Parse a record with ``\"``: a quote in a field, or a backslash at the end of one."""
    fault = ""
    attempts: tuple[tuple[int, str | None], ...] = ((at + 1, None), (len(lines), "\\"))
    for stop, escape in attempts:
        reader = _reader(lines, range(at, stop), separator, escape, trim=trim)
        try:
            fields = next(reader)
        except (csv.Error, StopIteration) as error:
            fault = f"unbalanced quotes ({error})"
        else:
            return at + reader.line_num, fields, None
    return at + 1, [], fault


def _reader(
    lines: list[str], rows: range, separator: str, escape: str | None = None, *, trim: bool
) -> "Reader":
    texts = (f"{lines[at]}\n" for at in rows)
    return csv.reader(
        texts, delimiter=separator, strict=True, skipinitialspace=trim, escapechar=escape
    )
