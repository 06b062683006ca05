"""The preference weight of an event. Readers of logs and live events use the same rule.

A weight is a number, or a formula of the event's value such as ``1 if value >= 30 else 0.2``, in a
small language of numbers. A formula is evaluated for all events of a type at once.
"""

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import TypeAlias
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from app.contracts import Scores
from app.expressions.parser import COMPARISONS, ExpressionError, Language, quote

EventValues: TypeAlias = NDArray[np.float64]  # (n,)
Formula: TypeAlias = Callable[[EventValues], EventValues]  # (n,) values -> (n,) weights

MAX_WEIGHT = 1e6  # larger weights are cut off: no event is worth a million likes
FUNCTIONS: Mapping[str, tuple[int, Callable[..., EventValues]]] = MappingProxyType(
    {  # number of arguments, and the function
        "log1p": (1, lambda x: np.log1p(np.maximum(x, 0.0))),
        "sqrt": (1, lambda x: np.sqrt(np.maximum(x, 0.0))),
        "abs": (1, np.abs),
        "min": (2, np.minimum),
        "max": (2, np.maximum),
    }
)
OPERATORS: Mapping[type[ast.AST], Callable[..., np.ndarray]] = MappingProxyType(
    {
        **COMPARISONS,
        ast.Add: np.add,
        ast.Sub: np.subtract,
        ast.Mult: np.multiply,
        ast.Div: np.divide,
        ast.UAdd: np.positive,
        ast.USub: np.negative,
        ast.Not: np.logical_not,
        ast.And: np.logical_and,
        ast.Or: np.logical_or,
    }
)


class FormulaError(ExpressionError):
    """A weight that cannot be used. The text names the part and what is allowed there."""


LANGUAGE = Language(
    noun="weight",
    example="1 if value >= 30 else 0.2, or 0.5 * log1p(value)",
    max_length=300,
    max_parts=60,
    error=FormulaError,
)


@lru_cache(maxsize=256)
def parse_formula(text: str, kind: str) -> Formula:
    """Compile the formula of one event type. ``value``, or the type's own name, is the value.

    A true comparison is 1 and a false one is 0. A weight that is not finite, such as 1 / 0, is 0.

    Raises:
        FormulaError: the text is too long, or not a formula.
    """
    compiled = _compile(LANGUAGE.parse(text), frozenset({"value", kind}))

    def formula(values: EventValues) -> EventValues:
        with np.errstate(all="ignore"):
            weights = np.broadcast_to(compiled(values), values.shape).astype(np.float64)
        return np.clip(np.where(np.isfinite(weights), weights, 0.0), -MAX_WEIGHT, MAX_WEIGHT)

    return formula


def _compile(node: ast.expr, names: frozenset[str]) -> Formula:
    """Compile one part."""
    if isinstance(node, ast.Name) and node.id in names:
        return lambda values: values
    if isinstance(node, ast.Constant) and type(node.value) in {int, float}:
        number = LANGUAGE.number(node.value)  # type: ignore[arg-type]
        return lambda values: np.full(len(values), number)
    apply, parts = _operation(node)
    compiled = [_compile(part, names) for part in parts]
    return lambda values: np.asarray(apply(*(part(values) for part in compiled)), np.float64)


def _operation(node: ast.expr) -> tuple[Callable[..., np.ndarray], list[ast.expr]]:
    """Return what a part computes, and the parts that it computes it from."""
    match node:
        case ast.BinOp(left, op, right) if type(op) in OPERATORS:
            return OPERATORS[type(op)], [left, right]
        case ast.UnaryOp(op, operand) if type(op) in OPERATORS:
            return OPERATORS[type(op)], [operand]
        case ast.BoolOp(op, values):
            join = OPERATORS[type(op)]
            return lambda *parts: join.reduce(parts), list(values)  # type: ignore[attr-defined]
        case ast.Compare(left, [op], [right]) if type(op) in OPERATORS:
            return OPERATORS[type(op)], [left, right]
        case ast.IfExp(test, body, orelse):
            return _choose, [test, body, orelse]
        case ast.Call(ast.Name(name), args, []) if FUNCTIONS.get(name, (-1,))[0] == len(args):
            return FUNCTIONS[name][1], list(args)
        case _:
            raise FormulaError(
                f"{quote(node)} is not allowed in a weight; allowed are value, numbers, + - * /, "
                f"comparisons, and, or, not, a if b else c, {', '.join(FUNCTIONS)}: write for "
                f"example {LANGUAGE.example}"
            )


def _choose(test: EventValues, one: EventValues, other: EventValues) -> EventValues:
    return np.where(test != 0, one, other)


def type_code(kind: str) -> int:
    """Return the code of an event type in ``History.types``: a hash of its name.

    It is the same in every bundle, so that a history needs no table of names.
    """
    return crc32(kind.encode()) - 2**31


TYPE_WEIGHTS: Mapping[str, float] = {  # a like is 1; negative types count against the item
    "view": 0.2,
    "click": 0.4,
    "play": 1.0,
    "watch": 1.0,
    "like": 1.0,
    "rating": 1.0,
    "add_to_cart": 1.5,
    "purchase": 2.0,
    "dislike": -1.0,
    "hide": -1.0,
    "unhide": 0.0,  # revokes a hide
    "refund": -1.0,  # takes the interest of a purchase back
    "skip": -0.5,
    "remove_from_cart": 0.0,  # shows neither interest nor dislike
    "impression": 0.0,  # the item was only shown
}
AMOUNT_TYPES = frozenset({"play", "watch"})  # the weight grows with the logarithm of the value


@dataclass(frozen=True, slots=True)
class EventWeights:
    """Converts an event's type and value to a weight. Stored in the bundle's manifest."""

    positive_at: float = 4.0  # ratings from here are positive; those up to half of it, negative
    type_weights: Mapping[str, float | str] = field(default_factory=lambda: dict(TYPE_WEIGHTS))
    explicit: bool = False  # True: values are ratings, and other events are converted to ratings

    def accepts(self, kind: str) -> bool:
        return kind in self.type_weights

    def scale_values(self, kind: str, values: Scores) -> Scores:
        """Convert values of one type to the scale of ratings, if the data has ratings.

        A like becomes the smallest positive rating, and a dislike the largest negative one. A
        weight between them becomes a rating between; a weight of 0 is in the middle.
        """
        if not self.explicit or kind == "rating":
            return values
        share = np.clip(0.75 + 0.25 * self.weigh(kind, values), 0.5, 1.0)
        ratings: Scores = (share * self.positive_at).astype(np.float32)
        return ratings

    def weigh(self, kind: str, values: Scores) -> Scores:
        """Return the preference weights of events of one type, (n,), from their values, (n,).

        Raises:
            KeyError: the type is not configured.
            FormulaError: the formula of the type is wrong; configurations are checked earlier.
        """
        weight = self.type_weights[kind]
        if isinstance(weight, str):
            return parse_formula(weight, kind)(values.astype(np.float64)).astype(np.float32)
        if kind == "rating":
            signs = np.where(values >= self.positive_at, 1.0, 0.0)
            signs = np.where(values <= self.positive_at / 2, -1.0, signs)
            return (weight * signs).astype(np.float32)
        if kind in AMOUNT_TYPES:
            return (weight * np.log1p(np.maximum(values, 0.0))).astype(np.float32)
        return np.full(len(values), weight, np.float32)
