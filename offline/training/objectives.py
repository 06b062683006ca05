"""Objectives of ranking: grades of a user's actions on each proposed item, and a model for each."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.contracts import Matrix, NotNegative, Rows, Scores
from app.features.context import standardise
from app.rank.objectives import RELEVANT, ObjectiveBlend
from app.rank.pointwise_listwise import PointwiseListwiseBlend
from app.rank.scorer import OBJECTIVE_BLEND, POINTWISE_LISTWISE, MatrixScorer, RankerKinds
from offline.data.dataset import DataTraits, Log
from offline.data.errors import DataError
from offline.training.gbdt import fit_pointwise_listwise
from offline.training.rank_table import RankTable
from offline.training.rankers import TrainingSet

OBJECTIVE_COLUMNS = ("click", "conversion", "value")  # the columns of a table's outcomes
GRADES = 4  # grades of value above 0; LightGBM gains 2^grade - 1
LARGEST_QUANTILE = 0.95  # of the distinct values ends the scale: outliers do not stretch it

ObjectiveModels: TypeAlias = Mapping[str, PointwiseListwiseBlend]  # by the name of the objective


@dataclass(frozen=True, slots=True)
class ObjectiveWeights:
    """The weights of the objectives in the fine ranker. If all are 0, the data decides."""

    relevant: NotNegative = 0.0  # any positive event
    click: NotNegative = 0.0  # any event that is not negative
    conversion: NotNegative = 0.0  # an event that weighs as much as the strongest positive type
    value: NotNegative = 0.0  # the sum of weight times value


# Used where event types have different weights. Clicks count most, because higher weights of the
# others cost relevance for users with few events (docs/guides/objectives.md has the figures).
DEFAULT_WEIGHTS = ObjectiveWeights(click=1.0, conversion=0.3, value=0.2)


def choose_objectives(
    configured: ObjectiveWeights, traits: DataTraits, fine_kind: str = POINTWISE_LISTWISE
) -> dict[str, float]:
    """Return the weights of the objectives to blend; empty: the single model is enough.

    Raises:
        DataError: weights are configured for a fine ranker that cannot blend objectives.
    """
    weights = {name: weight for name, weight in asdict(configured).items() if weight}
    if fine_kind not in {POINTWISE_LISTWISE, OBJECTIVE_BLEND}:
        if weights:
            raise DataError(
                f"The fine ranker {fine_kind!r} has one model, so there are no objectives to "
                "blend: leave out either rankers.fine or the objectives."
            )
        return {}
    if not weights and len(traits.positive_weights) > 1:
        weights = {name: weight for name, weight in asdict(DEFAULT_WEIGHTS).items() if weight}
    return {} if set(weights) <= {RELEVANT} else weights


def choose_kinds(configured: RankerKinds, objectives: Mapping[str, float]) -> RankerKinds:
    """Return the kinds to fit: with objectives the fine ranker blends a model for each."""
    fine = OBJECTIVE_BLEND if objectives else configured.fine
    if fine == OBJECTIVE_BLEND and not objectives:
        fine = POINTWISE_LISTWISE
    return RankerKinds(configured.coarse, fine)


def compute_outcomes(rows: Rows, later: Log, strongest: float) -> Matrix:
    """Return what a user went on to do with each of ``rows``, (n, 3): OBJECTIVE_COLUMNS.

    Click and conversion are 0 or 1. Value is the sum of weight times value over the events, and
    0 where they speak against the item.

    Args:
        rows: unique items.
        later: the user's own events.
        strongest: the weight from which an event is a conversion.
    """
    is_hit = rows[:, None] == later.items
    values = later.weights.astype(np.float64) * later.values
    columns = [
        is_hit[:, later.weights >= 0].any(axis=1),
        is_hit[:, later.weights >= strongest].any(axis=1),
        np.maximum((is_hit * values).sum(axis=1), 0.0),
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def compute_grade_bounds(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the inner bounds of GRADES grades of equal ratio over the positive values, (3,)."""
    different = np.unique(values[values > 0]).astype(np.float64)
    if not len(different):
        return np.ones(GRADES - 1)
    largest = float(np.quantile(different, LARGEST_QUANTILE))
    return np.geomspace(different[0], largest, GRADES + 1)[1:-1]


def compute_grades(
    outcomes: Matrix, objective: str, bounds: NDArray[np.float64]
) -> NDArray[np.int32]:
    """Grade outcomes (n, 3) by one objective, (n,): 0 or 1, for value 0 to GRADES."""
    column = outcomes[:, OBJECTIVE_COLUMNS.index(objective)]
    if objective != "value":
        return (column > 0).astype(np.int32)
    steps = 1 + np.searchsorted(bounds, column, side="right")
    return np.where(column > 0, steps, 0).astype(np.int32)


def parse_objectives(text: str) -> Mapping[str, float]:
    """Parse weights as the command line has them, "conversion=1,click=0.3".

    Raises:
        DataError: it is not such a list; the text says what is.
    """
    names = tuple(ObjectiveWeights.__dataclass_fields__)
    weights = {}
    for part in text.split(","):
        name, _, number = part.partition("=")
        try:
            weights[name.strip()] = float(number)
        except ValueError:
            raise DataError(
                f"{part.strip()!r} is not the weight of an objective: write for example "
                "conversion=1,click=0.3,value=0.5"
            ) from None
    unknown = [name for name in weights if name not in names]
    if unknown:
        raise DataError(f"there is no objective {unknown[0]!r}: there are {', '.join(names)}")
    if not all(0 <= weight < np.inf for weight in weights.values()) or not any(weights.values()):
        raise DataError(f"{text!r}: weights are not negative, and one is above 0")
    return weights


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


def build_blend(models: ObjectiveModels, weights: Mapping[str, float]) -> ObjectiveBlend:
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


def score_table(models: ObjectiveModels, weights: Mapping[str, float], table: RankTable) -> Scores:
    """Return the blend's scores of a whole table, (m,), each group standardised as one pool."""
    ends = np.cumsum(table.groups)[:-1]
    total = np.zeros(len(table))
    for objective, model in models.items():
        pools = np.split(model.score(table.features).astype(np.float64), ends)
        total += weights[objective] * np.concatenate([standardise(pool) for pool in pools])
    return total.astype(np.float32)
