"""The registry of the functions that fit each kind of ranker.

A built-in kind has one line in ``BUILT_IN_TRAINERS``. Another package adds a kind by an entry point
of the group ``recfunnel.trainers`` whose object is a ``Trainer``, beside the codec of the same name
in the group ``recfunnel.rankers`` (see ``app.rank.kinds``).
"""

from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import entry_points

from app.artifacts import Rankers
from app.rank.kinds import STAGE_COLUMNS, find_kind
from app.rank.scorer import (
    LOGISTIC,
    OBJECTIVE_BLEND,
    POINTWISE_LISTWISE,
    MatrixModel,
    MatrixScorer,
    RankerKinds,
)
from offline.data.errors import DataError
from offline.models.hybrids import HYBRID_FITS
from offline.training.gbdt import fit_pointwise_listwise
from offline.training.linear import fit_coarse
from offline.training.objectives import build_blend, fit_objective_models, score_table
from offline.training.rankers import FittedRanker, TrainedRankers, Trainer, TrainingSet

ENTRY_POINTS = "recfunnel.trainers"


def _wrap(model: MatrixModel, training: TrainingSet) -> FittedRanker:
    """Return a matrix model as a ranker that can score the rows it was fitted on."""
    width = len(training.columns)
    return FittedRanker(
        MatrixScorer(model), lambda: model.score(training.table.features[:, :width])
    )


def train_logistic(training: TrainingSet) -> FittedRanker:
    """Fit a logistic regression, distilled from the fine ranker's scores where there are any."""
    table, width = training.table, len(training.columns)
    return _wrap(fit_coarse(table, training.rank, training.fine_scores, width), training)


def train_pointwise_listwise(training: TrainingSet) -> FittedRanker:
    """Fit pointwise and listwise trees."""
    return _wrap(fit_pointwise_listwise(training.windows, training.rank, training.seed), training)


def train_objective_blend(training: TrainingSet) -> FittedRanker:
    """Fit a model for each objective; where nobody fulfilled any, the single model remains."""
    relevant = fit_pointwise_listwise(training.windows, training.rank, training.seed)
    models, weights = fit_objective_models(training, relevant), training.objectives
    if not models:
        return replace(_wrap(relevant, training), kind=POINTWISE_LISTWISE)
    return FittedRanker(
        build_blend(models, weights),
        lambda: score_table(models, weights, training.table),
        relevant=MatrixScorer(relevant),
    )


def _train_hybrid(name: str) -> Trainer:
    return lambda training: _wrap(HYBRID_FITS[name](training.table, training.hybrid), training)


BUILT_IN_TRAINERS: Mapping[str, Trainer] = {
    LOGISTIC: train_logistic,
    POINTWISE_LISTWISE: train_pointwise_listwise,
    OBJECTIVE_BLEND: train_objective_blend,
    **{name: _train_hybrid(name) for name in HYBRID_FITS},
}


def find_trainer(name: str) -> Trainer:
    """Return the trainer of a kind.

    Raises:
        DataError: neither this package nor an installed one can fit such a kind.
    """
    if name in BUILT_IN_TRAINERS:
        return BUILT_IN_TRAINERS[name]
    installed = entry_points(group=ENTRY_POINTS)
    if name not in installed.names:
        names = ", ".join([*BUILT_IN_TRAINERS, *sorted(installed.names)])
        raise DataError(f"There is no trainer of the ranker {name!r}. There are: {names}.")
    trainer: Trainer = installed[name].load()
    return trainer


def fit_ranker(kind: str, training: TrainingSet) -> FittedRanker:
    """Fit a ranker of one kind, and check that it reads the columns of its stage.

    Raises:
        DataError: the kind is unknown, or the rows teach nothing.
        ValueError: the ranker reads other columns.
    """
    fitted = find_trainer(kind)(training)
    fitted = replace(fitted, kind=fitted.kind or kind)
    find_kind(fitted.kind).verify(fitted.scorer, training.columns)
    return fitted


def add_coarse(fine: FittedRanker, kind: str, training: TrainingSet) -> TrainedRankers:
    """Fit the coarse ranker to the scores of a fitted fine one, and return both."""
    scores = fine.table_scores() if fine.table_scores else None
    columns = STAGE_COLUMNS["coarse"]
    coarse = fit_ranker(kind, replace(training, columns=columns, fine_scores=scores))
    rankers = Rankers(coarse.scorer, fine.scorer)
    return TrainedRankers(rankers, RankerKinds(coarse.kind, fine.kind), training, fine.relevant)
