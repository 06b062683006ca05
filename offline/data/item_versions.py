"""Rows of one item that are versions of it: the newest one counts."""

from dataclasses import replace

import polars as pl

from offline.data.column_names import split_name
from offline.data.date_columns import parse_either_reading
from offline.data.numbers import parse_numbers
from offline.data.schema import ItemsFile
from offline.data.table import TextTable

CHANGE_WORDS = frozenset(("updated", "modified", "changed", "version", "revision", "update"))

ORDER = "#order"  # the column of the times of change, while rows are compared


def keep_newest_versions(table: TextTable, part: ItemsFile) -> TextTable:
    """Return the table with the newest row of each item, if a column says when rows were changed.

    Rows of the same time stay, in their order. The table has a finding about the other rows.
    """
    item = part.item or ""
    if not table.frame[item].is_duplicated().any():
        return table
    for column in table.columns:
        if not CHANGE_WORDS & set(split_name(column)):
            continue
        of = table.frame[column]
        numbers = parse_numbers(of)
        order = numbers if numbers.count() == of.count() else parse_either_reading(of)
        if order.null_count():
            continue
        frame = table.frame.with_columns(order.alias(ORDER))
        kept = frame.filter(pl.col(ORDER) == pl.col(ORDER).max().over(item)).drop(ORDER)
        older = len(table.frame) - len(kept)
        if older:
            text = f"{older:,} rows are older versions of their item by {column}, and do not count."
            return replace(table, frame=kept).with_finding("good", f"{table.file}: {text}")
    return table
