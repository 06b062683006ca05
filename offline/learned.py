"""What the training windows taught."""

from dataclasses import dataclass

import lightgbm

from app.assemble import Rankers
from app.rank.coarse import Coarse
from app.rank.fine import Fine
from app.rank.hybrid import Hybrid
from offline.blending import Several
from offline.table import RankTable


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """The rankers of both stages, and the rows that they learned from."""

    coarse: Coarse  # distilled from what ranks after it
    booster: lightgbm.Booster  # the cascade's fine ranker
    table: RankTable
    hybrid: Hybrid | None = None  # stands in for the fine ranker; None: the cascade
    several: Several | None = None  # a blend of them stands in for the booster

    @property
    def rankers(self) -> Rankers:
        """Give the scorers as the funnel takes them."""
        blend = self.several.blend if self.several else None
        return Rankers(self.coarse, self.hybrid or blend or Fine(self.booster))
