"""The items file: checks it and builds the catalogue, with the items of the log."""

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from app.catalogue.catalogue import MAX_DESCRIPTION_LENGTH, MAX_TITLE_LENGTH, Catalogue
from app.catalogue.ids import IdIndex, Texts
from app.catalogue.tag_lists import MAX_TAG_BYTES, TagLists, cut_tag, mark_tags
from offline.data.availability import availability_findings, combine_availability
from offline.data.category_lists import category_pairs, join_category_rows
from offline.data.date_columns import parse_years
from offline.data.ids import align_to_index
from offline.data.item_attributes import (
    attribute_faults,
    attribute_findings,
    build_item_attributes,
    unused_columns,
)
from offline.data.item_versions import keep_newest_versions
from offline.data.numbers import is_missing
from offline.data.schema import ItemsFile
from offline.data.table import TextTable, id_fault

MAX_CATEGORIES = 64  # the frequent ones, from which models learn; filters know every category
YEAR_IN_TITLE = r"^(.*\S)\s*\((1[89]\d\d|20\d\d)(?:[-\u2013]\d{0,4})?\)\s*$"
YEARS = (-10_000.0, 10_000.0)  # the years that ``PUT /items/{id}`` accepts


def check_items(table: TextTable, part: ItemsFile, named: ItemsFile) -> TextTable:
    """Remove rows without a usable id, repeated items, and rows with bad attributes.

    Args:
        table: The rows of the file, as text.
        part: The schema of the file, with the column of each field.
        named: The schema as the user wrote it. The number columns that it names are strict.
    """
    identified = keep_newest_versions(table.reject(id_fault(part.item or "", "item")), part)
    again = ~pl.col(part.item or "").is_first_distinct()
    once = join_category_rows(identified, part).reject(
        pl.when(again).then(pl.lit("this item is on an earlier line"))
    )
    strict = [c for c, kind in (named.attributes or {}).items() if kind == "number"]
    sound = once.reject(pl.coalesce(pl.lit(None, pl.String), *attribute_faults(part, strict)))
    unused = [] if part.columns else unused_columns(sound, part)
    if unused:
        text = (
            f"{table.file}: columns that nothing uses: {', '.join(unused)}. To filter by them, "
            "name them in attributes = [...] in [items] of the schema."
        )
        sound = sound.with_finding("limit", text)
    for text in (
        *_length_findings(sound, part),
        *_year_findings(sound, part),
        *attribute_findings(sound, part),
    ):
        sound = sound.with_finding("limit", text)
    return availability_findings(sound, part)


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
        _title(part.title).alias("title"),
        _year(part.released).alias("year"),
        combine_availability(frame, part).alias("available"),
        _text(part.provider).replace("", None).alias("provider"),
    ).with_columns(
        pl.col("title").str.replace(YEAR_IN_TITLE, "$1"),
        pl.col("year").fill_null(pl.col("title").str.extract(YEAR_IN_TITLE, 2).cast(pl.Float64)),
    )
    categories = _tags(frame, part, index)
    policy = ItemsFile(item=part.item, categories=part.flags or "")
    makers = align_to_index(ids, described["provider"], index).to_list()
    providers, provider_names = build_providers(makers)
    return Catalogue(
        index,
        Texts.of(align_to_index(ids, described["title"], index).to_list()),
        *frequent_categories(categories),
        align_to_index(ids, described["year"], index)
        .cast(pl.Float32)
        .fill_null(np.nan)
        .to_numpy()
        .copy(),
        align_to_index(ids, described["available"], index).fill_null(value=True).to_numpy().copy(),
        providers,
        provider_names,
        _tags(frame, policy, index),
        build_item_attributes(frame, part, index),
        categories,
        _descriptions(frame, part, index),
    )


def _length_findings(table: TextTable, part: ItemsFile) -> Iterator[str]:
    """Yield how many titles and descriptions are cut."""
    limits = [(c, MAX_TITLE_LENGTH) for c in (part.title,) if c]
    limits += [(c, MAX_DESCRIPTION_LENGTH) for c in part.description or ()]
    for column, limit in limits:
        count = int((table.frame[column].str.len_chars() > limit).sum())
        if count:
            text = f"{count:,} texts of {column} are longer than {limit:,} characters and are cut."
            yield f"{table.file}: {text}"


