"""Gorse's feedback types: which are positive, which mark an item as read, and their event types.

Gorse writes a type with an optional bound of its value, such as ``rating>=4``.
"""

import operator
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from app.event_types import find_event_type

COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
}
_RULE = re.compile(r"\s*([^<>=]+?)\s*(?:(>=|<=|=|>|<)\s*([+-]?\d+(?:\.\d+)?))?\s*")


@dataclass(frozen=True, slots=True)
class FeedbackRule:
    """A feedback type, with or without a bound of the value."""

    kind: str
    sign: str = ""  # of the comparison; "": any value
    bound: float = 0.0

    @classmethod
    def parse(cls, text: str) -> "FeedbackRule":
        """Read ``like`` or ``rating>=4``.

        Raises:
            ValueError: the text is neither.
        """
        match = _RULE.fullmatch(text)
        if match is None:
            raise ValueError(
                f'"{text}" is no feedback type: write a name such as like, or a name with a bound '
                "of its value such as rating>=4"
            )
        kind, sign, bound = match.groups()
        return cls(kind, sign or "", float(bound or 0.0))

    def matches(self, kind: str, value: float) -> bool:
        """Return whether feedback of a type and a value is meant."""
        return kind == self.kind and (not self.sign or COMPARE[self.sign](value, self.bound))


def check_rules(texts: Sequence[str]) -> tuple[str, ...]:
    """Return the texts; raise ``ValueError`` if one of them is no rule."""
    for text in texts:
        FeedbackRule.parse(text)
    return tuple(texts)


@dataclass(frozen=True, slots=True)
class FeedbackTypes:
    """What feedback means here, from the settings."""

    positive: tuple[FeedbackRule, ...]
    read: tuple[FeedbackRule, ...]
    event_types: Mapping[str, str] = field(default_factory=dict)  # by feedback type

    @classmethod
    def of(
        cls, positive: Sequence[str], read: Sequence[str], event_types: Mapping[str, str]
    ) -> "FeedbackTypes":
        """Read the settings.

        Raises:
            ValueError: one of the texts is no rule.
        """
        parse = FeedbackRule.parse
        return cls(tuple(map(parse, positive)), tuple(map(parse, read)), event_types)

    @property
    def excluding(self) -> tuple[tuple[str, str, float], ...]:
        """The rules of feedback whose items leave the lists of its user: type, sign and bound."""
        rules = dict.fromkeys((*self.positive, *self.read))
        return tuple((rule.kind, rule.sign, rule.bound) for rule in rules)

    def event_type(self, kind: str, value: float, configured: Collection[str]) -> str | None:
        """Return the event type of feedback; None if it has no effect on lists but its own.

        The setting comes first, then a type of this meaning. Of the others, positive feedback is a
        like and read feedback a view. A rating without a value says nothing.

        Args:
            kind: the feedback type.
            value: 0 where there is none.
            configured: the event types of the bundle.
        """
        named = self.event_types.get(kind) or find_event_type(kind, configured)
        if named is None:
            if any(rule.matches(kind, value) for rule in self.positive):
                named = "like"
            elif any(rule.matches(kind, value) for rule in self.read):
                named = "view"
        if named not in configured or (named == "rating" and not value):
            return None
        return named
