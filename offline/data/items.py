"""The items file: checks it and builds the catalogue, with the items of the log."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from app.catalogue.catalogue import Catalogue
from app.catalogue.ids import IdIndex, Texts
from offline.data.category_lists import category_pairs
from offline.data.ids import align_to_index
from offline.data.item_attributes import attribute_faults, build_item_attributes
from offline.data.schema import ItemsFile
from offline.data.table import TextTable, id_fault
from offline.data.timestamps import parse_years

MAX_CATEGORIES = 64
YEAR_IN_TITLE = r"^(.*\S)\s*\((1[89]\d\d|20\d\d)(?:[-\u2013]\d{0,4})?\)\s*$"
NOT_AVAILABLE = ("0", "false", "no", "n", "f", "off")


def check_items(table: TextTable, part: ItemsFile) -> TextTable:
    """Remove rows without a usable id, repeated items, and rows with bad attributes."""
    named = table.reject(id_fault(part.item or "", "item"))
    again = ~pl.col(part.item or "").is_first_distinct()
    once = named.reject(pl.when(again).then(pl.lit("this item is on an earlier line")))
    return once.reject(pl.coalesce(pl.lit(None, pl.String), *attribute_faults(part)))


def build_catalogue(table: TextTable | None, part: ItemsFile, index: IdIndex) -> Catalogue:
    """Build the catalogue of all items of ``index``. What no file contains is unknown."""
    n = len(index)
    if table is None:
        nothing = np.zeros((n, 0), np.uint8)
        available, nobody = np.ones(n, np.bool_), np.full(n, -1, np.int32)
        titles = Texts.of([None] * n)
        return Catalogue(index, titles, nothing, (), _unknown(n), available, nobody, Texts.of([]))
    frame, ids = table.frame, table.frame[part.item or ""]
    described = frame.with_columns(
        _text(part.title).alias("title"),
        _year(part.released).alias("year"),
        _available(part.available).alias("available"),
        _text(part.provider).replace("", None).alias("provider"),
    ).with_columns(
        pl.col("title").str.replace(YEAR_IN_TITLE, "$1"),
        pl.col("year").fill_null(pl.col("title").str.extract(YEAR_IN_TITLE, 2).cast(pl.Float64)),
    )
    flags, names = _categories(frame, part, index)
    policy = ItemsFile(item=part.item, categories=part.flags or "")
    policy_flags, policy_names = _categories(frame, policy, index)
    providers, provider_names = _providers(align_to_index(ids, described["provider"], index))
    return Catalogue(
        index,
        Texts.of(align_to_index(ids, described["title"], index).to_list()),
        flags,
        names,
        align_to_index(ids, described["year"], index)
        .cast(pl.Float32)
        .fill_null(np.nan)
        .to_numpy()
        .copy(),
        align_to_index(ids, described["available"], index).fill_null(value=True).to_numpy().copy(),
        providers,
        provider_names,
        policy_flags,
        policy_names,
        build_item_attributes(frame, part, index),
    )


def _unknown(n: int) -> NDArray[np.float32]:
    return np.full(n, np.nan, np.float32)


def _text(column: str | None) -> pl.Expr:
    return pl.col(column).str.strip_chars() if column else pl.lit(None, pl.String)


def _year(column: str | None) -> pl.Expr:
    return parse_years(column) if column else pl.lit(None, pl.Float64)


def _available(column: str | None) -> pl.Expr:
    if column is None:
        return pl.lit(value=True)
    return ~pl.col(column).str.strip_chars().str.to_lowercase().is_in(NOT_AVAILABLE)


def _providers(of: pl.Series) -> tuple[NDArray[np.int32], Texts]:
    """Return the provider of each item, (n,), -1 for none, and the names in byte order."""
    names = of.drop_nulls().unique().sort()
    codes = of.cast(pl.Enum(names)).to_physical().cast(pl.Int32).fill_null(-1)
    return codes.to_numpy().copy(), Texts.of(names.to_list())


def _categories(
    frame: pl.DataFrame, part: ItemsFile, index: IdIndex
) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """Return 1 per item and category, (n, c), and the names of the most frequent categories."""
    pairs = category_pairs(frame, part)
    counts = pairs.group_by("category").len().sort(["len", "category"], descending=[True, False])
    names = sorted(counts["category"].head(MAX_CATEGORIES).to_list())
    flags = np.zeros((len(index), len(names)), np.uint8)
    kept = pairs.filter(pl.col("category").is_in(names))
    columns = np.searchsorted(np.array(names, np.str_), kept["category"].to_numpy().astype(np.str_))
    flags[index.rows(kept["item"].to_list()), columns] = 1
    return flags, tuple(names)
