"""Reads the categories of items from the texts that files have for them."""

import polars as pl

from offline.data.schema import ItemsFile

CATEGORY_SEPARATORS = ("|", ";", ",")
NO_CATEGORY = "(no genres listed)"  # MovieLens writes this for an item without category


def category_pairs(frame: pl.DataFrame, part: ItemsFile) -> pl.DataFrame:
    """Return every pair (item, category) once."""
    item = pl.col(part.item or "").alias("item")
    flagged = [
        frame.filter(pl.col(name).str.strip_chars() == "1").select(item, category=pl.lit(name))
        for name in part.category_flags
    ]
    listed = []
    if part.categories:
        separator = part.category_separator or _separator(frame[part.categories])
        text = pl.col(part.categories).str.split(separator).alias("category")
        listed = [frame.select(item, text).explode("category")]
    empty = pl.DataFrame(schema={"item": pl.String, "category": pl.String})
    pairs = pl.concat([empty, *listed, *flagged]).with_columns(pl.col("category").str.strip_chars())
    absent = pl.col("category").is_null() | pl.col("category").is_in(["", NO_CATEGORY])
    return pairs.filter(~absent).unique()


def _separator(column: pl.Series) -> str:
    """Return the first common separator that any item uses."""
    used = [s for s in CATEGORY_SEPARATORS if column.str.contains(s, literal=True).any()]
    return used[0] if used else CATEGORY_SEPARATORS[0]
