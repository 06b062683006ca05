"""What the training windows taught."""

from dataclasses import dataclass

from app.build import Rankers
from app.rank.blend import Fine
from app.rank.hybrid import Hybrid
from app.rank.logistic import Logistic
from offline.training.objective_rankers import Several
from offline.training.rank_table import RankTable


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """The rankers of both stages, and the rows that they learned from."""

    coarse: Logistic  # distilled from what ranks after it
    fine: Fine  # the cascade's fine ranker
    table: RankTable
    hybrid: Hybrid | None = None  # stands in for the fine ranker; None: the cascade
    several: Several | None = None  # a blend of them stands in for the fine ranker

    @property
    def rankers(self) -> Rankers:
        """Give the scorers as the funnel takes them."""
        blend = self.several.blend if self.several else None
        return Rankers(self.coarse, self.hybrid or blend or self.fine)
