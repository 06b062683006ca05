"""Bring the ids of one file to the form that its owner means, and report damaged ids.

``" 5"`` is ``5``, and ``4.0`` is ``4`` in a column of whole numbers. A spreadsheet that has rounded
ids to ``9.78E+12`` has destroyed them; this can only be reported.
"""

from collections.abc import Iterable

import polars as pl

from offline.data.table import MISSING_IDS, TextTable

BLANKS = " \t\r\n"  # other spaces, such as U+00A0, may belong to an id
WHOLE_FLOAT = r"^-?\d+(\.0+)?$"
ROUNDED = r"(?i)^-?\d(\.\d+)?e\+\d+$"  # as spreadsheets write a long number
EXPONENT = r"^-?\d(\.\d+)?e\d+$"  # as a column of floats writes a long number
MAX_EXACT = 2.0**53  # a larger float is not an exact whole number
QUOTED = r"^=\"(.*)\"$"  # a formula that keeps a spreadsheet from reading a number
APOSTROPHE = r"^'([^']+)$"  # what people type for the same purpose
ROUNDED_SHARE = 0.01  # of the ids, from which it is a fault of the file and not a strange id


def tidy_ids(table: TextTable, columns: Iterable[str | None]) -> TextTable:
    """Return the table with the ids of these columns without blanks and without ``.0``.

    It carries a finding for each change, and for ids that a spreadsheet rounded.
    """
    for column in dict.fromkeys(c for c in columns if c):
        table = _without_formula(table, column)
        table = _strip(table, column)
        table = _without_fractions(table, column)
        table = _report_rounded(table, column)
    return table


def _without_formula(table: TextTable, column: str) -> TextTable:
    """Return the table with ``="007"`` and ``'007`` read as ``007``, if all ids are written so."""
    ids = table.frame[column]
    for pattern in (QUOTED, APOSTROPHE):
        inner = ids.str.strip_chars(BLANKS).str.extract(pattern)
        if inner.null_count() == ids.null_count() < len(ids):
            text = (
                f"{table.file}: the ids of {column} are written for a spreadsheet, such as "
                f"{ids.drop_nulls()[0]}; they are read as {inner.drop_nulls()[0]}."
            )
            return table.with_column(inner).with_finding("good", text)
    return table


def _strip(table: TextTable, column: str) -> TextTable:
    ids = table.frame[column]
    stripped = ids.str.strip_chars(BLANKS)
    changed = (stripped != ids) & (stripped != "")
    count = int(changed.sum())
    if not count:
        return table
    text = (
        f"{table.file}: {count:,} ids of {column} have blanks around them, such as "
        f"{ids.filter(changed)[0]!r}; they are read without the blanks."
    )
    return table.with_column(stripped).with_finding("limit", text)


def _without_fractions(table: TextTable, column: str) -> TextTable:
    ids = table.frame[column]
    unique = ids.drop_nulls().unique()
    unique = unique.filter(~unique.str.to_lowercase().is_in(MISSING_IDS))
    fractions = unique.filter(unique.str.contains(r"\.0+$") | unique.str.contains(EXPONENT))
    if fractions.is_empty():
        return table
    is_whole = unique.str.contains(WHOLE_FLOAT) | unique.str.contains(EXPONENT)
    numbers = unique.cast(pl.Float64, strict=False)
    if not is_whole.all() or not (numbers.abs() < MAX_EXACT).all():
        return table
    exact = numbers.cast(pl.Int64, strict=False)
    if not (exact == numbers).all():
        return table
    plain = unique.str.replace(r"\.0+$", "")
    plain = pl.select(
        pl.when(unique.str.contains(EXPONENT)).then(exact.cast(pl.String)).otherwise(plain)
    ).to_series()
    text = (
        f"{table.file}: the ids of {column} are written as numbers with a fraction, such as "
        f"{fractions.sort()[0]}; they are read as whole numbers without it."
    )
    whole = ids.replace(unique, plain)
    return table.with_column(whole).with_finding("limit", text)


def _report_rounded(table: TextTable, column: str) -> TextTable:
    ids = table.frame[column].drop_nulls()
    rounded = ids.filter(ids.str.contains(ROUNDED))
    if len(rounded) <= ROUNDED_SHARE * len(ids):
        return table
    text = (
        f"{table.file}: {len(rounded):,} ids of {column} were rounded by a spreadsheet, such as "
        f"{rounded[0]}, so that different ids are now equal. Export the file again with this "
        "column as text."
    )
    return table.with_finding("problem", text)
