"""Channels: items near to what the user liked lately, by an item-item table in Redis.

One class serves every table of that shape: Item-CF (Sarwar et al., 2001), EASE (Steck, 2019),
RP3beta (Paudel et al., 2017) and what follows what.
"""

from dataclasses import dataclass

import numpy as np

from app.contracts import Proposal, Query, Tables
from app.recall.accumulate import accumulate, propose


@dataclass(frozen=True, slots=True)
class ItemTableChannel:
    """Sums the rows of one table that belong to the live history."""

    name: str
    tables: Tables
    table: str  # the table's name in the bundle
    n: int  # items in the catalogue
    n_events: int = 50  # liked events asked for: one key each
    decay: float = 0.98  # each older event counts this much of the one before

    async def recall(self, query: Query, limit: int) -> Proposal:
        """Sum the weights of all neighbours of liked items, newer ones counting more."""
        liked = query.history.liked(self.n_events)
        found = await self.tables.read(self.table, liked.rows)
        worth = np.maximum(liked.weights, 0.1) * self.decay ** np.arange(len(liked))
        rows, scores = accumulate(found.rows, found.weights * worth.take(found.owner), self.n)
        return propose(query, rows, scores, limit)
