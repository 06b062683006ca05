"""What the training windows taught."""

from dataclasses import dataclass

import lightgbm

from app.assemble import Rankers
from app.rank.coarse import Coarse
from app.rank.fine import Fine
from app.rank.hybrid import Hybrid
from offline.table import RankTable


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """The rankers of both stages, and the rows that they learned from."""

    coarse: Coarse  # distilled from what ranks after it
    booster: lightgbm.Booster  # the cascade's fine ranker
    table: RankTable
    hybrid: Hybrid | None = None  # stands in for the fine ranker; None: the cascade

    @property
    def rankers(self) -> Rankers:
        """Give the scorers as the funnel takes them."""
        return Rankers(self.coarse, self.hybrid or Fine(self.booster))
