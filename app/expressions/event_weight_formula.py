"""Weights as expressions of an event's value, such as ``1 if value >= 30 else 0.2``.

A small, safe language of numbers. Read with Python's own parser, of which only what is listed here
is let through; nothing is ever executed as Python. Evaluated for all events of a type at once.
"""

import ast
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Numbers: TypeAlias = NDArray[np.float64]
Formula: TypeAlias = Callable[[Numbers], Numbers]  # (n,) values -> (n,) weights

MAX_FORMULA_LENGTH = 300  # characters
MAX_FORMULA_PARTS = 60  # parts
MAX_WEIGHT = 1e6  # weights beyond it are cut off: nothing is worth a million likes
FUNCTIONS: Mapping[str, tuple[int, Callable[..., Numbers]]] = MappingProxyType(
    {  # how many arguments, and what it is
        "log1p": (1, lambda x: np.log1p(np.maximum(x, 0.0))),
        "sqrt": (1, lambda x: np.sqrt(np.maximum(x, 0.0))),
        "abs": (1, np.abs),
        "min": (2, np.minimum),
        "max": (2, np.maximum),
    }
)
OPERATORS: Mapping[type[ast.AST], Callable[..., Numbers]] = MappingProxyType(
    {
        ast.Add: np.add,
        ast.Sub: np.subtract,
        ast.Mult: np.multiply,
        ast.Div: np.divide,
        ast.UAdd: np.positive,
        ast.USub: np.negative,
        ast.Not: np.logical_not,
        ast.And: np.logical_and,
        ast.Or: np.logical_or,
        ast.Eq: np.equal,
        ast.NotEq: np.not_equal,
        ast.Lt: np.less,
        ast.LtE: np.less_equal,
        ast.Gt: np.greater,
        ast.GtE: np.greater_equal,
    }
)
ADVICE = "write for example 1 if value >= 30 else 0.2, or 0.5 * log1p(value)"


class FormulaError(ValueError):
    """A weight that cannot be used. The text says which part, and what may stand there."""


@lru_cache(maxsize=256)
def parse_formula(text: str, kind: str) -> Formula:
    """Read the expression of one event type; ``value``, or the type's own name, is the value.

    What is true is worth 1, what is false 0. Where there is no result, as of 1 / 0, it is 0.

    Raises:
        FormulaError: it is too long, or not of the language.
    """
    if len(text) > MAX_FORMULA_LENGTH:
        raise FormulaError(
            f"the weight has {len(text)} characters, at most {MAX_FORMULA_LENGTH} are allowed"
        )
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise FormulaError(f"the weight {text!r} cannot be read: {ADVICE}") from None
    if sum(1 for node in ast.walk(tree) if isinstance(node, ast.expr)) > MAX_FORMULA_PARTS:
        raise FormulaError(f"the weight {text[:40]!r} has more than {MAX_FORMULA_PARTS} parts")
    compiled = _compiled(tree.body, frozenset({"value", kind}))

    def formula(values: Numbers) -> Numbers:
        with np.errstate(all="ignore"):
            found = np.broadcast_to(compiled(values), values.shape).astype(np.float64)
        return np.clip(np.where(np.isfinite(found), found, 0.0), -MAX_WEIGHT, MAX_WEIGHT)

    return formula


def _compiled(node: ast.expr, names: frozenset[str]) -> Formula:
    """Turn one part into what computes it."""
    if isinstance(node, ast.Name) and node.id in names:
        return lambda values: values
    if isinstance(node, ast.Constant) and type(node.value) in {int, float}:
        number = _number(node)
        return lambda values: np.full(len(values), number)
    apply, parts = _application(node)
    inner = [_compiled(part, names) for part in parts]
    return lambda values: np.asarray(apply(*(part(values) for part in inner)), np.float64)


def _application(node: ast.expr) -> tuple[Callable[..., Numbers], list[ast.expr]]:
    """Give what a part does, and to which parts."""
    match node:
        case ast.BinOp(left, op, right) if type(op) in OPERATORS:
            return OPERATORS[type(op)], [left, right]
        case ast.UnaryOp(op, operand) if type(op) in OPERATORS:
            return OPERATORS[type(op)], [operand]
        case ast.BoolOp(op, values):
            join = OPERATORS[type(op)]
            return lambda *all_of: join.reduce(all_of), list(values)  # type: ignore[attr-defined]
        case ast.Compare(left, [op], [right]) if type(op) in OPERATORS:
            return OPERATORS[type(op)], [left, right]
        case ast.IfExp(test, body, orelse):
            return _either, [test, body, orelse]
        case ast.Call(ast.Name(name), args, []) if FUNCTIONS.get(name, (-1,))[0] == len(args):
            return FUNCTIONS[name][1], list(args)
        case _:
            raise FormulaError(
                f"{ast.unparse(node)[:40]!r} cannot stand in a weight; there are value, numbers, "
                f"+ - * /, comparisons, and, or, not, a if b else c, {', '.join(FUNCTIONS)}: "
                f"{ADVICE}"
            )


def _either(true: Numbers, one: Numbers, other: Numbers) -> Numbers:
    return np.where(true != 0, one, other)


def _number(node: ast.Constant) -> float:
    """Give a constant; a whole number of a thousand digits is none."""
    try:
        return float(node.value)  # type: ignore[arg-type]
    except OverflowError:
        raise FormulaError("a number of the weight is too large") from None
