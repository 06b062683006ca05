"""Item attributes under names that the owner of the data chooses, such as ``price``, as columns.

A column holds numbers or texts. Filters compare them; no model learns from them. Live columns have
one writer, ``app.live_catalogue.live_items``, and any number of readers.
"""

import keyword
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from app.catalogue.ids import IdIndex
from app.contracts import Rows
from app.copy_on_write import extend_rows

ColumnKind: TypeAlias = Literal["number", "text"]
ColumnKinds: TypeAlias = tuple[tuple[str, ColumnKind], ...]  # (name, kind), sorted by name
AttributeValue: TypeAlias = float | str
JsonScalar: TypeAlias = bool | float | str
RowMask: TypeAlias = NDArray[np.bool_]  # (n,) one flag per row

MAX_COLUMNS = 16  # each column costs a worker 4 or 8 bytes an item
MAX_NAME_LENGTH = 64  # characters
MAX_TEXT_BYTES = 256  # the same limit as for an id
MAX_NUMBER = 1e15  # whole numbers up to it are exact
BUILT_IN_NAMES = ("category", "provider", "flag", "item_id", "year")  # filters know them already
RESERVED_WORDS = ("true", "false", "null", "none")  # a reader takes them for values
UNKNOWN_CODE = -1
EXTRA_CODE = -2  # the code of a text that is not in the bundle's vocabulary


@dataclass(frozen=True, slots=True, eq=False)
class NumberColumn:
    """One number per item."""

    values: NDArray[np.float64]  # (n,) NaN: unknown
    kind: ClassVar[ColumnKind] = "number"

    def at(self, row: int) -> AttributeValue | None:
        """Return the number of one row; None when it is unknown."""
        value = float(self.values[row])
        return None if math.isnan(value) else value


@dataclass(frozen=True, slots=True, eq=False)
class TextColumn:
    """One text per item."""

    codes: NDArray[np.int32]  # (n,) the text as a row of ``names``; -1 unknown
    names: IdIndex  # (v,) the different texts
    kind: ClassVar[ColumnKind] = "text"

    @classmethod
    def of(cls, texts: Sequence[str | None]) -> "TextColumn":
        """Number these texts; None means unknown."""
        names = IdIndex.of([text for text in texts if text is not None])
        codes = np.full(len(texts), UNKNOWN_CODE, np.int32)
        is_known = np.array([text is not None for text in texts], np.bool_)
        codes[is_known] = names.rows([text for text in texts if text is not None])
        return cls(codes, names)

    def is_known(self, rows: Rows) -> RowMask:
        """Return whether the text of each of ``rows`` is known, (n,)."""
        return np.asarray(self.codes[rows] != UNKNOWN_CODE)

    def equals_any(self, rows: Rows, texts: Sequence[str]) -> RowMask:
        """Return whether each of ``rows`` has any of these texts, (n,)."""
        wanted = self.names.rows(texts)
        codes, matches = self.codes[rows], np.zeros(len(rows), np.bool_)
        for code in wanted[wanted >= 0]:  # np.isin takes longer for so few codes
            matches |= codes == code
        return matches

    def at(self, row: int) -> AttributeValue | None:
        code = self.codes[row]
        return self.names.names(np.array([code], np.int64))[0] if code >= 0 else None


@dataclass(frozen=True, slots=True, eq=False)
class LiveNumberColumn(NumberColumn):
    """A number column that can be written while it is read."""

    def put(self, row: int, value: AttributeValue | None) -> None:
        """Set the number of a row; None means unknown."""
        self.values[row] = math.nan if value is None else value


