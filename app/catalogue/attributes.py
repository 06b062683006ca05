"""What is known of items by a name of the owner's choice, as columns: ``price``, ``language``.

A column holds numbers or texts. Filters compare them; nothing is learned from them. Those that grow
have one writer, ``app.catalogue.live_items``, and any number of readers.
"""

import keyword
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from app.catalogue.ids import IdIndex
from app.contracts import Rows

ColumnKind: TypeAlias = Literal["number", "text"]
ColumnKinds: TypeAlias = tuple[tuple[str, ColumnKind], ...]  # by name
AttributeValue: TypeAlias = float | str
JsonScalar: TypeAlias = bool | float | str  # as JSON has it
RowMask: TypeAlias = NDArray[np.bool_]

MAX_COLUMNS = 16  # columns: each costs a worker 4 or 8 bytes an item
MAX_NAME_LENGTH = 64  # characters
MAX_TEXT_BYTES = 256  # bytes of one text; as of an id
MAX_NUMBER = 1e15  # whole numbers up to it are exact
BUILT_IN_NAMES = (
    "category",
    "provider",
    "flag",
    "item_id",
    "year",
)  # what filters know of any item
RESERVED_WORDS = ("true", "false", "null", "none")  # a reader takes them for values
UNKNOWN_CODE = -1
EXTRA_CODE = -2  # the code of a text that the bundle's items do not have


@dataclass(frozen=True, slots=True, eq=False)
class NumberColumn:
    """A number of each item."""

    values: NDArray[np.float64]  # (n,) NaN unknown

    @property
    def kind(self) -> ColumnKind:
        """What it holds."""
        return "number"

    def at(self, row: int) -> AttributeValue | None:
        """Give the number of one row; None: unknown."""
        value = float(self.values[row])
        return None if math.isnan(value) else value


@dataclass(frozen=True, slots=True, eq=False)
class TextColumn:
    """A text of each item, of few or many different ones."""

    codes: NDArray[np.int32]  # (n,) the text as a row of ``names``; -1 unknown
    names: IdIndex  # (v,) the different texts

    @property
    def kind(self) -> ColumnKind:
        """What it holds."""
        return "text"

    @classmethod
    def of(cls, texts: Sequence[str | None]) -> "TextColumn":
        """Number these texts; None is unknown."""
        names = IdIndex.of([text for text in texts if text is not None])
        codes = np.full(len(texts), UNKNOWN_CODE, np.int32)
        told = np.array([text is not None for text in texts], np.bool_)
        codes[told] = names.rows([text for text in texts if text is not None])
        return cls(codes, names)

    def is_known(self, rows: Rows) -> RowMask:
        """Say of which of ``rows`` the text is known, (n,)."""
        return np.asarray(self.codes[rows] != UNKNOWN_CODE)

    def equals_any(self, rows: Rows, texts: Sequence[str]) -> RowMask:
        """Say which of ``rows`` have any of these texts, (n,)."""
        codes = self.names.rows(texts)
        held, found = self.codes[rows], np.zeros(len(rows), np.bool_)
        for code in codes[codes >= 0]:  # of so few, np.isin takes longer
            found |= held == code
        return found

    def at(self, row: int) -> AttributeValue | None:
        """Give the text of one row; None: unknown."""
        code = self.codes[row]
        return self.names.names(np.array([code], np.int64))[0] if code >= 0 else None


@dataclass(frozen=True, slots=True, eq=False)
class LiveNumberColumn(NumberColumn):
    """Numbers that can be told while they are read."""

    def put(self, row: int, value: AttributeValue | None) -> None:
        """Let the number of a row be this; None: unknown."""
        self.values[row] = math.nan if value is None else value


