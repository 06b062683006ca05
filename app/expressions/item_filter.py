"""Item filters of a request, such as ``category == "drama" and year >= 1990``.

A small language over item attributes. A filter is evaluated for a whole pool at once.
"""

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
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
    JsonScalar,
    NumberColumn,
    RowMask,
    TextColumn,
)
from app.catalogue.catalogue import Catalogue
from app.contracts import Rows
from app.expressions.parser import COMPARISONS, ExpressionError, Language, quote

MAX_FILTER_LENGTH = 500  # characters

Condition: TypeAlias = Callable[[Catalogue, Rows], RowMask]

MIRRORED: Mapping[type[ast.cmpop], type[ast.cmpop]] = MappingProxyType(
    {ast.Lt: ast.Gt, ast.LtE: ast.GtE, ast.Gt: ast.Lt, ast.GtE: ast.LtE}
)


class FilterError(ExpressionError):
    """A filter that cannot be used. The text names the part and what is allowed there."""


LANGUAGE = Language(
    noun="filter",
    example='category == "drama" and year >= 1990',
    max_length=MAX_FILTER_LENGTH,
    max_parts=60,
    error=FilterError,
    max_number=MAX_NUMBER,
)


@dataclass(frozen=True, slots=True, eq=False)
class ExpressionFilter:
    """A filter of one request, over one catalogue: an ``ItemFilter``."""

    condition: Condition
    catalogue: Catalogue
    name: str = "filter"

    def allows(self, rows: Rows) -> RowMask:
        return self.condition(self.catalogue, rows)


@lru_cache(maxsize=512)
def parse_filter(text: str, kinds: ColumnKinds = ()) -> Condition:
    """Compile an expression over catalogues that have the built-in names and ``kinds``.

    An item of several categories is equal to each of them: ``category == "drama"`` is true if one
    of them is. A comparison with an unknown year or attribute is false. A name that no item has is
    false for every item.

    Raises:
        FilterError: the text is too long, not a filter, or has faults; all of them are named.
    """
    compiler = _Compiler(dict(kinds))
    condition = compiler.checked(LANGUAGE.parse(text))
    if compiler.faults:
        raise FilterError("; ".join(dict.fromkeys(compiler.faults)))
    return condition


@lru_cache(maxsize=512)
def compared_names(text: str, attribute: str) -> tuple[str, ...]:
    """Return the texts that a valid filter compares with an attribute, each once."""
    names: dict[str, None] = {}
    for node in ast.walk(LANGUAGE.parse(text)):
        if isinstance(node, ast.Compare):
            operands = [node.left, *node.comparators]
            if any(isinstance(each, ast.Name) and each.id == attribute for each in operands):
                values = [part for each in operands for part in ast.walk(each)]
                names |= {
                    part.value: None
                    for part in values
                    if isinstance(part, ast.Constant) and isinstance(part.value, str)
                }
    return tuple(names)


