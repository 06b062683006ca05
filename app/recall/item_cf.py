"""Channel: items near to what the user liked lately, from the item-item table in Redis."""

from dataclasses import dataclass

import numpy as np

from app.contracts import Proposal, Query, Tables
from app.recall.accumulate import accumulate, propose


@dataclass(frozen=True, slots=True)
class ItemCF:
    """Item-based collaborative filtering (Sarwar et al., 2001) over the live history."""

    tables: Tables
    n: int  # items in the catalogue
    name: str = "item_cf"
    newest: int = 50  # liked events asked for: one key each
    fade: float = 0.98  # each older event counts this much of the one before

    async def recall(self, query: Query, limit: int) -> Proposal:
        """Sum the similarities of all neighbours of liked items, newer ones counting more."""
        liked = query.history.liked(self.newest)
        found = await self.tables.read("item_cf", liked.rows)
        worth = np.maximum(liked.weights, 0.1) * self.fade ** np.arange(len(liked))
        rows, scores = accumulate(found.rows, found.weights * worth[found.owner], self.n)
        return propose(query, rows, scores, limit)
