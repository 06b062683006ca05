"""Categories that a file has in several columns, one for each level: ``category_1`` to ``_3``."""

import re
from collections.abc import Sequence

import polars as pl

from offline.data.schema import ItemsFile
from offline.data.table import TextTable

SEPARATOR = "|"
LEVEL_NAME = re.compile(
    r"(?:main|sub|subsub|primary|secondary|tertiary|parent|child|top|first|second|third|product|item)*"
    r"(?:categor(?:y|ies)|cat|genres?|department|section)"
    r"(?:l|level|lvl|lv)?\d{0,2}(?:name)?"
)


def join_category_levels(
    table: TextTable, part: ItemsFile, free: Sequence[str]
) -> tuple[TextTable, ItemsFile]:
    """Return the table with the categories of all levels in the first column of them.

    The other columns stay, as attributes. Nothing is joined where the schema has a separator.

    Args:
        table: The rows of the file, as text.
        part: The schema of the file, with the column of each field.
        free: The columns that no field takes.
    """
    chosen = part.categories
    if part.category_separator or (chosen and not _is_level(chosen)):
        return table, part
    others = [column for column in free if _is_level(column) and column != chosen]
    levels = [column for column in table.columns if column in {chosen, *others}]
    if len(levels) < 2:  # noqa: PLR2004
        return table, part
    texts = [pl.col(column).str.strip_chars().replace("", None) for column in levels]
    joined = pl.concat_str(texts, separator=SEPARATOR, ignore_nulls=True).replace("", None)
    column = chosen or levels[0]
    text = f"{table.file}: the categories are read from {', '.join(levels)} together."
    table = table.with_column(table.frame.select(joined.alias(column)).to_series())
    return table.with_finding("good", text), part.model_copy(update={"categories": column})


def _is_level(column: str) -> bool:
    return bool(LEVEL_NAME.fullmatch(re.sub(r"[^a-z0-9]", "", column.lower())))