@dataclass(frozen=True, slots=True)
class _Compiler:
    """Compiles the parts of one expression."""

    kinds: Mapping[str, ColumnKind]  # attributes that are not built in
    faults: list[str] = field(default_factory=list)

    def checked(self, node: ast.expr) -> Condition:
        """Compile a part; write down what is wrong with it, so that the next part is read too."""
        try:
            return self.condition(node)
        except FilterError as fault:
            self.faults.append(str(fault))
            return lambda _catalogue, rows: np.zeros(len(rows), np.bool_)

    def condition(self, node: ast.expr) -> Condition:
        """Compile a part that is true or false."""
        if isinstance(node, ast.BoolOp):
            join = np.logical_and if isinstance(node.op, ast.And) else np.logical_or
            return _join(join, [self.checked(part) for part in node.values])
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            inner = self.condition(node.operand)
            return lambda catalogue, rows: ~inner(catalogue, rows)
        if isinstance(node, ast.Compare):
            operands = [node.left, *node.comparators]
            pairs = zip(operands, node.ops, operands[1:], strict=False)
            return _join(np.logical_and, [self._comparison(*pair) for pair in pairs])
        raise FilterError(
            f"{quote(node)} is not a condition: compare an attribute ({self._names}) with a value, "
            "and join conditions by and, or, not"
        )

    @property
    def _names(self) -> str:
        return ", ".join((*BUILT_IN_NAMES, *self.kinds))

    def _comparison(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> Condition:
        """Compile ``attribute op value``, ``value op attribute`` or ``value in attribute``."""
        if isinstance(right, ast.Name) and not isinstance(left, ast.Name):
            if isinstance(op, ast.In | ast.NotIn):
                op = ast.Eq() if isinstance(op, ast.In) else ast.NotEq()
            else:
                op = MIRRORED.get(type(op), type(op))()
            left, right = right, left
        if not isinstance(left, ast.Name):
            raise FilterError(
                f"{quote(left)} is compared with {quote(right)}: one of them must be an attribute: "
                f"{self._names}"
            )
        if left.id not in (*BUILT_IN_NAMES, *self.kinds):
            raise FilterError(f"there is no attribute {left.id}; the attributes are {self._names}")
        values = _literals(right) if isinstance(op, ast.In | ast.NotIn) else [_literal(right)]
        if left.id == "year" or self.kinds.get(left.id) == "number":
            return _compare_number(left.id, op, values)
        return _compare_text(left.id, op, values)


def _join(join: np.ufunc, conditions: list[Condition]) -> Condition:
    return lambda catalogue, rows: np.asarray(
        join.reduce([condition(catalogue, rows) for condition in conditions])
    )


def _compare_number(attribute: str, op: ast.cmpop, values: list[JsonScalar]) -> Condition:
    if any(isinstance(value, str) for value in values):
        example = "year >= 1990" if attribute == "year" else f"{attribute} < 20"
        raise FilterError(f"{attribute} is compared with a number, such as {example}")
    wanted = np.array(values, np.float64)
    if isinstance(op, ast.In | ast.NotIn):
        negated = isinstance(op, ast.NotIn)
        return lambda catalogue, rows: _where_known(
            _numbers(catalogue, rows, attribute), lambda numbers: np.isin(numbers, wanted) ^ negated
        )
    if type(op) not in COMPARISONS:
        raise FilterError(f"{attribute} is compared by ==, !=, <, <=, >, >=, in or not in")
    compare = COMPARISONS[type(op)]
    return lambda catalogue, rows: _where_known(
        _numbers(catalogue, rows, attribute), lambda numbers: compare(numbers, wanted[0])
    )


def _numbers(catalogue: Catalogue, rows: Rows, attribute: str) -> NDArray[np.float64]:
    """Return a number of each of ``rows``, (n,); NaN where it is unknown."""
    if attribute == "year":
        return catalogue.released[rows].astype(np.float64)
    column = catalogue.attributes[attribute]
    if not isinstance(column, NumberColumn):
        raise FilterError(f"{attribute} is not a number in this catalogue")
    return column.values[rows]


def _where_known(
    numbers: NDArray[np.float64], test: Callable[[NDArray[np.float64]], RowMask]
) -> RowMask:
    return test(numbers) & ~np.isnan(numbers)


def _compare_text(attribute: str, op: ast.cmpop, values: list[JsonScalar]) -> Condition:
    if not isinstance(op, ast.Eq | ast.NotEq | ast.In | ast.NotIn):
        raise FilterError(f"{attribute} is compared by ==, !=, in or not in")
    texts = [str(value).lower() if isinstance(value, bool) else value for value in values]
    names = [text for text in texts if isinstance(text, str)]
    if len(names) < len(texts):
        example = "drama" if attribute in BUILT_IN_NAMES else "a word"
        raise FilterError(f'{attribute} is compared with text, such as {attribute} == "{example}"')
    negated = isinstance(op, ast.NotEq | ast.NotIn)
    return lambda catalogue, rows: _has_any(catalogue, rows, attribute, names, negated=negated)


def _has_any(
    catalogue: Catalogue, rows: Rows, attribute: str, names: list[str], *, negated: bool
) -> RowMask:
    """Return which of ``rows`` have any of these names; negated: which have none of them."""
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
        raise FilterError(f"{attribute} is not a text in this catalogue")
    return (column.equals_any(rows, names) ^ negated) & column.is_known(rows)


def _literals(node: ast.expr) -> list[JsonScalar]:
    if not isinstance(node, ast.Tuple | ast.List | ast.Set) or not node.elts:
        raise FilterError(
            f'after in there must be a list, such as ("drama", "war"), not {quote(node)}'
        )
    return [_literal(part) for part in node.elts]


def _literal(node: ast.expr) -> JsonScalar:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = _literal(node.operand)
        if not isinstance(value, str):
            return -value
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return _text(node.value)
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        return node.value
    if isinstance(node, ast.Name) and node.id in {"true", "false"}:
        return node.id == "true"
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return LANGUAGE.number(node.value)
    raise FilterError(f"{quote(node)} is not a value: write a number, or text in quotes")


def _text(value: str) -> str:
    if "\0" in value or value.encode(errors="ignore").decode() != value:
        raise FilterError("a text of the filter has characters that no name can have")
    return value
