"""Read numbers by the decimal mark of the schema. Without one, the column decides."""

import re

import polars as pl

from offline.data.column_fields import COLUMN_NAMES
from offline.data.schema import AnyFile, FileSchema
from offline.data.table import TextTable

COMMA, POINT = ",", "."
SPACE = "[ '\u00a0\u202f]"
GROUPED = rf"[+-]?\d{{1,3}}(?:{SPACE}\d{{3}})*(?:[.,]\d{{3}})*(?:[.,]\d+)?"
NUMBER = rf"^\s*(?:{GROUPED}|[+-]?\d+(?:[.,]\d+)?)\s*$"


def with_plain_numbers(table: TextTable, part: AnyFile) -> TextTable:
    """Return the table with plain numbers, if the schema has a decimal mark.

    Columns of ids, texts and times stay as they are, and so do values that are no numbers.
    """
    if part.decimal is None:
        return table
    changed = [_plain(name, part.decimal) for name in _number_columns(table, part)]
    return TextTable(
        table.file, table.frame.with_columns(changed), table.bad, table.lines, table.findings
    )


def _number_columns(table: TextTable, part: FileSchema) -> list[str]:
    """Return the columns that may hold numbers: the value, and those without another use."""
    fields = [field for field in (*COLUMN_NAMES[type(part)], "flags") if field != "value"]
    used = {column for field in fields for column in _columns(getattr(part, field, None))}
    return [name for name in table.columns if name not in used]


def _columns(named: object) -> tuple[object, ...]:
    return tuple(named) if isinstance(named, (tuple, list)) else (named,)


def _plain(name: str, decimal: str) -> pl.Expr:
    column = pl.col(name)
    other = re.escape(POINT if decimal == COMMA else COMMA)
    bare = column.str.replace_all(SPACE, "").str.replace_all(other, "")
    plain = bare.str.replace(decimal, POINT, literal=True)
    return pl.when(column.str.contains(NUMBER)).then(plain).otherwise(column).alias(name)
