"""What an evaluation finds: plain dictionaries, so that ``report.json`` is exactly this.

``offline.report.page`` puts them together. Figures that a data set cannot have (diversity
without content) are None, never NaN.
"""

from typing import TypeAlias, TypedDict

SettingValue: TypeAlias = str | int | float | bool | None


class Interval(TypedDict):
    """A figure and its 95 % bootstrap bounds; the bounds are None where users do not vary it."""

    mean: float | None
    low: float | None
    high: float | None


MetricFigures: TypeAlias = dict[str, Interval]  # "ndcg@10" -> figure


class Difference(TypedDict):
    """The funnel against another method, on the same users."""

    difference: Interval  # funnel - other
    ratio: Interval  # funnel / other


class Comparison(TypedDict):
    """What ``compare.evaluate`` gives: every method by every metric."""

    evaluated_users: int  # users of the test window with at least one relevant item
    methods: dict[str, MetricFigures]  # "funnel", "popularity", "recency_popularity", each channel
    differences: dict[str, dict[str, Difference]]  # other method -> metric -> funnel against it


class ChannelShare(TypedDict):
    """One recall channel, as mean shares of each user's relevant items."""

    own: float  # it proposed
    unique: float  # only it proposed
    size: float  # items proposed, mean per user


class StageShare(TypedDict):
    """What is left after one stage."""

    stage: str  # "recall", "coarse", "fine", "final"
    alive: float  # mean share of each user's relevant items still in
    oracle_ndcg: float  # NDCG@k if what is left were ordered perfectly
    size: float  # items left, mean per user


class AttributionFigures(TypedDict):
    """Where relevant items are lost."""

    k: int  # cut of oracle_ndcg, and of the final list
    room: float  # mean share of each user's relevant items after fine that k places can hold
    channels: dict[str, ChannelShare]
    cuts: list[StageShare]  # in the order of the stages


class SegmentBand(TypedDict):
    """One band of users or items, and the metric of each method within it."""

    band: str  # "10-49 events"
    count: int  # users, or items, in it
    methods: MetricFigures  # method -> figure
    lead: Interval  # funnel - recent popularity, on the same users


class AttributeBands(TypedDict):
    """The users apart by one of their attributes."""

    name: str  # "age"
    bands: list[SegmentBand]  # NDCG@10, in the order of the bands


class SegmentFigures(TypedDict):
    """Quality for different users and items."""

    history: list[SegmentBand]  # NDCG@10 by number of events known of the user
    popularity: list[SegmentBand]  # recall@10 of the relevant items of each popularity band
    attributes: list[AttributeBands]


class RecallCeiling(TypedDict):
    """The best candidates of a recall with wider channels, by fused rank."""

    candidates: int
    recall: float  # mean share of each user's relevant items among them


class PolicyPrice(TypedDict):
    """The same candidates, put in a list by another policy."""

    name: str  # "as served", "without diversity" ...
    ndcg: Interval  # NDCG@10
    price: Interval  # NDCG@10 of this less that of the list as served, on the same users
    share: Interval  # the price as a share of this policy's NDCG@10
    coverage: float  # share of the catalogue in these users' lists of 10
    diversity: float | None  # 1 - mean cosine of content within a list


class TradeOff(TypedDict):
    """The same candidates, put in a list with another weight of diversity."""

    weight: float
    default: bool  # the weight that is served
    ndcg: Interval  # NDCG@10
    coverage: float
    diversity: float | None


class NewUserPoint(TypedDict):
    """Users without history when the models were made, after some of their first events."""

    events: int  # of each user, revealed to the request; the models do not know them
    users: int
    methods: MetricFigures  # NDCG@10 of the rest, by method
    best_channel: str  # the channel with the highest mean here: chosen after the fact
    differences: dict[str, Interval]  # funnel - other method


class CalibrationPoint(TypedDict):
    """One tenth of the candidates, by predicted probability."""

    predicted: float  # mean
    observed: float  # share taken
    count: int


class Calibration(TypedDict):
    """How well a stage's scores tell probabilities, once mapped on other users' outcomes."""

    stage: str
    points: list[CalibrationPoint]
    error: float  # expected calibration error: mean distance of predicted and observed
    raw_error: float | None  # the same of the scores read as log odds; None: they are not
    taken: float  # share of all these candidates


class TimeRegime(TypedDict):
    """The same users, asked at other moments."""

    name: str
    users: int
    methods: MetricFigures  # NDCG@10
    differences: dict[str, Interval]  # funnel - other method


class Variant(TypedDict):
    """Another way to build the funnel: an ablation or a hybrid."""

    name: str
    ndcg: Interval  # NDCG@10
    difference: Interval  # this - the funnel as it is


class ObjectiveRow(TypedDict):
    """One model as the fine ranker, or their blend, judged by each objective."""

    model: str  # "conversion", "blend"
    weight: float | None  # in the blend
    ndcg: MetricFigures  # objective -> NDCG@10; of value graded


class IndexLoss(TypedDict):
    """A vector index, and what it misses of an exact search."""

    name: str
    recall: float  # share of the exact index's answers that it gives
    bytes: int


class Sweeps(TypedDict):
    """The funnel under other circumstances; a list is empty where the data does not allow it."""

    reach: list[RecallCeiling]
    policies: list[PolicyPrice]  # as served first
    trade_off: list[TradeOff]
    cold_curve: list[NewUserPoint]
    calibration: list[Calibration]
    regimes: list[TimeRegime]
