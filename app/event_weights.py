"""The preference weight of an event. Readers of logs and live events use the same rule."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from app.contracts import Scores
from app.expressions.event_weight_formula import parse_formula

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
}
AMOUNT_TYPES = frozenset({"play", "watch"})  # the weight grows with the logarithm of the value


@dataclass(frozen=True, slots=True)
class EventWeights:
    """Converts an event's type and value to a weight. Stored in the bundle's manifest."""

    positive_at: float = 4.0  # ratings from here are positive; those up to half of it, negative
    type_weights: Mapping[str, float | str] = field(default_factory=lambda: dict(TYPE_WEIGHTS))
    explicit: bool = False  # True: values are ratings, and other events are converted to ratings

    def accepts(self, kind: str) -> bool:
        """Return whether events of this type are accepted."""
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
