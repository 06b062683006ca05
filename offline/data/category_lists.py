"""Read the categories of items from the texts that files have for them.

A text is a list with separators, a breadcrumb (``Home > Garden``), or a list as Python, JSON,
Postgres and TMDB write it.
"""

import ast
import csv
import json
import re
import warnings
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import polars as pl

from offline.data.column_content import TRUE_TEXTS
from offline.data.schema import ItemsFile
from offline.data.table import JOINED, TextTable

HASH_TAGS = r"^\s*#[^#]+(#[^#]+)*$"  # #red #wool: if all texts are so
CATEGORY_SEPARATORS = ("|", ";", ",")
BREADCRUMB = re.compile(r"\s*[>\u00bb\u203a\u2192]\s*|\s+/\s+")
SPECIAL = r"^\s*[\[{(]|['\"\x{2018}\x{201c}>\x{bb}\x{203a}\x{2192}]| / "
NO_CATEGORIES = ("", "(no genres listed)", "[]", "{}", "()", "nan", "none", "null", "n/a")
NAME_KEYS = ("name", "title", "label", "category", "genre", "tag", "value", "text")
QUOTES = "'\"\u2018\u2019\u201c\u201d`"
BRACKETS = {"[": "]", "{": "}"}


def category_pairs(frame: pl.DataFrame, part: ItemsFile) -> pl.DataFrame:
    """Return every pair (item, category) once."""
    item = pl.col(part.item or "").alias("item")
    flagged = [
        frame.filter(
            pl.col(name).str.strip_chars().str.to_lowercase().is_in(sorted(TRUE_TEXTS))
        ).select(item, category=pl.lit(name))
        for name in part.category_flags
    ]
    listed = []
    if part.categories:
        joined = f"{JOINED}{part.categories}"
        is_joined = joined in frame.columns
        rows = frame.select(item, pl.col(joined if is_joined else part.categories).alias("text"))
        rows = rows.explode("text") if is_joined else rows
        names = read_categories(rows["text"], part.category_separator)
        listed = [rows.with_columns(names.alias("category")).explode("category")]
        listed = [rows.select("item", "category") for rows in listed]
    empty = pl.DataFrame(schema={"item": pl.String, "category": pl.String})
    pairs = pl.concat([empty, *listed, *flagged]).with_columns(pl.col("category").str.strip_chars())
    absent = pl.col("category").is_null() | pl.col("category").str.to_lowercase().is_in(
        NO_CATEGORIES
    )
    return pairs.filter(~absent).unique()


def read_categories(texts: pl.Series, separator: str | None) -> pl.Series:
    """Return the categories of each text as lists of texts, with repeats.

    Without a ``separator`` it is the first of ``CATEGORY_SEPARATORS`` that a text uses.
    """
    texts = texts.str.replace_all("&gt;", ">", literal=True)
    texts = texts.str.replace_all("&amp;", "&", literal=True)
    unique = texts.drop_nulls().unique().alias("text")
    between = separator or _separator(unique)
    lists = unique.str.split(between)
    if separator is None and len(unique) and unique.str.contains(HASH_TAGS).all():
        lists = unique.str.extract_all(r"#[^#]+").list.eval(pl.element().str.strip_chars("#,;| "))
    is_plain = ~unique.str.contains(SPECIAL)
    read = [
        plain if simple else list(_split(text, between, is_given=separator is not None))
        for text, plain, simple in zip(unique, lists, is_plain, strict=True)
    ]
    table = pl.DataFrame(
        {"text": unique, "names": pl.Series(read, dtype=pl.List(pl.String))},
        schema={"text": pl.String, "names": pl.List(pl.String)},
    )
    frame = texts.alias("text").to_frame()
    return frame.join(table, on="text", how="left", maintain_order="left")["names"]


