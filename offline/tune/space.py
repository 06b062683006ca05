"""The search space: one line for each setting. Other settings keep their values.

A default that lies outside its range, or is none of the options, is tried as well.
"""

from dataclasses import dataclass
from math import inf
from typing import Any, TypeAlias, get_args

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from app.artifacts import DAY
from offline.choices import ItemSimilarity
from offline.models.user_cf import UserSimilarity

OptionValue: TypeAlias = int | float | str


@dataclass(frozen=True, slots=True)
class Range:
    """A number between two bounds. It is whole if they are; with ``log`` it is drawn by ratio."""

    name: str  # path of the setting in ``JobConfig``
    low: float
    high: float
    log: bool = False

    def distribution(self, default: Any) -> BaseDistribution:
        """Return the distribution to draw from, widened to include the default."""
        low, high = min(self.low, default), max(self.high, default)
        log = self.log and low > 0
        if isinstance(self.low, int):
            return IntDistribution(low, high, log=log)
        return FloatDistribution(low, high, log=log)

    def rounded(self, value: Any) -> Any:
        """Round a drawn value to three digits."""
        return float(f"{value:.3g}") if isinstance(value, float) else value


@dataclass(frozen=True, slots=True)
class Options:
    """One of a few values, without order."""

    name: str  # path of the setting in ``JobConfig``
    values: tuple[OptionValue, ...]

    def distribution(self, default: Any) -> BaseDistribution:
        """Return the distribution to draw from, with the default among the values."""
        others = () if default in self.values else (default,)
        return CategoricalDistribution((*self.values, *others))

    def rounded(self, value: Any) -> Any:
        return value


SearchDimension: TypeAlias = Range | Options
HALF_LIVES = (7 * DAY, 15 * DAY, 30 * DAY, 60 * DAY, 120 * DAY, 365 * DAY, inf)
RECALL: dict[str, tuple[SearchDimension, ...]] = {  # by the model's name in RecallConfig
    "item_cf": (
        Options("recall.item_cf.similarity", get_args(ItemSimilarity)),
        Range("recall.item_cf.neighbours", 30, 300, log=True),
        Range("recall.item_cf.shrink", 1.0, 200.0, log=True),
        Range("recall.item_cf.damping", 0.0, 0.8),
        Options("recall.item_cf.half_life", HALF_LIVES),
    ),
    "user_cf": (
        Range("recall.user_cf.raters_per_item", 100, 2_000, log=True),
        Options("recall.user_cf.likeness", get_args(UserSimilarity)),
        Options("recall.user_cf.half_life", HALF_LIVES),
    ),
    "ease": (
        Range("recall.ease.reg", 10.0, 100_000.0, log=True),
        Range("recall.ease.neighbours", 50, 400, log=True),
        Options("recall.ease.half_life", HALF_LIVES),
    ),
    "rp3beta": (
        Range("recall.rp3beta.alpha", 0.3, 2.0),
        Range("recall.rp3beta.beta", 0.0, 1.0),
        Range("recall.rp3beta.neighbours", 30, 400, log=True),
        Options("recall.rp3beta.half_life", HALF_LIVES),
    ),
    "transitions": (
        Range("recall.transitions.span", 2, 50, log=True),
        Range("recall.transitions.fade", 0.5, 1.0),
        Range("recall.transitions.shrink", 0.5, 100.0, log=True),
        Range("recall.transitions.damping", 0.0, 1.0),
        Range("recall.transitions.neighbours", 30, 300, log=True),
        Options("recall.transitions.half_life", HALF_LIVES),
    ),
    "session_knn": (
        Range("recall.session_knn.visits_per_item", 100, 2_000, log=True),
        Range("recall.session_knn.length_power", 0.0, 1.0),
        Range("recall.session_knn.rarity", 0.0, 2.0),
        Options("recall.session_knn.half_life", HALF_LIVES),
    ),
    "als": (
        Range("recall.als.size", 8, 128, log=True),
        Range("recall.als.alpha", 0.5, 50.0, log=True),
        Range("recall.als.reg", 1.0, 500.0, log=True),
        Range("recall.als.power", 0.0, 1.5),
        Range("recall.als.rounds", 5, 20),
        Range("recall.als.propensity_power", 0.0, 0.8),
        Options("recall.als.half_life", HALF_LIVES),
    ),
    "bpr": (
        Range("recall.bpr.size", 7, 127, log=True),
        Range("recall.bpr.rate", 0.005, 0.2, log=True),
        Range("recall.bpr.penalty", 0.001, 0.2, log=True),
        Range("recall.bpr.rounds", 10, 100, log=True),
        Range("recall.bpr.alpha", 0.5, 50.0, log=True),
        Range("recall.bpr.reg", 0.1, 200.0, log=True),
    ),
    "sgd": (
        Range("recall.sgd.size", 8, 128, log=True),
        Range("recall.sgd.rate", 0.005, 0.1, log=True),
        Range("recall.sgd.penalty", 0.01, 0.5, log=True),
        Range("recall.sgd.rounds", 5, 40, log=True),
        Range("recall.sgd.alpha", 0.5, 50.0, log=True),
        Range("recall.sgd.reg", 0.1, 200.0, log=True),
    ),
    "als_explicit": (
        Range("recall.als_explicit.size", 8, 64, log=True),
        Range("recall.als_explicit.penalty", 0.01, 1.0, log=True),
        Range("recall.als_explicit.alpha", 0.5, 50.0, log=True),
        Range("recall.als_explicit.reg", 0.1, 200.0, log=True),
    ),
    "content": (
        Range("recall.content.title", 0.0, 1.5),
        Range("recall.content.decade", 0.0, 1.5),
        Range("recall.content.title_size", 8, 96, log=True),
    ),
    "segments": (
        Range("recall.segments.prior", 50.0, 50_000.0, log=True),
        Options("recall.segments.half_life", HALF_LIVES),
    ),
}

COARSE: tuple[SearchDimension, ...] = (
    Range("rank.coarse_share", 0.03, 0.4, log=True),
    Range("rank.coarse_strength", 0.001, 10.0, log=True),
)
FINE: tuple[SearchDimension, ...] = (
    Range("rank.learning_rate", 0.02, 0.3, log=True),
    Range("rank.leaves", 4, 31, log=True),
    Range("rank.leaf_rows", 10, 300, log=True),
    Range("rank.truncation", 10, 100, log=True),
    Options("rank.window_half_life", (1.0, 2.0, 4.0, inf)),
    Range("rank.propensity_power", 0.0, 0.8),
)
# The range is narrow, because more candidates cost time in every request.
SIZES: tuple[SearchDimension, ...] = (
    Options("sizes.recall", (100, 150, 200, 300)),
    Options("sizes.coarse", (150, 200, 300, 400)),
)
