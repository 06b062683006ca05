"""The inputs, settings and results of fitting a ranker. ``kinds`` has the fits themselves."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import TypeAlias

from app.artifacts import Rankers
from app.contracts import AtLeastTwo, Count, NotNegative, Positive, Scores, Seconds, Share, Whole
from app.rank.kinds import STAGE_COLUMNS
from app.rank.scorer import RankerKinds
from app.stages import Scorer
from offline.training.rank_table import RankTable, concatenate


@dataclass(frozen=True, slots=True)
class RankConfig:
    """The settings of the linear models and the trees.

    Fading of windows and inverse propensities are off, as they did not help: NDCG@10 on the last
    three of seven windows before the middle of ML-100K (364 groups, two seeds, 150 trees) was 0.295
    without; with half-lives of 4, 2 and 1 windows +0.001, +0.000 and +0.002 (95 % +-0.005), with
    propensity powers of 0.1, 0.25 and 0.5 -0.002, -0.004 and -0.012 (+-0.004 to 0.008).
    """

    coarse_share: Share = 0.15  # the best of each group, by the fine ranker, count as positive
    coarse_strength: Positive = 1.0  # inverse of L2 regularisation
    start_strength: Positive = 0.01  # the same, for the regression that pointwise trees start from
    start_penalty: Positive = 100.0  # L2 on the weights of the model that listwise trees start from
    boosters: Count = 2  # boosters per model, with different seeds: their mean is less noisy
    rounds: Count = 120
    least_rounds: Count = 80  # a few windows are noisy: their best round may come by chance
    held_out: Count = 1  # newest windows, on which the number of rounds is chosen
    learning_rate: Positive = 0.1
    leaves: AtLeastTwo = 7
    leaf_rows: Count = 40
    truncation: Count = 30  # places whose pairs lambdarank compares; 50 is no better, and slower
    # Listwise trees begin from ListNet; False: from log odds, which is better within visits and
    # worse at the start of a window (docs/decisions/0006-two-fine-models.md).
    listnet_start: bool = True
    monotone: bool = True  # a higher value in a rising column never lowers a score
    extra_trees: bool = True  # groups are few and noisy: random split points overfit less
    # Whether the order of a channel counts for users for whom it is clearly better than the trees.
    channel_orders: bool = True
    window_half_life: Seconds = inf  # in windows: groups of older windows count less
    propensity_power: NotNegative = 0.0  # above 0, popular positive items count less


@dataclass(frozen=True, slots=True)
class HybridConfig:
    """The settings of the hybrids of ``offline.models.hybrids``."""

    alpha: Share = 0.7  # weighted: share of the collaborative score; the rest is content
    switch_at: Whole = 0  # switching: events from which the personal channels rank; 0: chosen
    prior: NotNegative = 1_000.0  # positive items at which a history band's own weights count half
    penalty: Positive = 2_000.0  # L2 on the fitted weights, of standardised columns


@dataclass(frozen=True, slots=True, eq=False)
class TrainingSet:
    """The training data and the settings of the ranker of one stage."""

    windows: list[RankTable]  # oldest first; the last ones may be held out
    seed: int
    columns: tuple[str, ...] = STAGE_COLUMNS["fine"]  # the table's first columns: the stage's view
    rank: RankConfig = field(default_factory=RankConfig)
    hybrid: HybridConfig = field(default_factory=HybridConfig)
    objectives: Mapping[str, float] = field(default_factory=dict)  # weights; none: one model
    fine_scores: Scores | None = None  # (m,) the fine ranker's, as the coarse one's teacher

    @property
    def table(self) -> RankTable:
        """All windows, end to end. Computed on each access: it is a copy."""
        return concatenate(self.windows)


@dataclass(frozen=True, slots=True, eq=False)
class FittedRanker:
    """A fitted ranker, with its scores of the training table."""

    scorer: Scorer
    table_scores: Callable[[], Scores] | None = None  # (m,) of ``TrainingSet.table``; None: unknown
    kind: str = ""  # where it differs from the kind that was chosen
    relevant: Scorer | None = None  # of a blend of objectives: the single model beside it


Trainer: TypeAlias = Callable[[TrainingSet], FittedRanker]


@dataclass(frozen=True, slots=True, eq=False)
class TrainedRankers:
    """The rankers of both stages, and what the fine one was fitted on."""

    rankers: Rankers
    kinds: RankerKinds
    training: TrainingSet
    relevant: Scorer | None = None  # of a blend of objectives: the single model beside it
