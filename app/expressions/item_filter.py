"""Request-time filters, such as ``category == "drama" and year >= 1990``.

A small, safe language over item attributes. Read with Python's own parser, of which only what is
listed here is let through; nothing is ever executed as Python. Evaluated for a whole pool at once.
"""

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.catalogue.attributes import (
    BUILT_IN_NAMES,
    MAX_NUMBER,
    ColumnKind,
    ColumnKinds,
    NumberColumn,
    TextColumn,
)
from app.catalogue.catalogue import Catalogue
from app.contracts import Rows

MAX_FILTER_LENGTH = 500  # characters
TOLD = 40  # characters of a part that an error repeats
MAX_FILTER_PARTS = 60  # parts: names, values, comparisons, and/or/not

Mask: TypeAlias = NDArray[np.bool_]
Test: TypeAlias = Callable[[Catalogue, Rows], Mask]
Value: TypeAlias = str | bool | float
Floats: TypeAlias = NDArray[np.float64]

NUMERIC: Mapping[type[ast.cmpop], Callable[..., Mask]] = MappingProxyType(
    {
        ast.Eq: operator.eq,
        ast.NotEq: operator.ne,
        ast.Lt: operator.lt,
        ast.LtE: operator.le,
        ast.Gt: operator.gt,
        ast.GtE: operator.ge,
    }
)
MIRRORED: Mapping[type[ast.cmpop], type[ast.cmpop]] = MappingProxyType(
    {ast.Lt: ast.Gt, ast.LtE: ast.GtE, ast.Gt: ast.Lt, ast.GtE: ast.LtE}
)


class FilterError(ValueError):
    """A filter that cannot be used. The text says where, and what may stand there."""


@dataclass(frozen=True, slots=True, eq=False)
class ExpressionFilter:
    """A filter of one request, over one catalogue: a ``Rule``."""

    test: Test
    catalogue: Catalogue
    name: str = "filter"

    def allows(self, rows: Rows) -> Mask:
        """Say which of ``rows`` the expression is true of, (n,)."""
        return self.test(self.catalogue, rows)


