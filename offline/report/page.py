"""A whole report: what ``report_figures`` fills, and ``offline.report.report`` writes.

Dates are ISO strings, as given.
"""

from typing import TypedDict

from offline.evaluate.figures import (
    Attribution,
    Difference,
    MetricFigures,
    ObjectiveRow,
    SegmentFigures,
    Sweeps,
    Variant,
)
from offline.publish.flatten_config import SettingValue
from offline.publish.index_loss import IndexLoss


class DatasetFacts(TypedDict):
    """What the funnel was trained on."""

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
    relevant: str  # in words: what counts as relevant, e.g. "rated 4 or more, not seen before"


class FeatureFigure(TypedDict):
    """One column of the fine ranker; ``gain`` is LightGBM's total split gain."""

    name: str
    gain: float
    meaning: str
    group: str  # columns that are filled together, "channel"


class CoarseWeight(TypedDict):
    """One coefficient of the coarse ranker, on standardised columns."""

    name: str
    weight: float


class PhaseTime(TypedDict):
    """Wall time of one phase of the job."""

    phase: str
    seconds: float


class OptionalFigures(TypedDict, total=False):
    """What other programs measure; the page leaves out what is absent."""

    ablations: list[Variant]
    hybrids: list[Variant]
    objectives: list[ObjectiveRow]
    index: list[IndexLoss]


class ReportFigures(Sweeps, OptionalFigures):
    """A whole report."""

    dataset: DatasetFacts
    split: SplitFacts
    evaluated_users: int
    methods: dict[str, MetricFigures]
    differences: dict[str, dict[str, Difference]]
    attribution: Attribution
    segments: SegmentFigures
    features: list[FeatureFigure]  # any order; the page shows the best
    coarse: list[CoarseWeight]
    timings: list[PhaseTime]  # in the order they ran
    settings: dict[str, SettingValue]
    sizes: dict[str, int]  # part of the bundle -> bytes
    seeds: dict[str, int]
    versions: dict[str, str]  # library -> version
    notes: list[str]  # sentences a reader must know
