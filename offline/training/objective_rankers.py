"""Fit one fine model for each objective, and blend them."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from app.contracts import Scores
from app.features.context import standardise
from app.rank.objectives import RELEVANT, ObjectiveBlend
from app.rank.pointwise_listwise import PointwiseListwiseBlend
from app.rank.scorer import MatrixScorer
from offline.training.gbdt import fit_pointwise_listwise
from offline.training.objectives import OBJECTIVE_COLUMNS, compute_grade_bounds, compute_grades
from offline.training.rank_table import RankTable
from offline.training.rankers import TrainingSet

Models = Mapping[str, PointwiseListwiseBlend]  # the model of each objective


def fit_objective_models(
    training: TrainingSet, relevant: PointwiseListwiseBlend
) -> dict[str, PointwiseListwiseBlend]:
    """Fit a fine model for each objective that has a weight, on tables that have outcomes.

    An objective that nobody fulfilled is left out. ``relevant`` is the fitted model of liked
    items; it serves every objective that has the same labels.
    """
    windows, config = training.windows, training.rank
    bounds = compute_value_bounds(windows)
    models = {RELEVANT: relevant} if RELEVANT in training.objectives else {}
    for objective in (name for name in OBJECTIVE_COLUMNS if name in training.objectives):
        tables = [relabel(window, objective, bounds) for window in windows]
        if _have_same_labels(tables, windows):
            models[objective] = relevant
        elif any(table.labels.any() for table in tables):
            models[objective] = fit_pointwise_listwise(tables, config, training.seed)
    return models


def build_blend(models: Models, weights: Mapping[str, float]) -> ObjectiveBlend:
    """Return the scorer of all models."""
    scorers = {name: MatrixScorer(model) for name, model in models.items()}
    return ObjectiveBlend(scorers, {name: weights[name] for name in models})


def _have_same_labels(tables: list[RankTable], others: list[RankTable]) -> bool:
    pairs = zip(tables, others, strict=True)
    return all(np.array_equal(table.labels, other.labels) for table, other in pairs)


def compute_value_bounds(windows: list[RankTable]) -> NDArray[np.float64]:
    """Return the bounds of the grades of value, from the values that these windows hold."""
    values = [
        w.outcomes[:, OBJECTIVE_COLUMNS.index("value")] for w in windows if w.outcomes is not None
    ]
    return compute_grade_bounds(np.concatenate([np.empty(0, np.float32), *values]))


def relabel(table: RankTable, objective: str, bounds: NDArray[np.float64]) -> RankTable:
    """Label the rows by one objective.

    Raises:
        ValueError: the table has no outcomes.
    """
    if table.outcomes is None:
        raise ValueError("a table without outcomes cannot be graded: collect or pass them")
    return replace(table, labels=compute_grades(table.outcomes, objective, bounds))


def score_table(models: Models, weights: Mapping[str, float], table: RankTable) -> Scores:
    """Return the blend's scores of a whole table, (m,), each group standardised as one pool."""
    ends = np.cumsum(table.groups)[:-1]
    total = np.zeros(len(table))
    for objective, model in models.items():
        pools = np.split(model.score(table.features).astype(np.float64), ends)
        total += weights[objective] * np.concatenate([standardise(pool) for pool in pools])
    return total.astype(np.float32)
