"""Every feature, once: the views, in order, and the builder that fills them.

Training and serving both call ``FeatureBuilder.build``; there is no second definition. A group is
one function of ``app.columns`` that fills a few columns for a whole pool; a view is an ordered
choice of groups. To add a feature, add its name to a group and return one more array from the
group's function.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.artifacts import Models
from app.contracts import Candidates, Matrix, Query, Scores
from app.features.channels import AGREEMENT, CHANNEL, CHANNELS, PERSONAL_CHANNELS
from app.features.context import FeatureContext, FeatureGroup
from app.features.popularity import POPULARITY, RELEASE, SEGMENT
from app.features.similarity import DISLIKED, NEARNESS, SESSION_GROUP, TASTE
from app.features.user import AFFINITY, CATEGORY, CLOCK, HABIT, PROVIDER, USER
from app.state.counters import PopularityCounters

__all__ = [
    "CHANNELS",
    "COARSE_VIEW",
    "FINE_VIEW",
    "PERSONAL_CHANNELS",
    "FeatureBuilder",
    "FeatureContext",
    "FeatureGroup",
]

FORMULAS = "3"  # raise it when a column keeps its name and changes its formula: train again

# What compares a candidate with the rest of the pool (z-scores) belongs in the coarse view, which
# sees the pool as merged; the fine view adds groups that look at one candidate at a time.
COARSE_VIEW = (CHANNEL, AGREEMENT, POPULARITY, TASTE, CATEGORY, SEGMENT)
FINE_VIEW = (
    *(*COARSE_VIEW, RELEASE, NEARNESS, SESSION_GROUP, DISLIKED),
    *(AFFINITY, HABIT, PROVIDER, USER, CLOCK),
)


def column_names(view: Sequence[FeatureGroup]) -> tuple[str, ...]:
    """Give the column names of a view, in order."""
    return tuple(name for group in view for name in group.names)


def view_hash() -> str:
    """Give a fingerprint of both views; a bundle made for other columns is refused."""
    text = "|".join([FORMULAS, *column_names(COARSE_VIEW), "||", *column_names(FINE_VIEW)])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, eq=False)
class FeatureBuilder:
    """Computes one view for any pool. Built with a bundle; the same object trains and serves."""

    view: Sequence[FeatureGroup]
    models: Models
    counters: PopularityCounters
    category_share: NDArray[np.float64]  # (c,) share of all likes that fall into each category
    provider_share: NDArray[np.float64]  # (p,) share of the likes of items by each provider
    factor_lengths: Scores  # (n,) of the items' factor vectors, never 0

    def build(self, query: Query, pool: Candidates) -> Matrix:
        """Compute the view's columns for ``pool``, (n, f) float32; NaN where nothing is known.

        Groups whose columns the pool brings along are not computed again.
        """
        crowd = (self.category_share, self.provider_share, self.factor_lengths)
        scene = FeatureContext(self.models, self.counters, *crowd, query, pool)
        brought, width = pool.features.shape[1], sum(len(group.names) for group in self.view)
        added = np.empty((width - brought, len(pool)), np.float32)
        columns = (column for group in self._after(brought) for column in group.fill(scene))
        for place, column in zip(range(width - brought), columns, strict=True):
            added[place] = column
        matrix = np.empty((len(pool), width), np.float32)
        matrix[:, :brought] = pool.features
        matrix[:, brought:] = added.T
        return matrix

    def _after(self, columns: int) -> Iterator[FeatureGroup]:
        """Give the groups behind the first so many columns of the view."""
        for group in self.view:
            if columns <= 0:
                yield group
            columns -= len(group.names)
