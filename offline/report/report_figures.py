"""Turns what a run found into the report's figures and the manifest's summary."""

import importlib.metadata
import platform
from datetime import UTC, datetime
from typing import Any

import numpy as np

from app.features.views import COARSE_VIEW, FINE_VIEW, column_names
from app.rank.kinds import describe_rankers
from offline.data.dataset import Dataset
from offline.data.split import TimeSplit
from offline.evaluate.evaluation import Evaluation
from offline.publish.writer import LIBRARIES, TrainingResult
from offline.report.glossary import METHODS
from offline.report.page import (
    CoarseWeight,
    DatasetFacts,
    FeatureFigure,
    PhaseTime,
    ReportFigures,
    SplitFacts,
)

HEADLINE = "ndcg@10"


def manifest_metrics(evaluation: Evaluation) -> dict[str, Any]:
    """Give the figures that travel in the manifest: the headline of each method."""
    return {
        "window": "the newest interactions, as of the cut; users with a history",
        "users": evaluation.warm["evaluated_users"],
        HEADLINE: {name: m[HEADLINE] for name, m in evaluation.warm["methods"].items()},
        "against": {
            name: d[HEADLINE]["difference"] for name, d in evaluation.warm["differences"].items()
        },
    }


def build_figures(
    dataset: Dataset,
    split: TimeSplit,
    trained: TrainingResult,
    evaluation: Evaluation,
    seconds: dict[str, float],
) -> ReportFigures:
    """Collect everything that the report shows."""
    coarse, fine = describe_rankers(trained.rankers, trained.ranker_kinds)
    sweeps = evaluation.sweeps
    return ReportFigures(
        dataset=_dataset_facts(dataset),
        split=_split_facts(dataset, split, evaluation),
        evaluated_users=evaluation.warm["evaluated_users"],
        methods=evaluation.warm["methods"],
        differences=evaluation.warm["differences"],
        attribution=evaluation.attribution,
        segments=evaluation.segments,
        reach=sweeps["reach"],
        policies=sweeps["policies"],
        trade_off=sweeps["trade_off"],
        cold_curve=sweeps["cold_curve"],
        calibration=sweeps["calibration"],
        regimes=sweeps["regimes"],
        features=[
            FeatureFigure(name=name, gain=fine.columns.get(name, 0.0), meaning=said, group=group)
            for name, said, group in _meanings()
        ],
        coarse=[
            CoarseWeight(name=name, weight=coarse.columns.get(name, 0.0))
            for name in column_names(COARSE_VIEW)
        ],
        timings=[PhaseTime(phase=phase, seconds=took) for phase, took in seconds.items()],
        settings={
            "candidates from each channel": trained.sizes.recall,
            "candidates after coarse": trained.sizes.coarse,
            "candidates after fine": trained.sizes.fine,
            "fine ranker": trained.ranker_kinds.fine,
            "trees of the fine ranker": fine.trees,
            **fine.figures,
        },
        sizes=_sizes(trained, fine.size),
        seeds={"job": trained.seed},
        versions={"python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in LIBRARIES},
        notes=_notes(dataset, evaluation),
    )


def _meanings() -> list[tuple[str, str, str]]:
    """Return the name, the meaning and the group of each column of the fine ranker."""
    return [
        (feature.name, feature.meaning, group.name)
        for group in FINE_VIEW
        for feature in group.features
    ]


def _sizes(trained: TrainingResult, fine_bytes: int) -> dict[str, int]:
    """Measure the largest parts of what a worker holds, in bytes."""
    models, users = trained.models, trained.models.users
    tables = {
        f"table {name}": table.indptr.nbytes + table.rows.nbytes + table.weights.nbytes
        for name, table in models.tables.items()
    }
    return {
        "vectors of the factorisation": models.factors.items.nbytes,
        "vectors of content": models.content.items.nbytes,
        "histories of the training log": sum(
            part.nbytes for part in (users.rows, users.values, users.weights, users.times)
        ),
        "fine ranker": fine_bytes,
        **tables,
    }


def _dataset_facts(dataset: Dataset) -> DatasetFacts:
    times = dataset.log.times
    return DatasetFacts(
        name=dataset.name,
        users=len(dataset.users),
        items=len(dataset.catalogue),
        interactions=len(dataset.log),
        first=_date(times[0]),
        last=_date(times[-1]),
        explicit=dataset.traits.is_explicit,
        timed=dataset.traits.has_times,
    )


def _split_facts(dataset: Dataset, split: TimeSplit, evaluation: Evaluation) -> SplitFacts:
    start, cut = split.windows[0][0], split.test_start
    log = dataset.log
    return SplitFacts(
        t1=_date(start),
        t2=_date(cut),
        recall_interactions=len(log.before(start)),
        ranker_interactions=len(log.between(start, cut)),
        test_interactions=len(log.between(cut, np.inf)),
        test_users=evaluation.users,
        relevant=(
            f"rated {dataset.traits.positive_at:g} or more, not seen before"
            if dataset.traits.is_explicit
            else "a positive event on an item not seen before"
        ),
    )


def _notes(dataset: Dataset, evaluation: Evaluation) -> list[str]:
    notes = [
        "The real funnel was asked, as of the cut, with its policies at their defaults; nothing "
        "after the cut was known to it, item attributes aside.",
        "The headline is of users with a history before the cut.",
    ]
    if evaluation.cold:
        cold = evaluation.cold["methods"]
        listed = ", ".join(
            f"{METHODS[name].lower()} {cold[name][HEADLINE]['mean']:.3f}"
            for name in ("funnel", "popularity", "recency_popularity")
        )
        notes.append(
            f"Of {evaluation.cold['evaluated_users']} users without any history, NDCG@10: {listed}."
        )
    if not dataset.traits.has_times:
        notes.append(
            "The data has no timestamps: the order of events, and so the split, is random."
        )
    return notes


def _date(time: float) -> str:
    return datetime.fromtimestamp(float(time), UTC).date().isoformat()