def _year_findings(table: TextTable, part: ItemsFile) -> Iterator[str]:
    """Yield how many texts of the release dates are none."""
    column = part.released
    if not column:
        return
    of = table.frame[column]
    years = table.frame.select(_year(column).alias("year"))["year"]
    is_odd = years.is_null() & of.is_not_null() & ~of.str.strip_chars().is_in(("", "0"))
    is_odd &= ~table.frame.select(is_missing(pl.col(column))).to_series()
    if is_odd.any():
        yield (
            f"{table.file}: {int(is_odd.sum()):,} texts of {column} are no dates, such as "
            f"{of.filter(is_odd)[0]!r}, and count as unknown."
        )


def _unknown(n: int) -> NDArray[np.float32]:
    return np.full(n, np.nan, np.float32)


def _text(column: str | None) -> pl.Expr:
    return pl.col(column).str.strip_chars() if column else pl.lit(None, pl.String)


def _title(column: str | None) -> pl.Expr:
    return _text(column).str.slice(0, MAX_TITLE_LENGTH)


def _year(column: str | None) -> pl.Expr:
    """Return the years of a column. A small number is a year; 0 is no year, so it is unknown."""
    if column is None:
        return pl.lit(None, pl.Float64)
    number = pl.col(column).str.strip_chars().cast(pl.Float64, strict=False)
    year = pl.when(number != 0).then(number)
    return pl.when(number.is_between(*YEARS)).then(year).otherwise(parse_years(column))


def _descriptions(frame: pl.DataFrame, part: ItemsFile, index: IdIndex) -> Texts | None:
    """Return the prose of each item, cut to the limit of the HTTP API; None without a column."""
    if not part.description:
        return None
    joined = pl.concat_str(
        [_text(c).fill_null("") for c in part.description], separator=" "
    ).str.slice(0, MAX_DESCRIPTION_LENGTH)
    texts = frame.select(joined.alias("text")).to_series()
    return Texts.of(align_to_index(frame[part.item or ""], texts, index).to_list())


def build_providers(names_by_row: Sequence[str | None]) -> tuple[NDArray[np.int32], Texts]:
    """Return the provider of each item, (n,), -1 for none, and the names in byte order."""
    of = pl.Series("provider", names_by_row, pl.String)
    names = of.drop_nulls().unique().sort()
    codes = of.cast(pl.Enum(names)).to_physical().cast(pl.Int32).fill_null(-1)
    return codes.to_numpy().copy(), Texts.of(names.to_list())


def _tags(frame: pl.DataFrame, part: ItemsFile, index: IdIndex) -> TagLists:
    """Return every category of each item of ``index``."""
    pairs = _cut_names(category_pairs(frame, part))
    every = pairs["category"].unique().sort()  # in byte order, as in ``IdIndex``
    codes = pairs["category"].cast(pl.Enum(every)).to_physical().to_numpy()
    names = IdIndex.of(every.to_list())
    return TagLists.of_pairs(index.rows(pairs["item"].to_list()), codes, names, len(index))


def frequent_categories(lists: TagLists) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """Return 1 per item and category, (n, c), and the names of the most frequent categories."""
    counts = np.bincount(lists.codes, minlength=len(lists.names))
    kept = np.sort(np.argsort(-counts, kind="stable")[:MAX_CATEGORIES])
    return mark_tags(lists, kept.tolist()), tuple(lists.names.names(kept))


def _cut_names(pairs: pl.DataFrame) -> pl.DataFrame:
    """Cut the names that are too long to be stored."""
    name = pl.col("category")
    is_unfit = (name.str.len_bytes() > MAX_TAG_BYTES) | name.str.contains("\0", literal=True)
    if not pairs.select(is_unfit.any()).item():
        return pairs
    cut = name.map_elements(cut_tag, pl.String)
    whole = pairs.with_columns(pl.when(is_unfit).then(cut).otherwise(name))
    return whole.filter(name != "").unique()
