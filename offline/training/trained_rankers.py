"""What the training windows taught."""

from dataclasses import dataclass

from app.artifacts import Rankers
from app.rank.hybrid import HybridScorer
from app.rank.logistic import Logistic
from app.rank.pointwise_listwise import PointwiseListwiseBlend
from offline.training.objective_rankers import ObjectiveModels
from offline.training.rank_table import RankTable


@dataclass(frozen=True, slots=True, eq=False)
class TrainedRankers:
    """The rankers of both stages, and the rows that they learned from."""

    coarse: Logistic  # distilled from what ranks after it
    fine: PointwiseListwiseBlend  # the cascade's fine ranker
    table: RankTable
    hybrid: HybridScorer | None = None  # stands in for the fine ranker; None: the cascade
    objective_models: ObjectiveModels | None = None  # a blend of them stands in for the fine ranker

    @property
    def rankers(self) -> Rankers:
        """Give the scorers as the funnel takes them."""
        blend = self.objective_models.blend if self.objective_models else None
        return Rankers(self.coarse, self.hybrid or blend or self.fine)
