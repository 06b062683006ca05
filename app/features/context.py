"""What a column may look at, and the arithmetic that several groups share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.artifacts import Models
from app.contracts import ABSENT, Candidates, Matrix, Query, Rows, Scores
from app.state.counters import PopularityCounters

Columns: TypeAlias = Sequence[NDArray[np.floating] | float]  # (n,) each; a float fills a column


@dataclass(frozen=True, eq=False)
class FeatureContext:
    """All that a feature may look at: the models, the crowd, the user and the pool.

    What several groups need is computed when the first of them asks for it.
    """

    models: Models
    counters: PopularityCounters
    category_share: NDArray[np.float64]  # (c,) share of all likes that fall into each category
    provider_share: NDArray[np.float64]  # (p,) share of the likes of items by each provider
    factor_lengths: Scores  # (n,) of the items' factor vectors, never 0
    query: Query
    pool: Candidates

    @cached_property
    def places(self) -> Matrix:
        """Give the candidates' places in the channels' lists, (c, n); ABSENT as in the pool."""
        return self.pool.ranks.T.astype(np.float32, order="C")

    @cached_property
    def proposed(self) -> Matrix:
        """Say with 1 which channel proposed which candidate, (c, n); 0 elsewhere."""
        proposed: Matrix = (self.places != ABSENT).astype(np.float32)
        return proposed

    @cached_property
    def vectors(self) -> tuple[Matrix, Matrix]:
        """Give the candidates' unit vectors: by factors (n, d), by content (n, e)."""
        return self.vectors_of(self.pool.rows)

    def vectors_of(self, rows: Rows) -> tuple[Matrix, Matrix]:
        """Give the unit vectors of any items, by factors and by content."""
        factors = self.models.factors.items.take(rows, axis=0)
        factors /= self.factor_lengths.take(rows)[:, None]
        return factors, self.models.content.items.take(rows, axis=0)

    @cached_property
    def categories(self) -> NDArray[np.float64]:
        """Say with 1 which candidate is of which category, (n, c); 0 elsewhere."""
        return self.models.catalogue.categories.take(self.pool.rows, axis=0).astype(np.float64)

    @cached_property
    def breadth(self) -> NDArray[np.float64]:
        """Count the categories of each candidate, at least 1, (n,)."""
        counted = self.categories @ np.ones(self.categories.shape[1])  # exact in any order
        return np.maximum(counted, 1.0)


@dataclass(frozen=True, slots=True)
class FeatureGroup:
    """Columns that are cheapest to fill together."""

    names: tuple[str, ...]
    fill: Callable[[FeatureContext], Columns]


def standardise(scores: NDArray[np.floating]) -> NDArray[np.floating]:
    """Give z-scores over the pool: raw scores of two users cannot be compared."""
    if not len(scores):
        return scores
    away: NDArray[np.floating] = scores - scores.sum() / len(scores)
    spread = float(np.sqrt((away * away).sum() / len(scores)))  # numpy's std takes twice as long
    away /= max(spread, 1e-9)
    return away