@dataclass(frozen=True, slots=True, eq=False)
class LiveTextColumn(TextColumn):
    """A text column that can be written while it is read.

    A text outside the bundle's vocabulary is kept beside the codes for as long as an item has it.
    Texts that come and go therefore leave nothing behind.
    """

    extra_rows: dict[str, frozenset[int]] = field(default_factory=dict)  # rows by extra text
    extra_texts: dict[int, str] = field(default_factory=dict)  # extra text by row

    def put(self, row: int, value: AttributeValue | None) -> None:
        self._remove_extra(row)
        if value is None:
            self.codes[row] = UNKNOWN_CODE
            return
        text = str(value)
        code = self.names.row(text)
        if code < 0:
            self.extra_texts[row] = text
            self.extra_rows[text] = self.extra_rows.get(text, frozenset()) | {row}
        self.codes[row] = EXTRA_CODE if code < 0 else code

    @override
    def equals_any(self, rows: Rows, texts: Sequence[str]) -> RowMask:
        matches = TextColumn.equals_any(self, rows, texts)
        if not self.extra_rows:
            return matches
        extra = frozenset[int]().union(*(self.extra_rows.get(text, ()) for text in texts))
        return matches | np.isin(rows, list(extra)) if extra else matches

    @override
    def at(self, row: int) -> AttributeValue | None:
        return self.extra_texts.get(row) or TextColumn.at(self, row)

    def _remove_extra(self, row: int) -> None:
        text = self.extra_texts.pop(row, None)
        if text is None:
            return
        others = self.extra_rows.pop(text) - {row}
        if others:
            self.extra_rows[text] = others


Column: TypeAlias = NumberColumn | TextColumn
LiveColumn: TypeAlias = LiveNumberColumn | LiveTextColumn


def live_columns(columns: Mapping[str, Column], spare: int) -> dict[str, LiveColumn]:
    """Append ``spare`` unknown rows to each column. The columns themselves never change."""
    return {name: _live_column(column, spare) for name, column in columns.items()}


def column_kinds(columns: Mapping[str, Column]) -> ColumnKinds:
    """Return the kind of each column, sorted by name."""
    return tuple((name, column.kind) for name, column in sorted(columns.items()))


def describe_kinds(kinds: ColumnKinds) -> str:
    """Return the columns and their kinds as part of a sentence."""
    return ", ".join(f"{name} ({kind})" for name, kind in kinds)


def is_column_name(text: str) -> bool:
    """Return whether a filter can refer to a column by this name."""
    usable = text.isidentifier() and not keyword.iskeyword(text) and len(text) <= MAX_NAME_LENGTH
    return usable and text.lower() not in (*BUILT_IN_NAMES, *RESERVED_WORDS)


def convert_value(name: str, kind: ColumnKind, value: JsonScalar) -> AttributeValue:
    """Convert a JSON value to the form in which its column holds it.

    Raises:
        ValueError: the value is not of the column's kind, or is too large.
    """
    if kind == "number":
        if isinstance(value, str) or not abs(value) <= MAX_NUMBER:
            raise ValueError(
                f"{name} is a number up to {MAX_NUMBER:g}, such as 12.5, not {value!r}"
            )
        return float(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float | int):
        raise ValueError(f'{name} is text, such as "{value:g}" in quotes, not the number {value:g}')
    text = value.strip()
    if not text or "\0" in text or len(text.encode(errors="replace")) > MAX_TEXT_BYTES:
        raise ValueError(
            f"{name} is text of 1 to {MAX_TEXT_BYTES} bytes; null restores the bundle's value"
        )
    return text


def is_of_kind(kind: ColumnKind, value: AttributeValue | None) -> bool:
    """Return whether a value fits a column.

    A stored value may not fit: another bundle can have a column of another kind with this name.
    """
    return isinstance(value, str if kind == "text" else float)


def _live_column(column: Column, spare: int) -> LiveColumn:
    if isinstance(column, NumberColumn):
        return LiveNumberColumn(extend_rows(column.values, len(column.values) + spare, np.nan))
    n = len(column.codes) + spare
    return LiveTextColumn(extend_rows(column.codes, n, UNKNOWN_CODE), column.names)