def join_category_rows(table: TextTable, part: ItemsFile) -> TextTable:
    """Join the rows of one item that differ in the category only: the first has all categories.

    Rows that differ elsewhere stay. An empty field does not differ.
    """
    item, column = part.item or "", part.categories
    frame = table.frame
    if not column or not frame[item].is_duplicated().any():
        return table
    others = [c for c in table.columns if c not in {column, item}]
    first = frame.unique(item, keep="first").select(item, *others)
    whole = frame.join(first, on=item, how="left", suffix=":first", maintain_order="left")
    alike = [pl.col(c).is_null() | pl.col(c).eq_missing(pl.col(f"{c}:first")) for c in others]
    is_alike = whole.select(pl.all_horizontal(pl.lit(value=True), *alike).alias("a"))["a"]
    is_first = frame[item].is_first_distinct()
    texts = frame.filter(is_alike).group_by(item).agg(pl.col(column).alias(f"{JOINED}{column}"))
    kept = frame.filter(is_first | ~is_alike).join(
        texts, on=item, how="left", maintain_order="left"
    )
    joined = replace(table, frame=kept)
    added, differing = len(frame) - len(kept), int((~is_alike).sum())
    if added:
        text = f"{added:,} rows add a category to the item of an earlier row, and are joined to it."
        joined = joined.with_finding("good", f"{table.file}: {text}")
    if differing:
        example = frame.filter(~is_alike)[item][0]
        text = (
            f"{differing:,} rows differ from the first row of their item, such as that of "
            f"{example!r}. The first row counts."
        )
        joined = joined.with_finding("limit", f"{table.file}: {text}")
    return joined


def _separator(column: pl.Series) -> str:
    """Return the first common separator that any item uses."""
    used = [s for s in CATEGORY_SEPARATORS if column.str.contains(s, literal=True).any()]
    return used[0] if used else CATEGORY_SEPARATORS[0]


def _split(text: str, separator: str, *, is_given: bool) -> Iterator[str]:
    """Yield the categories of a text with brackets, quotes or breadcrumbs."""
    text = text.strip()
    pair = _parse_python(text) if text[:1] == "(" else None
    if isinstance(pair, tuple):
        yield from _names(pair)
        return
    if text[:1] in BRACKETS and text.endswith(BRACKETS[text[0]]):
        yield from _split_list(text, separator)
        return
    is_cut = text[:1] in BRACKETS  # the end of the list is missing
    for piece in _quoted_parts(text.lstrip("".join(BRACKETS)) if is_cut else text, separator):
        names = [piece] if is_given else BREADCRUMB.split(piece)
        yield from (name.strip(f"{QUOTES} ") if is_cut else _unquote(name) for name in names)


def _quoted_parts(text: str, separator: str) -> list[str]:
    """Split at separators outside of quotes, if the text consists of quoted parts."""
    for quote in "'\"":
        pattern = rf"\s*{quote}[^{quote}]*{quote}\s*(?:[,;|\s]\s*{quote}[^{quote}]*{quote}\s*)*"
        if re.fullmatch(pattern, text):
            return re.findall(rf"{quote}([^{quote}]*){quote}", text)
    return text.split(separator)


def _split_list(text: str, separator: str) -> Iterator[str]:
    value = _parse_list(text)
    if value is not None:
        yield from _names(value)
        return
    inner = text[1:-1]
    if text[0] == "{":
        separator = ","
    try:
        parts = next(csv.reader([inner], delimiter=separator, skipinitialspace=True), [])
    except csv.Error:  # a line end, or a very long field
        parts = inner.split(separator)
    yield from map(_unquote, parts)


def _parse_list(text: str) -> object:
    """Parse JSON, objects that are joined by a bar, or a Python list; None if it is neither."""
    joined = re.sub(r"\}\s*\|\s*\{", "}, {", text)
    for candidate in (text, f"[{joined}]" if text[0] == "{" else text):
        with suppress(ValueError, RecursionError):
            return _parse_json(candidate)
        value = _parse_python(candidate)
        if value is not None:
            return value
    return None


def _parse_json(text: str) -> object:
    value: object = json.loads(text)
    return value


def _parse_python(text: str) -> object:
    """Parse a Python literal; None if it is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes that Python does not know
            value: object = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return None
    return value


def _names(value: object) -> Iterator[str]:
    """Yield the names in nested lists and objects."""
    if isinstance(value, list | tuple | set | frozenset):
        for each in sorted(value, key=str) if isinstance(value, set | frozenset) else value:
            yield from _names(each)
    elif isinstance(value, dict):
        named = next((value[key] for key in NAME_KEYS if value.get(key)), None)
        yield from _names(list(value.values())[-1:] if named is None else named)
    elif value is not None and not isinstance(value, bool):
        yield from map(str.strip, BREADCRUMB.split(str(value)))


def _unquote(text: str) -> str:
    """Return a text without blanks and without quotes at both ends."""
    text = text.strip()
    is_quoted = len(text) > 1 and text[0] in QUOTES and text[-1] in QUOTES
    return text[1:-1].strip() if is_quoted else text