@dataclass(frozen=True, slots=True, eq=False)
class LiveTextColumn(TextColumn):
    """Texts that can be told while they are read, also such as no item of the bundle has.

    Those stand beside the codes for as long as an item has them, so that texts which come and go
    leave nothing behind.
    """

    extra_rows: dict[str, frozenset[int]] = field(default_factory=dict)  # of each text set aside
    extra_texts: dict[int, str] = field(default_factory=dict)  # the same, by row

    def put(self, row: int, value: AttributeValue | None) -> None:
        """Let the text of a row be this; None: unknown."""
        self._forget(row)
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
        """Say which of ``rows`` have any of these texts, (n,)."""
        found = TextColumn.equals_any(self, rows, texts)
        if not self.extra_rows:
            return found
        aside = frozenset[int]().union(*(self.extra_rows.get(text, ()) for text in texts))
        return found | np.isin(rows, list(aside)) if aside else found

    @override
    def at(self, row: int) -> AttributeValue | None:
        """Give the text of one row; None: unknown."""
        return self.extra_texts.get(row) or TextColumn.at(self, row)

    def _forget(self, row: int) -> None:
        text = self.extra_texts.pop(row, None)
        if text is None:
            return
        left = self.extra_rows.pop(text) - {row}
        if left:
            self.extra_rows[text] = left


Column: TypeAlias = NumberColumn | TextColumn
LiveColumn: TypeAlias = LiveNumberColumn | LiveTextColumn


def live_columns(columns: Mapping[str, Column], spare: int) -> dict[str, LiveColumn]:
    """Copy the columns, with ``spare`` unknown rows at the end."""
    return {name: _growing(column, spare) for name, column in columns.items()}


def column_kinds(columns: Mapping[str, Column]) -> ColumnKinds:
    """Say what each column holds."""
    return tuple((name, column.kind) for name, column in sorted(columns.items()))


def describe_kinds(known: ColumnKinds) -> str:
    """Name the columns in a sentence."""
    return ", ".join(f"{name} ({kind})" for name, kind in known)


def is_column_name(text: str) -> bool:
    """Say whether a filter can name a column so."""
    usable = text.isidentifier() and not keyword.iskeyword(text) and len(text) <= MAX_NAME_LENGTH
    return usable and text.lower() not in (*BUILT_IN_NAMES, *RESERVED_WORDS)


def convert_value(name: str, kind: ColumnKind, told: JsonScalar) -> AttributeValue:
    """Give a value as its column holds it.

    Raises:
        ValueError: it is not of the column's kind, or cannot be held.
    """
    if kind == "number":
        if isinstance(told, str) or not abs(told) <= MAX_NUMBER:
            raise ValueError(f"{name} is a number up to {MAX_NUMBER:g}, such as 12.5, not {told!r}")
        return float(told)
    if isinstance(told, bool):
        return str(told).lower()
    if isinstance(told, float | int):
        raise ValueError(f'{name} is text, such as "{told:g}" in quotes, not the number {told:g}')
    text = told.strip()
    if not text or "\0" in text or len(text.encode(errors="replace")) > MAX_TEXT_BYTES:
        raise ValueError(
            f"{name} is text of 1 to {MAX_TEXT_BYTES} bytes; null is for what the bundle says"
        )
    return text


def is_of_kind(kind: ColumnKind, value: AttributeValue | None) -> bool:
    """Say whether a value told before is of a column's kind, as another bundle may have it."""
    return isinstance(value, str if kind == "text" else float)


def column_arrays(columns: Mapping[str, Column]) -> dict[str, NDArray[Any]]:
    """Name the arrays of the columns as ``read`` looks for them: by number, in order of names."""
    named: dict[str, NDArray[Any]] = {}
    for at, (_, column) in enumerate(sorted(columns.items())):
        if isinstance(column, NumberColumn):
            named[f"{at}.values"] = column.values
        else:
            named |= {f"{at}.codes": column.codes, f"{at}.names": column.names.keys}
    return named


def read_columns(
    known: Mapping[str, ColumnKind], arrays: Mapping[str, NDArray[Any]]
) -> dict[str, Column]:
    """Make the columns of what ``arrays_of`` gave.

    Raises:
        KeyError: an array is missing.
    """
    return {
        name: NumberColumn(arrays[f"{at}.values"])
        if kind == "number"
        else TextColumn(arrays[f"{at}.codes"], IdIndex(arrays[f"{at}.names"]))
        for at, (name, kind) in enumerate(sorted(known.items()))
    }


def _growing(column: Column, spare: int) -> LiveColumn:
    if isinstance(column, NumberColumn):
        return LiveNumberColumn(np.concatenate([column.values, np.full(spare, np.nan)]))
    none = np.full(spare, UNKNOWN_CODE, np.int32)
    return LiveTextColumn(np.concatenate([column.codes, none]), column.names)
