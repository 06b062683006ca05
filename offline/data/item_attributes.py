"""Item attributes for filters: finds their columns, checks and builds them."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

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
from offline.data.availability import find_availability
from offline.data.column_content import LONG_TEXT, is_flag, is_prose
from offline.data.column_names import (
    AVAILABLE,
    DESCRIPTION,
    DESCRIPTION_ENDINGS,
    MONEY_ENDINGS,
    ends_in,
    normalise_name,
    split_name,
)
from offline.data.date_columns import parse_either_reading
from offline.data.errors import DataError
from offline.data.ids import align_to_index
from offline.data.numbers import is_missing, parse_numbers
from offline.data.schema import ItemsFile, quote_text
from offline.data.table import TextTable

MAX_DISTINCT_TEXTS = 1_000  # different texts of a column that is found without a schema
MAX_DETECTED_BYTES = 64  # longest text of a detected column; longer ones are prose
BOOLEAN_TEXTS = ("true", "false")
COLUMN_FIELDS = ("item", "title", "categories", "released", "flags", "provider")
LIST_FIELDS = ("available", "description", "category_flags")
SHORT_TEXT = 15.0  # mean characters of a column that its name calls a description
SEVERAL_MARKS = 3  # columns of 0 and 1 that may be categories
NEARLY_ALL = 0.9  # a column is of numbers if this share of its texts is
SHOWN_TEXTS = 5  # texts in a finding
END_WORDS = frozenset(("end", "ends", "until", "expiry", "expires", "expiration", "expire"))
VECTOR = (
    r"^\[\s*[-\d.eE+naN]+\s*(,\s*[-\d.eE+naN]+\s*)+\]$"  # a list of numbers is no text to compare
)


def resolve_attributes(table: TextTable, part: ItemsFile) -> ItemsFile:
    """Return ``part`` with the kind of each attribute column. Without a list, columns are found.

    The columns of availability and of prose are found first, if the schema does not name them.

    Raises:
        DataError: A column of the schema has no valid name for filters, or two have the same name.
    """
    part = _find_lists(table, part)
    named = part.attributes
    if named is None:
        return part.model_copy(
            update={"attributes": _find_columns(table.frame, _free_columns(table, part))}
        )
    _require_names(table.file, list(named))
    kinds = {column: kind or _kind(table.frame[column]) for column, kind in named.items()}
    return part.model_copy(update={"attributes": kinds})


def unused_columns(table: TextTable, part: ItemsFile) -> list[str]:
    """Return the columns of the items file that nothing uses."""
    used = {getattr(part, name) for name in COLUMN_FIELDS} | set(part.attributes or ())
    used |= {column for name in LIST_FIELDS for column in getattr(part, name) or ()}
    return [c for c in table.columns if c not in used]


def attribute_findings(table: TextTable, part: ItemsFile) -> Iterator[str]:
    """Yield sentences about texts that are no numbers, and flags that may be categories."""
    flags = [c for c, kind in (part.attributes or {}).items() if _is_mark(table.frame[c], kind)]
    if len(flags) >= SEVERAL_MARKS and not part.categories and not part.category_flags:
        listed = ", ".join(map(quote_text, flags))
        yield (
            f"{table.file}: {len(flags)} columns hold true and false, and there are no categories. "
            f"If they are categories, write category_flags = [{listed}] in [items] of the schema."
        )
    for column, kind in (part.attributes or {}).items():
        of = table.frame[column]
        if kind != "number":
            yield from _text_findings(table.file, column, of)
            continue
        texts = of.filter(~table.frame.select(is_missing(pl.col(column))).to_series())
        odd = texts.filter(~_is_number(parse_numbers(texts)))
        if len(odd):
            shown = ", ".join(map(repr, odd.unique(maintain_order=True).head(SHOWN_TEXTS)))
            yield (
                f"{table.file}: {len(odd):,} of the {len(texts):,} texts of {column} are not "
                f"numbers ({shown}) and count as unknown."
            )


def _is_mark(of: pl.Series, kind: ColumnKind | None) -> bool:
    return kind is not None and is_flag(of)


def _text_findings(file: str, column: str, of: pl.Series) -> Iterator[str]:
    """Yield sentences about text columns whose names mean numbers, or the end of an offer."""
    words = set(split_name(column))
    numbers = _is_number(parse_numbers(of))
    if ends_in(column, MONEY_ENDINGS) and numbers.any():
        odd = of.filter(~numbers & of.is_not_null()).unique(maintain_order=True).head(SHOWN_TEXTS)
        count = int((~numbers & of.is_not_null()).sum())
        yield (
            f"{file}: {count:,} texts of {column} are not numbers "
            f"({', '.join(map(repr, odd))}), so that filters compare it as text. To read the "
            f'others, write attributes = {{ "{column}" = "number" }} in [items] of the schema.'
        )
    if words & END_WORDS and parse_either_reading(of).count() >= NEARLY_ALL * of.count() > 0:
        yield (
            f"{file}: {column} holds times, and nothing hides an item when its time has passed. "
            "If an item ends then, leave it out, or write false in a column named available."
        )


def attribute_name(column: str) -> str:
    """Return the name of the attribute of a column: ``Sale Price`` becomes ``Sale_Price``."""
    return re.sub(r"\W+", "_", column.strip()).strip("_")


def attribute_faults(part: ItemsFile, strict: Collection[str]) -> Iterator[pl.Expr]:
    """Yield the faults of the attributes of a row; null where there are none.

    In a number column of ``strict`` a text that is no number is a fault. Elsewhere it is unknown.
    """
    for column, kind in (part.attributes or {}).items():
        if kind == "number" and column not in strict:
            continue
        text = _text(column)
        if kind == "number":
            is_bad = ~is_missing(text) & ~text.map_batches(_holds_number, return_dtype=pl.Boolean)
            fault = "is not a number"
        else:
            is_bad = (text.str.len_bytes() > MAX_TEXT_BYTES) | text.str.contains("\0", literal=True)
            fault = f"is over {MAX_TEXT_BYTES} bytes, or has NUL"
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


def _find_lists(table: TextTable, part: ItemsFile) -> ItemsFile:
    """Return ``part`` with the columns of availability and of prose."""
    lists: dict[str, tuple[str, ...]] = {}
    if part.available is None:
        lists["available"] = find_availability(table, unused_columns(table, part))
    if part.description is None:
        free = unused_columns(table, part.model_copy(update=lists))
        lists["description"] = tuple(c for c in free if _is_description(c, table))
    return part.model_copy(update=lists)


def _is_description(column: str, table: TextTable) -> bool:
    named = normalise_name(column) in DESCRIPTION or ends_in(column, DESCRIPTION_ENDINGS)
    return is_prose(table.frame[column], SHORT_TEXT if named else LONG_TEXT)


def _free_columns(table: TextTable, part: ItemsFile) -> list[str]:
    """Return the columns without another use, and amounts in stock, which filters compare too."""
    amounts = [
        c
        for c in part.available or ()
        if normalise_name(c) not in AVAILABLE and not is_flag(table.frame[c])
    ]
    free = {*unused_columns(table, part), *amounts}
    return [column for column in table.columns if column in free]


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
        numbers = parse_numbers(frame[column])
        return pl.select(pl.when(_is_number(numbers)).then(numbers).alias(column)).to_series()
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
        if texts.str.contains(VECTOR).all():
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
    """Return the kind of a column: "number" if nearly all its texts are numbers."""
    texts = of.filter(~of.to_frame("text").select(is_missing(pl.col("text"))).to_series())
    numbers = _is_number(parse_numbers(texts))
    return "number" if len(texts) and int(numbers.sum()) >= NEARLY_ALL * len(texts) else "text"


def _is_number(numbers: pl.Series) -> pl.Series:
    return numbers.is_finite().fill_null(value=False)


def _holds_number(texts: pl.Series) -> pl.Series:
    return _is_number(parse_numbers(texts))


def _text(column: str) -> pl.Expr:
    return pl.col(column).str.strip_chars().replace("", None)
