"""Item attributes for filters: finds their columns, checks and builds them."""

import re
from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from app.catalogue.attributes import (
    BUILT_IN_NAMES,
    MAX_COLUMNS,
    MAX_NAME_LENGTH,
    MAX_TEXT_BYTES,
    Column,
    ColumnKind,
    NumberColumn,
    TextColumn,
    is_column_name,
)
from app.catalogue.ids import IdIndex
from offline.data.errors import DataError
from offline.data.ids import align_to_index
from offline.data.schema import ItemsFile
from offline.data.table import TextTable

MAX_DISTINCT_TEXTS = 1_000  # different texts of a column that is found without a schema
MAX_DETECTED_BYTES = 64  # longest text of a detected column; longer ones are prose
BOOLEAN_TEXTS = ("true", "false")
COLUMN_FIELDS = ("item", "title", "categories", "released", "available", "flags", "provider")


def resolve_attributes(table: TextTable, part: ItemsFile) -> ItemsFile:
    """Return ``part`` with the kind of each attribute column. Without a list, columns are found.

    Raises:
        DataError: A column of the schema has no valid name for filters, or two have the same name.
    """
    named = part.attributes
    if named is None:
        return part.model_copy(
            update={"attributes": _find_columns(table.frame, unused_columns(table, part))}
        )
    _require_names(table.file, list(named))
    kinds = {column: kind or _kind(table.frame[column]) for column, kind in named.items()}
    return part.model_copy(update={"attributes": kinds})


def unused_columns(table: TextTable, part: ItemsFile) -> list[str]:
    """Return the columns of the items file that nothing uses."""
    used = {getattr(part, name) for name in COLUMN_FIELDS} | set(part.category_flags)
    return [c for c in table.columns if c not in used | set(part.attributes or ())]


def attribute_name(column: str) -> str:
    """Return the name of the attribute of a column: ``Sale Price`` becomes ``Sale_Price``."""
    return re.sub(r"\W+", "_", column.strip()).strip("_")


def attribute_faults(part: ItemsFile) -> Iterator[pl.Expr]:
    """Yield the faults of the attributes of a row; null where there are none."""
    for column, kind in (part.attributes or {}).items():
        text = _text(column)
        is_bad, fault = (
            (_number(column).is_infinite() | (_number(column).is_null() & text.is_not_null()))
            if kind == "number"
            else ((text.str.len_bytes() > MAX_TEXT_BYTES) | text.str.contains("\0", literal=True)),
            "is not a number"
            if kind == "number"
            else f"is over {MAX_TEXT_BYTES} bytes, or has NUL",
        )
        yield pl.when(is_bad).then(pl.lit(f"{column} {fault}"))


def build_item_attributes(
    frame: pl.DataFrame, part: ItemsFile, index: IdIndex
) -> Mapping[str, Column]:
    """Build the columns, in the rows of ``index``."""
    ids, kinds = frame[part.item or ""], part.attributes or {}
    return {
        attribute_name(column): _column(
            align_to_index(ids, _values(frame, column, kind), index), kind
        )
        for column, kind in kinds.items()
    }


def _require_names(file: str, columns: Sequence[str]) -> None:
    names = [attribute_name(column) for column in columns]
    for column, name in zip(columns, names, strict=True):
        if is_column_name(name) and names.count(name) == 1:
            continue
        taken = (
            f"names are single words of at most {MAX_NAME_LENGTH} letters, and "
            f"{', '.join(BUILT_IN_NAMES)} are taken"
        )
        reason = taken if names.count(name) == 1 else "another column has that name"
        raise DataError(
            f"{file}: the attribute of the column {column!r} would be named {name!r}, but "
            f"{reason}; rename the column, or leave it out of attributes."
        )


def _column(of: pl.Series, kind: ColumnKind | None) -> Column:
    if kind == "text":
        return TextColumn.of(of.to_list())
    return NumberColumn(of.cast(pl.Float64).fill_null(float("nan")).to_numpy().copy())


def _values(frame: pl.DataFrame, column: str, kind: ColumnKind | None) -> pl.Series:
    if kind == "number":
        return frame.select(_number(column)).to_series()
    texts = frame.select(_text(column)).to_series()
    lower = texts.str.to_lowercase()
    return lower if lower.drop_nulls().is_in(BOOLEAN_TEXTS).all() else texts


def _find_columns(frame: pl.DataFrame, columns: Sequence[str]) -> dict[str, ColumnKind]:
    """Return the columns of numbers and of few short texts: the first ``MAX_COLUMNS``."""
    kinds: dict[str, ColumnKind] = {}
    names: set[str] = set()
    for column in columns:
        name, texts = attribute_name(column), frame.select(_text(column)).to_series().drop_nulls()
        if name in names or not is_column_name(name) or texts.is_empty():
            continue
        kind = _kind(frame[column])
        longest = int(str(texts.str.len_bytes().max()))
        if kind == "number" or (
            texts.n_unique() <= MAX_DISTINCT_TEXTS and longest <= MAX_DETECTED_BYTES
        ):
            kinds[column] = kind
            names.add(name)
    return dict(list(kinds.items())[:MAX_COLUMNS])


def _kind(of: pl.Series) -> ColumnKind:
    """Return the kind of a column: "number" if all its values are numbers."""
    frame = of.to_frame()
    texts = frame.select(_text(of.name)).to_series()
    numbers = frame.select(_number(of.name)).to_series()
    finite = numbers.is_finite()
    is_number = (finite | numbers.is_nan()).fill_null(value=False) | texts.is_null()
    return "number" if is_number.all() and finite.any() else "text"


def _text(column: str) -> pl.Expr:
    return pl.col(column).str.strip_chars().replace("", None)


def _number(column: str) -> pl.Expr:
    return _text(column).cast(pl.Float64, strict=False)