@lru_cache(maxsize=512)
def parse_filter(text: str, known: ColumnKinds = ()) -> Test:
    """Read an expression; gives what evaluates it, over catalogues that have what is ``known``.

    An item of several categories is equal to each of them: ``category == "drama"`` asks whether it
    has that one. Of an unknown year, and of an attribute that is unknown, no comparison is true. A
    name that no item has is true of none.

    Raises:
        FilterError: it is too long, not of the language, or of what is not known.
    """
    if len(text) > MAX_FILTER_LENGTH:
        raise FilterError(
            f"the filter has {len(text)} characters, at most {MAX_FILTER_LENGTH} are allowed"
        )
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        told = error.msg if isinstance(error, SyntaxError) else "it is nested too deeply"
        raise FilterError(
            f'the filter cannot be read: {told}; write for example category == "drama" and '
            "year >= 1990"
        ) from None
    size = sum(1 for node in ast.walk(tree) if isinstance(node, ast.expr))
    if size > MAX_FILTER_PARTS:
        raise FilterError(f"the filter has {size} parts, at most {MAX_FILTER_PARTS} are allowed")
    return _Reader(dict(known)).condition(tree.body)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Compiles the parts of one expression."""

    known: Mapping[str, ColumnKind]

    def condition(self, node: ast.expr) -> Test:
        """Compile what is true or false."""
        if isinstance(node, ast.BoolOp):
            join = np.logical_and if isinstance(node.op, ast.And) else np.logical_or
            return _joined(join, [self.condition(part) for part in node.values])
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            test = self.condition(node.operand)
            return lambda catalogue, rows: ~test(catalogue, rows)
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            pairs = zip(sides, node.ops, sides[1:], strict=False)
            return _joined(np.logical_and, [self._comparison(*pair) for pair in pairs])
        raise FilterError(
            f"{_shown(node)} is no condition: compare an attribute ({self._listed}) with a "
            "value, and join conditions by and, or, not"
        )

    @property
    def _listed(self) -> str:
        return ", ".join((*BUILT_IN_NAMES, *self.known))

    def _comparison(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> Test:
        """Compile ``attribute op value``, ``value op attribute`` or ``value in attribute``."""
        if isinstance(right, ast.Name) and not isinstance(left, ast.Name):
            if isinstance(op, ast.In | ast.NotIn):
                op = ast.Eq() if isinstance(op, ast.In) else ast.NotEq()
            else:
                op = MIRRORED.get(type(op), type(op))()
            left, right = right, left
        if not isinstance(left, ast.Name):
            raise FilterError(
                f"{_shown(left)} is compared with {_shown(right)}: one side has to be "
                f"an attribute: {self._listed}"
            )
        if left.id not in (*BUILT_IN_NAMES, *self.known):
            raise FilterError(f"there is no attribute {left.id}; there are {self._listed}")
        values = _values(right) if isinstance(op, ast.In | ast.NotIn) else [_value(right)]
        if left.id == "year" or self.known.get(left.id) == "number":
            return _number(left.id, op, values)
        return _name(left.id, op, values)


def _joined(join: np.ufunc, tests: list[Test]) -> Test:
    return lambda catalogue, rows: np.asarray(
        join.reduce([test(catalogue, rows) for test in tests])
    )


def _number(attribute: str, op: ast.cmpop, values: list[Value]) -> Test:
    if any(isinstance(value, str) for value in values):
        example = "year >= 1990" if attribute == "year" else f"{attribute} < 20"
        raise FilterError(f"{attribute} is compared with a number, such as {example}")
    wanted = np.array(values, np.float64)
    if isinstance(op, ast.In | ast.NotIn):
        negated = isinstance(op, ast.NotIn)
        return lambda catalogue, rows: _where_known(
            _numbers(catalogue, rows, attribute), lambda found: np.isin(found, wanted) ^ negated
        )
    if type(op) not in NUMERIC:
        raise FilterError(f"{attribute} is compared by ==, !=, <, <=, >, >=, in or not in")
    compare = NUMERIC[type(op)]
    return lambda catalogue, rows: _where_known(
        _numbers(catalogue, rows, attribute), lambda found: compare(found, wanted[0])
    )


def _numbers(catalogue: Catalogue, rows: Rows, attribute: str) -> Floats:
    """Give a number of each of ``rows``; NaN where it is unknown."""
    if attribute == "year":
        return catalogue.released[rows].astype(np.float64)
    column = catalogue.attributes[attribute]
    if not isinstance(column, NumberColumn):
        raise FilterError(f"{attribute} is no number in this catalogue")
    return column.values[rows]


def _where_known(found: Floats, test: Callable[[Floats], Mask]) -> Mask:
    return test(found) & ~np.isnan(found)


def _name(attribute: str, op: ast.cmpop, values: list[Value]) -> Test:
    if not isinstance(op, ast.Eq | ast.NotEq | ast.In | ast.NotIn):
        raise FilterError(f"{attribute} is compared by ==, !=, in or not in")
    texts = [str(value).lower() if isinstance(value, bool) else value for value in values]
    names = [text for text in texts if isinstance(text, str)]
    if len(names) < len(texts):
        example = "drama" if attribute in BUILT_IN_NAMES else "a word"
        raise FilterError(f'{attribute} is compared with text, such as {attribute} == "{example}"')
    negated = isinstance(op, ast.NotEq | ast.NotIn)
    return lambda catalogue, rows: _having(catalogue, rows, attribute, names, negated=negated)


def _having(
    catalogue: Catalogue, rows: Rows, attribute: str, names: list[str], *, negated: bool
) -> Mask:
    """Say which of ``rows`` have any of these names; negated: which have none of them."""
    if attribute == "category":
        return catalogue.has_category(rows, names) ^ negated
    if attribute == "flag":
        return catalogue.has_flag(rows, names) ^ negated
    if attribute == "provider":
        return np.isin(catalogue.providers[rows], catalogue.provider_codes(names)) ^ negated
    if attribute == "item_id":
        return np.isin(rows, catalogue.ids.rows(names)) ^ negated
    column = catalogue.attributes[attribute]
    if not isinstance(column, TextColumn):
        raise FilterError(f"{attribute} is no text in this catalogue")
    return (column.equals_any(rows, names) ^ negated) & column.is_known(rows)


def _values(node: ast.expr) -> list[Value]:
    if not isinstance(node, ast.Tuple | ast.List | ast.Set) or not node.elts:
        raise FilterError(
            f'behind in there has to be a list, such as ("drama", "war"), not {_shown(node)}'
        )
    return [_value(part) for part in node.elts]


def _value(node: ast.expr) -> Value:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = _value(node.operand)
        if not isinstance(value, str):
            return -value
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return _text(node.value)
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        return node.value
    if isinstance(node, ast.Name) and node.id in {"true", "false"}:
        return node.id == "true"
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return _bounded(node.value)
    raise FilterError(f"{_shown(node)} is no value: write a number, or text in quotes")


def _bounded(value: float) -> float:
    if abs(value) > MAX_NUMBER:
        raise FilterError("a number of the filter is too large")
    return float(value)


def _text(value: str) -> str:
    if "\0" in value or value.encode(errors="ignore").decode() != value:
        raise FilterError("a text of the filter has characters that no name can have")
    return value


def _shown(node: ast.expr) -> str:
    text = ast.unparse(node)
    return text if len(text) <= TOLD else f"{text[:TOLD]}…"
