"""Fits one fine model for each objective, and blends them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from app.contracts import Scores
from app.features.context import standardise
from app.rank.objectives import RELEVANT, ObjectiveBlend
from app.rank.pointwise_listwise import PointwiseListwiseBlend
from offline.training.objectives import OUTCOMES, compute_grade_bounds, compute_grades
from offline.training.rank_table import RankTable
from offline.training.rankers import RankConfig, fit_fine


@dataclass(frozen=True, slots=True, eq=False)
class ObjectiveModels:
    """Fine models by objective, how much each counts, and what the grades of value mean."""

    models: Mapping[str, PointwiseListwiseBlend]
    weights: Mapping[str, float]  # of the same objectives
    bounds: NDArray[np.float64]  # of the grades of value

    @property
    def blend(self) -> ObjectiveBlend:
        """Give the scorer of all of them."""
        return ObjectiveBlend(self.models, dict(self.weights))


def fit_objective_models(
    windows: list[RankTable],
    relevant: PointwiseListwiseBlend,
    weights: Mapping[str, float],
    config: RankConfig,
    seed: int,
) -> ObjectiveModels | None:
    """Fit a fine model for each objective of ``weights``, on tables that have outcomes.

    An objective that nobody fulfilled is left out; None: that is all of them. ``relevant`` is the
    model of what was liked, which is fitted already; it serves every objective of the same labels.
    """
    bounds = compute_value_bounds(windows)
    models = {RELEVANT: relevant} if RELEVANT in weights else {}
    for objective in (name for name in OUTCOMES if name in weights):
        tables = [relabel(window, objective, bounds) for window in windows]
        if _alike(tables, windows):
            models[objective] = relevant
        elif any(table.labels.any() for table in tables):
            models[objective] = fit_fine(tables, config, seed)
    if not models:
        return None
    return ObjectiveModels(models, {name: weights[name] for name in models}, bounds)


def _alike(tables: list[RankTable], windows: list[RankTable]) -> bool:
    """Say whether both have the same labels, and so teach the same."""
    pairs = zip(tables, windows, strict=True)
    return all(np.array_equal(table.labels, window.labels) for table, window in pairs)


def compute_value_bounds(windows: list[RankTable]) -> NDArray[np.float64]:
    """Give the bounds of the grades of value, by how much what these windows hold is worth."""
    worth = [w.outcomes[:, OUTCOMES.index("value")] for w in windows if w.outcomes is not None]
    return compute_grade_bounds(np.concatenate([np.empty(0, np.float32), *worth]))


def relabel(table: RankTable, objective: str, bounds: NDArray[np.float64]) -> RankTable:
    """Label the rows by one objective.

    Raises:
        ValueError: the table has no outcomes.
    """
    if table.outcomes is None:
        raise ValueError("a table without outcomes cannot be graded: collect it, or give them")
    return replace(table, labels=compute_grades(table.outcomes, objective, bounds))


def score_table(blend: ObjectiveBlend, table: RankTable) -> Scores:
    """Score a whole table, (m,): each group as the pool that it is, each model at one go."""
    ends = np.cumsum(table.groups)[:-1]
    total = np.zeros(len(table))
    for objective, weight in blend.weights.items():
        scores = blend.models[objective].score(table.features).astype(np.float64)
        pools = np.split(scores, ends)
        total += weight * np.concatenate([standardise(pool) for pool in pools])
    return total.astype(np.float32)
