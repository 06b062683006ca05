"""The core of the expression languages: reading, limits, comparisons and the words of errors.

An expression is read by Python's own parser and is never executed as Python. Each language
compiles the parts that it knows and refuses all others.
"""

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf
from types import MappingProxyType

import numpy as np

MAX_QUOTE_LENGTH = 40  # characters of a part that an error repeats
COMPARISONS: Mapping[type[ast.AST], Callable[..., np.ndarray]] = MappingProxyType(
    {
        ast.Eq: np.equal,
        ast.NotEq: np.not_equal,
        ast.Lt: np.less,
        ast.LtE: np.less_equal,
        ast.Gt: np.greater,
        ast.GtE: np.greater_equal,
    }
)


class ExpressionError(ValueError):
    """An expression that cannot be used. The text names the part and what is allowed there."""


@dataclass(frozen=True, slots=True)
class Language:
    """The limits of one language, and its words in errors."""

    noun: str  # what errors call an expression
    example: str
    max_length: int  # characters
    max_parts: int  # names, values, comparisons, and/or/not
    error: type[ExpressionError]
    max_number: float = inf

    def parse(self, text: str) -> ast.expr:
        """Return the root of the syntax tree.

        Raises:
            ExpressionError: the text is too long, has too many parts or is not an expression.
        """
        if len(text) > self.max_length:
            raise self.error(
                f"the {self.noun} has {len(text)} characters, at most {self.max_length} are allowed"
            )
        try:
            root = ast.parse(text.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            reason = error.msg if isinstance(error, SyntaxError) else "it is nested too deeply"
            raise self.error(
                f"the {self.noun} cannot be read: {reason}; write for example {self.example}"
            ) from None
        size = sum(1 for node in ast.walk(root) if isinstance(node, ast.expr))
        if size > self.max_parts:
            raise self.error(
                f"the {self.noun} has {size} parts, at most {self.max_parts} are allowed"
            )
        return root

    def number(self, value: float) -> float:
        """Convert a literal, int or float, to a float.

        Raises:
            ExpressionError: it is too large.
        """
        try:
            number = float(value)
        except OverflowError:  # a whole number of hundreds of digits
            number = np.nan
        if not abs(number) <= self.max_number:
            raise self.error(f"a number of the {self.noun} is too large")
        return number


def quote(node: ast.expr) -> str:
    """Return the text of a part, shortened for an error."""
    text = ast.unparse(node)
    return text if len(text) <= MAX_QUOTE_LENGTH else f"{text[:MAX_QUOTE_LENGTH]}…"
