"""What an event says about taste: one rule, used by the readers of logs and by live events."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from app.contracts import Scores
from app.expressions.event_weight_formula import parse_formula

# A purchase speaks louder than a look; negative types speak against the item. Scale: a like is 1.
TYPE_WEIGHTS: Mapping[str, float] = {
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
    "unhide": 0.0,  # takes a hide back
}
AMOUNT_TYPES = frozenset(
    {"play", "watch"}
)  # value is an amount: its weight grows with the logarithm


@dataclass(frozen=True, slots=True)
class EventWeights:
    """Turns an event's type and value into a weight. Travels in the bundle's manifest."""

    positive_at: float = 4.0  # a rating of at least this is positive; of half of it, negative
    type_weights: Mapping[str, float | str] = field(default_factory=lambda: dict(TYPE_WEIGHTS))
    explicit: bool = False  # True: values are ratings, and events of other types stand for one

    def accepts(self, kind: str) -> bool:
        """Say whether events of this type are accepted."""
        return kind in self.type_weights

    def scale_values(self, kind: str, values: Scores) -> Scores:
        """Put values of one type on the scale of the data's ratings, where it has ratings.

        A like stands for the least positive rating, a dislike for the largest negative one, and
        what says less for something between: a weight of 0 is in the middle.
        """
        if not self.explicit or kind == "rating":
            return values
        share = np.clip(0.75 + 0.25 * self.weigh(kind, values), 0.5, 1.0)
        graded: Scores = (share * self.positive_at).astype(np.float32)
        return graded

    def weigh(self, kind: str, values: Scores) -> Scores:
        """Give the preference weight of events of one type, from their raw values, (n,) each.

        A type whose weight is an expression has that of each value, see ``app.expressions``.

        Raises:
            KeyError: the type is not configured.
            FormulaError: its weight is none; the readers of configuration refuse it before.
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
