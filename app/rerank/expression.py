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

from app.catalogue import Catalogue
from app.contracts import Rows

LONGEST = 500  # characters
LARGEST = 1e15  # whole numbers up to it are exact
TOLD = 40  # characters of a part that an error repeats
MOST = 60  # parts: names, values, comparisons, and/or/not
ATTRIBUTES = ("category", "provider", "flag", "item_id", "year")

Mask: TypeAlias = NDArray[np.bool_]
Test: TypeAlias = Callable[[Catalogue, Rows], Mask]
Value: TypeAlias = str | float

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
class Filter:
    """A filter of one request, over one catalogue: a ``Rule``."""

    test: Test
    catalogue: Catalogue
    name: str = "filter"

    def allows(self, rows: Rows) -> Mask:
        """Say which of ``rows`` the expression is true of, (n,)."""
        return self.test(self.catalogue, rows)


@lru_cache(maxsize=512)
def parse(text: str) -> Test:
    """Read an expression; gives what evaluates it.

    An item of several categories is equal to each of them: ``category == "drama"`` asks whether it
    has that one. Of an unknown year no comparison is true. A name that no item has is true of none.

    Raises:
        FilterError: it is too long, or not of the language.
    """
    if len(text) > LONGEST:
        raise FilterError(f"the filter has {len(text)} characters, at most {LONGEST} are allowed")
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        told = error.msg if isinstance(error, SyntaxError) else "it is nested too deeply"
        raise FilterError(
            f'the filter cannot be read: {told}; write for example category == "drama" and '
            "year >= 1990"
        ) from None
    size = sum(1 for node in ast.walk(tree) if isinstance(node, ast.expr))
    if size > MOST:
        raise FilterError(f"the filter has {size} parts, at most {MOST} are allowed")
    return _condition(tree.body)


def _condition(node: ast.expr) -> Test:
    """Compile what is true or false."""
    if isinstance(node, ast.BoolOp):
        join = np.logical_and if isinstance(node.op, ast.And) else np.logical_or
        tests = [_condition(part) for part in node.values]
        return lambda catalogue, rows: np.asarray(
            join.reduce([test(catalogue, rows) for test in tests])
        )
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        test = _condition(node.operand)
        return lambda catalogue, rows: ~test(catalogue, rows)
    if isinstance(node, ast.Compare):
        sides = [node.left, *node.comparators]
        tests = [
            _comparison(left, op, right)
            for left, op, right in zip(sides, node.ops, sides[1:], strict=False)
        ]
        return lambda catalogue, rows: np.asarray(
            np.logical_and.reduce([test(catalogue, rows) for test in tests])
        )
    raise FilterError(
        f"{_shown(node)} is no condition: compare an attribute ({', '.join(ATTRIBUTES)}) with a "
        "value, and join conditions by and, or, not"
    )


def _comparison(left: ast.expr, op: ast.cmpop, right: ast.expr) -> Test:
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
            f"an attribute: {', '.join(ATTRIBUTES)}"
        )
    if left.id not in ATTRIBUTES:
        raise FilterError(f"there is no attribute {left.id}; there are {', '.join(ATTRIBUTES)}")
    values = _values(right) if isinstance(op, ast.In | ast.NotIn) else [_value(right)]
    return _year(op, values) if left.id == "year" else _name(left.id, op, values)


def _year(op: ast.cmpop, values: list[Value]) -> Test:
    if any(isinstance(value, str) for value in values):
        raise FilterError("year is compared with a number, such as year >= 1990")
    wanted = np.array(values, np.float64)
    if isinstance(op, ast.In | ast.NotIn):
        negated = isinstance(op, ast.NotIn)
        return lambda catalogue, rows: (
            (np.isin(catalogue.released[rows], wanted) ^ negated)
            & np.isfinite(catalogue.released[rows])
        )
    if type(op) not in NUMERIC:
        raise FilterError("year is compared by ==, !=, <, <=, >, >=, in or not in")
    compare = NUMERIC[type(op)]
    return lambda catalogue, rows: (
        compare(catalogue.released[rows].astype(np.float64), wanted[0])
        & np.isfinite(catalogue.released[rows])
    )


def _name(attribute: str, op: ast.cmpop, values: list[Value]) -> Test:
    if not isinstance(op, ast.Eq | ast.NotEq | ast.In | ast.NotIn):
        raise FilterError(f"{attribute} is compared by ==, !=, in or not in")
    if not all(isinstance(value, str) for value in values):
        raise FilterError(f'{attribute} is compared with text, such as {attribute} == "drama"')
    names = [str(value) for value in values]
    negated = isinstance(op, ast.NotEq | ast.NotIn)
    return lambda catalogue, rows: _having(catalogue, rows, attribute, names) ^ negated


def _having(catalogue: Catalogue, rows: Rows, attribute: str, names: list[str]) -> Mask:
    """Say which of ``rows`` have any of these names."""
    if attribute == "category":
        return catalogue.categorised(rows, names)
    if attribute == "flag":
        return catalogue.flagged(rows, names)
    if attribute == "provider":
        return np.isin(catalogue.providers[rows], catalogue.provider_codes(names))
    return np.isin(rows, catalogue.ids.rows(names))


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
        return node.value
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return _number(node.value)
    raise FilterError(f"{_shown(node)} is no value: write a number, or text in quotes")


def _number(value: float) -> float:
    if abs(value) > LARGEST:
        raise FilterError("a number of the filter is too large")
    return float(value)


def _shown(node: ast.expr) -> str:
    text = ast.unparse(node)
    return text if len(text) <= TOLD else f"{text[:TOLD]}…"
