"""Channels: items whose vector is nearest to the user's, by FAISS (embedding and content)."""

from collections.abc import Callable
from dataclasses import dataclass

import faiss
import numpy as np

from app.contracts import NO_PROPOSAL, Proposal, Query, Scores
from app.cpu import Cpu
from app.recall.accumulate import propose

SEEN_ALLOWANCE = 500  # seen items asked for on top, at most: they are dropped after the search
QUICK = 1_000_000  # products of one search that take less time than a hop to another thread


@dataclass(frozen=True, slots=True)
class Vectors:
    """Nearest items by inner product to the vector that ``of`` takes from the query."""

    name: str
    index: faiss.Index
    of: Callable[[Query], Scores]
    cpu: Cpu

    async def recall(self, query: Query, limit: int) -> Proposal:
        """Search the index; off the event loop unless it is small. No vector, no proposal."""
        if not self.of(query).any():
            return NO_PROPOSAL
        if self.index.ntotal * self.index.d < QUICK:
            return self._search(query, limit)
        return await self.cpu(self._search, query, limit)

    def _search(self, query: Query, limit: int) -> Proposal:
        wanted = min(limit + min(len(query.history), SEEN_ALLOWANCE), self.index.ntotal)
        scores, rows = self.index.search(self.of(query)[None, :], wanted)
        found = np.flatnonzero(rows[0] >= 0)
        return propose(query, rows[0][found], scores[0][found], limit)
