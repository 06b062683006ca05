"""Channels: items whose vector is nearest to the user's, by FAISS (embedding and content)."""

from collections.abc import Callable
from dataclasses import dataclass

import faiss
import numpy as np

from app.contracts import NO_PROPOSAL, LocalChannel, Matrix, Proposal, Query, Scores
from app.cpu import Cpu
from app.recall.accumulate import propose

MAX_EXTRA_RESULTS = 500  # seen items asked for on top, at most: they are dropped after the search


@dataclass(frozen=True, slots=True)
class VectorChannel:
    """Nearest items by inner product to the vector that ``of`` takes from the query.

    ``later`` has the vectors of items that came after the index was made, (m, d), whose rows
    follow on those of the index. They are few, and looked at one and all.
    """

    name: str
    index: faiss.Index
    user_vector: Callable[[Query], Scores]
    new_item_vectors: Callable[[], Matrix | None] = lambda: None

    def recall(self, query: Query, limit: int) -> Proposal:
        """Search the index. A user without a vector gets nothing."""
        vector = self.user_vector(query)
        if not vector.any():
            return NO_PROPOSAL
        wanted = min(
            limit + min(int(np.count_nonzero(query.excluded)), MAX_EXTRA_RESULTS), self.index.ntotal
        )
        scores, rows = self.index.search(vector[None, :], wanted)
        found = (rows[0] >= 0).nonzero()[0]  # the index gives -1 where it has no more
        near, products, later = rows[0].take(found), scores[0].take(found), self.new_item_vectors()
        if later is not None:
            near = np.concatenate([near, np.arange(len(later)) + self.index.ntotal])
            products = np.concatenate([products, later @ vector])
        return propose(query, near, products, limit)


@dataclass(frozen=True, slots=True)
class ThreadedChannel:
    """A channel whose computation takes long enough to leave the event loop."""

    channel: LocalChannel
    cpu: Cpu

    @property
    def name(self) -> str:
        """The channel's own name."""
        return self.channel.name

    async def recall(self, query: Query, limit: int) -> Proposal:
        """Ask the channel on another thread."""
        return await self.cpu(self.channel.recall, query, limit)


def flat_index(vectors: Matrix) -> faiss.Index:
    """Index vectors for exact search by inner product; without columns nothing is ever found."""
    index = faiss.IndexFlatIP(max(vectors.shape[1], 1))
    if vectors.shape[1]:
        index.add(np.ascontiguousarray(vectors))
    return index
