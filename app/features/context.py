"""The inputs of features, their declaration, and arithmetic that groups share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.artifacts import Models
from app.contracts import Candidates, Matrix, Query, Scores
from app.state.counters import PopularityCounters

BLOCK_ITEMS = 65_536  # items whose categories are summed at a time
# (n,) is a column, (columns, n) several; a float fills a column
Columns: TypeAlias = Sequence[NDArray[np.floating] | float]


@dataclass(frozen=True, slots=True, eq=False)
class LikeShares:
    """The shares of categories and providers in the likes of all users, as of the bundle."""

    categories: NDArray[np.float64]  # (c,) share of each category; sums to 1
    providers: NDArray[np.float64]  # (p,) share of each provider; items without one left out

    @classmethod
    def of(cls, models: Models) -> "LikeShares":
        """Compute both shares from the likes of the training log."""
        likes = models.popularity.liked[-1]
        share = (likes / max(float(likes.sum()), 1.0)).astype(np.float32)
        by_category = _sum_by_category(share, models.catalogue.categories)
        providers = models.catalogue.providers[: len(share)]
        has_provider = providers >= 0
        by_provider = np.bincount(
            providers[has_provider],
            share[has_provider],
            minlength=len(models.catalogue.provider_names),
        )
        total = float(share[has_provider].sum(dtype=np.float64))
        return cls(
            np.asarray(by_category / max(float(by_category.sum()), 1e-9)),
            np.asarray(by_provider / max(total, 1e-9)),
        )


def _sum_by_category(share: Scores, categories: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the sum of the shares of each category's items, (c,)."""
    total = np.zeros(categories.shape[1], np.float64)
    for start in range(0, len(share), BLOCK_ITEMS):  # the product converts the marks to float64
        block = share[start : start + BLOCK_ITEMS].astype(np.float64)
        total += block @ categories[start : start + len(block)]
    return total


@dataclass(frozen=True, slots=True, eq=False)
class FeatureContext:
    """All that a feature may read: the models, the counters, the query and the pool."""

    models: Models
    counters: PopularityCounters
    like_shares: LikeShares
    query: Query
    pool: Candidates

    @property
    def spaces(self) -> tuple[Matrix, Scores, Matrix]:
        """The item vectors by behaviour, their lengths, and those by content (of length 1)."""
        factors = self.models.factors
        return factors.items, factors.lengths, self.models.content.items


@dataclass(frozen=True, slots=True)
class Feature:
    """One column of the rankers' input. It is declared beside the function that computes it."""

    name: str
    meaning: str  # one line, for the report
    formula: str  # how it is computed, for the reference
    is_rising: bool = False  # True: a larger value may only raise a score


@dataclass(frozen=True, slots=True)
class FeatureGroup:
    """Features that one function computes together, in the order of its columns."""

    features: tuple[Feature, ...]
    compute: Callable[[FeatureContext], Columns]

    @property
    def name(self) -> str:
        """The name of the group: that of its function."""
        return self.compute.__name__.removesuffix("_columns")

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(feature.name for feature in self.features)


def standardise(scores: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the z-scores over the pool: raw scores of two users cannot be compared."""
    if not len(scores):
        return scores
    deviations: NDArray[np.floating] = scores - scores.sum() / len(scores)
    # numpy's std takes twice as long
    spread = float(np.sqrt((deviations * deviations).sum() / len(scores)))
    deviations /= max(spread, 1e-9)
    return deviations
