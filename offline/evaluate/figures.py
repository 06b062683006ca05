"""The results of an evaluation: plain dictionaries, as they stand in ``report.json``.

``offline.report.report_figures`` puts them together. A figure that a data set cannot have
(diversity without content) is None, never NaN.
"""

from typing import TypeAlias, TypedDict

HEADLINE = "ndcg@10"  # the metric by which methods and bundles are compared first


class Interval(TypedDict):
    """A figure with its 95 % bootstrap bounds. The bounds are None where it has none per user."""

    mean: float | None
    low: float | None
    high: float | None


MetricFigures: TypeAlias = dict[str, Interval]  # "ndcg@10" -> figure


class Difference(TypedDict):
    """The funnel against another method, on the same users."""

    difference: Interval  # funnel - other
    ratio: Interval  # funnel / other


class Comparison(TypedDict):
    """Every method by every metric, as ``comparison.compare_methods`` returns it."""

    evaluated_users: int  # users of the test window with at least one relevant item
    methods: dict[str, MetricFigures]  # "funnel", "ranking", the baselines, each channel
    differences: dict[str, dict[str, Difference]]  # other method -> metric -> funnel against it
    ranking_differences: dict[str, Difference]  # other method -> NDCG@10 of the ranking against it


class ChannelShare(TypedDict):
    """One recall channel, as mean shares of each user's relevant items."""

    own: float  # the channel proposed
    unique: float  # no other channel proposed
    size: float  # items proposed, mean per user


class StageShare(TypedDict):
    """The relevant items that are left after one stage."""

    stage: str  # "recall", "coarse", "fine", "final"
    alive: float  # mean share of each user's relevant items still in
    oracle_ndcg: float  # NDCG@k if what is left were ordered perfectly
    size: float  # items left, mean per user


class Attribution(TypedDict):
    """The losses of relevant items by stage. Shares are means over users, as recall@k is."""

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
    """Groups of users with the same value of one attribute."""

    name: str  # "age"
    bands: list[SegmentBand]  # NDCG@10, in the order of the bands


class SegmentFigures(TypedDict):
    """Quality for different users and items."""

    history: list[SegmentBand]  # NDCG@10 by the number of earlier events of the user
    popularity: list[SegmentBand]  # recall@10 of the relevant items of each popularity band
    attributes: list[AttributeBands]


class RecallCeiling(TypedDict):
    """The best candidates by fused rank, from wider channels."""

    candidates: int
    recall: float  # mean share of each user's relevant items among them


class PolicyPrice(TypedDict):
    """The same candidates, reranked with another policy."""

    name: str  # "as served", "without diversity" ...
    ndcg: Interval  # NDCG@10
    price: Interval  # NDCG@10 of this list - that of the list as served, on the same users
    share: Interval  # the price as a share of this policy's NDCG@10
    coverage: float  # share of the catalogue in these users' lists of 10
    diversity: float | None  # 1 - mean cosine of content within a list


class TradeOff(TypedDict):
    """The same candidates, reranked with another weight of diversity."""

    weight: float
    default: bool  # whether this weight is the one that is served
    ndcg: Interval  # NDCG@10
    coverage: float
    diversity: float | None


class NewUserPoint(TypedDict):
    """Users without a history at the cut, after some of their first events."""

    events: int  # events of each user, sent with the request and unknown to the models
    users: int
    methods: MetricFigures  # method -> NDCG@10 on what the user chose later
    best_channel: str  # the channel with the highest mean at this point, chosen afterwards
    differences: dict[str, Interval]  # funnel - other method


class CalibrationPoint(TypedDict):
    """One tenth of the candidates, by predicted probability."""

    predicted: float  # mean
    observed: float  # share that is positive
    count: int


class Calibration(TypedDict):
    """The calibration of a stage's scores, mapped to probabilities on other users' outcomes."""

    stage: str
    points: list[CalibrationPoint]
    error: float  # expected calibration error: mean distance of predicted and observed
    raw_error: float | None  # the error of the unmapped scores; None: they are no log odds
    positive_share: float  # share of all these candidates that are positive


class TimeRegime(TypedDict):
    """The same users, with requests at one kind of moment."""

    name: str
    users: int
    methods: MetricFigures  # NDCG@10
    differences: dict[str, Interval]  # funnel - other method


class StageNdcg(TypedDict):
    """One stage at a moment of visits."""

    stage: str  # "recall", "coarse", "fine"
    ndcg: float  # NDCG@10 of the stage's own order
    oracle_ndcg: float  # NDCG@10 of the best order of what the stage kept


class VisitMoment(TypedDict):
    """Requests within visits of the test window, after a number of events of the visit."""

    group: str  # "warm": users with a history before the window; "cold"
    events: int | None  # of the visit, before the request; None: all requests after the first
    users: int
    lists: int
    methods: MetricFigures  # method -> NDCG@10 on what the user chose later, intervals by users
    best_channel: str  # the channel with the highest mean on this line, chosen afterwards
    differences: dict[str, Interval]  # ranking - other method
    stages: list[StageNdcg]


class Variant(TypedDict):
    """Another way to build the funnel."""

    name: str
    ndcg: Interval  # NDCG@10
    difference: Interval  # this variant - the funnel as it is


class ConstantChoice(TypedDict):
    """One constant of recall that was tried on windows before the test, and what was chosen."""

    setting: str  # table of the configuration, "recall.ease"
    channel: str  # its own list was compared
    default: dict[str, float | str]  # setting -> value; "inf" is infinity
    best: dict[str, float | str]  # the best on the first window
    chosen: dict[str, float | str]  # the default, or the best if it is clearly better
    selection: list[float]  # NDCG@10 of the default and the best on the first window
    queries: int  # of both windows
    ndcg: float | None  # NDCG@10 of the default on both; None: the default is best on the first
    gain: Interval | None  # best - default on both windows
    later_gain: float | None  # best - default on the second window, which chose nothing


class ObjectiveRow(TypedDict):
    """One model as the fine ranker, or the blend of all, evaluated by each objective."""

    model: str  # "conversion", "blend"
    weight: float | None  # in the blend
    ndcg: MetricFigures  # objective -> NDCG@10; graded for value


class Sweeps(TypedDict):
    """The funnel under other conditions. A list is empty where the data does not allow it."""

    reach: list[RecallCeiling]
    policies: list[PolicyPrice]  # as served first
    trade_off: list[TradeOff]
    cold_curve: list[NewUserPoint]
    calibration: list[Calibration]
    regimes: list[TimeRegime]
    visits: list[VisitMoment]
