"""The figures of a report, and the part of them that the manifest keeps."""

import platform
from typing import Any, TypedDict

import numpy as np

from app.features.views import COARSE_VIEW, FINE_VIEW, column_names
from app.rank.kinds import describe_rankers
from offline.data.dataset import Dataset
from offline.data.findings import frequent_categories_remark
from offline.data.split import TimeSplit
from offline.evaluate.evaluation import Evaluation
from offline.evaluate.figures import (
    HEADLINE,
    Attribution,
    ConstantChoice,
    Difference,
    MetricFigures,
    ObjectiveRow,
    SegmentFigures,
    Sweeps,
    Variant,
)
from offline.publish.writer import TrainingResult, installed_versions
from offline.report.glossary import METHODS
from offline.report.page import format_date
from offline.setting_paths import SettingValue


class DatasetFacts(TypedDict):
    """The data set that the funnel was trained on. Dates are ISO strings."""

    name: str
    users: int
    items: int
    interactions: int
    first: str  # date of the first interaction
    last: str
    explicit: bool  # ratings, not counts
    timed: bool  # False: no timestamps, the split is random


class SplitFacts(TypedDict):
    """The global split by time: ``[… t1) recall | [t1 … t2) ranker | [t2 … end) test``."""

    t1: str
    t2: str
    recall_interactions: int
    ranker_interactions: int
    test_interactions: int
    test_users: int
    relevant: str  # in words, e.g. "rated 4 or more, not seen before"


class FeatureFigure(TypedDict):
    """One column of the fine ranker. ``gain`` is LightGBM's total split gain."""

    name: str
    gain: float
    meaning: str
    group: str  # columns that are computed together, "channel"


class CoarseWeight(TypedDict):
    """One coefficient of the coarse ranker, on standardised columns."""

    name: str
    weight: float


class PhaseTime(TypedDict):
    """Wall time of one phase of the job, and the highest memory of the process until its end."""

    phase: str
    seconds: float
    peak_bytes: int


class OptionalFigures(TypedDict, total=False):
    """Figures that not every training has. The page leaves out what is absent."""

    constants: list[ConstantChoice]  # of recall; empty: none was tried
    hybrids: list[Variant]
    objectives: list[ObjectiveRow]


class ReportFigures(Sweeps, OptionalFigures):
    """The figures of a whole report, as ``report.json`` has them."""

    dataset: DatasetFacts
    split: SplitFacts
    evaluated_users: int
    methods: dict[str, MetricFigures]
    differences: dict[str, dict[str, Difference]]
    attribution: Attribution
    segments: SegmentFigures
    features: list[FeatureFigure]  # in any order
    coarse: list[CoarseWeight]
    timings: list[PhaseTime]  # in the order they ran
    settings: dict[str, SettingValue]
    sizes: dict[str, int]  # part of the bundle -> bytes
    seeds: dict[str, int]
    versions: dict[str, str]  # library -> version
    notes: list[str]  # sentences that a reader must know


def manifest_metrics(evaluation: Evaluation) -> dict[str, Any]:
    """Return the figures that the manifest keeps: the headline of each method.

    A channel that proposed nothing is left out, for want of data or because it is off.
    """
    shares = evaluation.attribution["channels"]
    silent = {name for name, share in shares.items() if not share["size"]}
    methods, against = evaluation.warm["methods"], evaluation.warm["differences"]
    return {
        "window": "the newest interactions, as of the cut; users with a history",
        "users": evaluation.warm["evaluated_users"],
        HEADLINE: {name: m[HEADLINE] for name, m in methods.items() if name not in silent},
        "against": {
            name: d[HEADLINE]["difference"] for name, d in against.items() if name not in silent
        },
    }


def build_figures(
    dataset: Dataset,
    split: TimeSplit,
    trained: TrainingResult,
    evaluation: Evaluation,
    timings: list[PhaseTime],
) -> ReportFigures:
    """Collect the figures that every report shows."""
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
        visits=sweeps["visits"],
        features=[
            FeatureFigure(name=name, gain=fine.columns.get(name, 0.0), meaning=meaning, group=group)
            for name, meaning, group in _meanings()
        ],
        coarse=[
            CoarseWeight(name=name, weight=coarse.columns.get(name, 0.0))
            for name in column_names(COARSE_VIEW)
        ],
        timings=timings,
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
        versions={"python": platform.python_version()} | installed_versions(),
        notes=[*_notes(dataset, evaluation), *fine.remarks],
    )


def _meanings() -> list[tuple[str, str, str]]:
    return [
        (feature.name, feature.meaning, group.name)
        for group in FINE_VIEW
        for feature in group.features
    ]


def _sizes(trained: TrainingResult, fine_bytes: int) -> dict[str, int]:
    """Return the sizes of the largest parts in a worker's memory, in bytes."""
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
        first=format_date(times[0]),
        last=format_date(times[-1]),
        explicit=dataset.traits.is_explicit,
        timed=dataset.traits.has_times,
    )


def _split_facts(dataset: Dataset, split: TimeSplit, evaluation: Evaluation) -> SplitFacts:
    start, cut = split.windows[0][0], split.test_start
    log = dataset.log
    return SplitFacts(
        t1=format_date(start),
        t2=format_date(cut),
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
        "The real funnel answered as of the cut, with its policies at their defaults. It used "
        "nothing from after the cut except item attributes.",
        "The headline is of users with a history before the cut.",
    ]
    if evaluation.cold:
        cold = evaluation.cold["methods"]
        listed = ", ".join(
            f"{METHODS[name].lower()} {cold[name][HEADLINE]['mean']:.3f}"
            for name in ("funnel", "popularity", "recency_popularity")
        )
        notes.append(
            f"NDCG@10 of {evaluation.cold['evaluated_users']} users without a history: {listed}."
        )
    remark = frequent_categories_remark(dataset.catalogue)
    if remark:
        notes.append(remark)
    if not dataset.traits.has_times:
        notes.append("The data has no timestamps, so the order of events and the split are random.")
    return notes
