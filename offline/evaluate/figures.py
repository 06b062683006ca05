"""What a report holds: plain dictionaries, so that ``report.json`` is exactly this.

``offline.job`` fills a ``Figures``; ``offline.evaluate.report`` writes it. Figures that a data set
cannot have (diversity without content) are None, never NaN. Dates are ISO strings, as given.
"""

from typing import TypeAlias, TypedDict

Setting: TypeAlias = str | int | float | bool | None


class Interval(TypedDict):
    """A figure and its 95 % bootstrap bounds; the bounds are None where users do not vary it."""

    mean: float | None
    low: float | None
    high: float | None


Metrics: TypeAlias = dict[str, Interval]  # "ndcg@10" -> figure


class Difference(TypedDict):
    """The funnel against another method, on the same users."""

    difference: Interval  # funnel - other
    ratio: Interval  # funnel / other


class Comparison(TypedDict):
    """What ``compare.evaluate`` gives: every method by every metric."""

    evaluated_users: int  # users of the test window with at least one relevant item
    methods: dict[str, Metrics]  # "funnel", "popularity", "recency_popularity", each channel
    differences: dict[str, dict[str, Difference]]  # other method -> metric -> funnel against it


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


class ChannelShare(TypedDict):
    """One recall channel, as mean shares of each user's relevant items."""

    own: float  # it proposed
    unique: float  # only it proposed
    size: float  # items proposed, mean per user


class Cut(TypedDict):
    """What is left after one stage."""

    stage: str  # "recall", "coarse", "fine", "final"
    alive: float  # mean share of each user's relevant items still in
    oracle_ndcg: float  # NDCG@k if what is left were ordered perfectly
    size: float  # items left, mean per user


class AttributionFigures(TypedDict):
    """Where relevant items are lost."""

    k: int  # cut of oracle_ndcg, and of the final list
    channels: dict[str, ChannelShare]
    cuts: list[Cut]  # in the order of the stages


class Band(TypedDict):
    """One band of users or items, and the metric of each method within it."""

    band: str  # "10-49 events"
    count: int  # users, or items, in it
    methods: Metrics  # method -> figure


class SegmentFigures(TypedDict):
    """Quality for different users and items."""

    history: list[Band]  # NDCG@10 by number of events known of the user
    popularity: list[Band]  # recall@10 of the relevant items of each popularity band


class Feature(TypedDict):
    """One column of the fine ranker; ``gain`` is LightGBM's total split gain."""

    name: str
    gain: float
    meaning: str


class Weight(TypedDict):
    """One coefficient of the coarse ranker, on standardised columns."""

    name: str
    weight: float


class Timing(TypedDict):
    """Wall time of one phase of the job."""

    phase: str
    seconds: float


class Figures(TypedDict):
    """A whole report."""

    dataset: DatasetFacts
    split: SplitFacts
    evaluated_users: int
    methods: dict[str, Metrics]
    differences: dict[str, dict[str, Difference]]
    attribution: AttributionFigures
    segments: SegmentFigures
    features: list[Feature]  # any order; the page shows the best
    coarse: list[Weight]
    timings: list[Timing]  # in the order they ran
    settings: dict[str, Setting]
    seeds: dict[str, int]
    versions: dict[str, str]  # library -> version
    notes: list[str]  # sentences a reader must know
