"""Channel: what users of like taste liked, from the rater lists in Redis."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.artifacts import Users
from app.contracts import NO_PROPOSAL, History, Neighbours, Proposal, Query, Tables
from app.recall.accumulate import accumulate, propose


@dataclass(frozen=True, slots=True)
class UserCFChannel:
    """User-based collaborative filtering (Herlocker et al., 1999), the user folded in live.

    The table "raters" gives, for an item, who rated it and by how much above their own mean,
    divided by the length of their vector; its product with the live history is a correlation.
    """

    tables: Tables
    users: Users
    n: int  # items in the catalogue
    centred: bool  # False where ratings are constant or counts: plain cosine
    name: str = "user_cf"
    n_events: int = 20  # events asked for: one key each
    n_neighbours: int = 60
    shrink: float = 10.0  # co-rated items at which a correlation counts half

    async def recall(self, query: Query, limit: int) -> Proposal:
        """Find the users most like this one and sum what they liked, nearer ones counting more."""
        history = query.history.newest(self.n_events)
        if not len(history):
            return NO_PROPOSAL
        found = await self.tables.read("raters", history.rows)
        like, alike = self._nearest(query, found, self._own(history))
        liked, worth = self._liked_by(like, alike)
        rows, scores = accumulate(liked, worth, self.n)
        return propose(query, rows, scores, limit)

    def _own(self, history: History) -> NDArray[np.float64]:
        """Give the user's own vector, centred on its mean where ratings vary, unit length."""
        own = history.values.astype(np.float64)
        if self.centred:
            own -= own.mean()
        else:
            own = np.maximum(history.weights.astype(np.float64), 0.0)
        length = np.linalg.norm(own)
        return own / length if length else np.ones(len(own)) / np.sqrt(len(own))

    def _nearest(
        self, query: Query, found: Neighbours, own: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        users, alike = accumulate(
            found.rows, found.weights * own.take(found.owner), len(self.users.ids)
        )
        shared = np.bincount(found.rows, minlength=len(self.users.ids))[users]
        alike *= shared / (shared + self.shrink)
        alike[users == query.user_row] = 0.0
        nearest = (alike > 0).nonzero()[0]
        if len(nearest) > self.n_neighbours:
            cut = alike.take(nearest).argpartition(len(nearest) - self.n_neighbours)
            nearest = np.sort(nearest[cut[len(nearest) - self.n_neighbours :]])
        return users[nearest], alike[nearest]

    def _liked_by(
        self, users: NDArray[np.int64], alike: NDArray[np.float64]
    ) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """Gather the liked items of these users, each weighted by how alike the user is."""
        starts, ends = self.users.indptr[users], self.users.indptr[users + 1]
        lengths = ends - starts
        first = np.cumsum(lengths) - lengths
        at = np.arange(lengths.sum()) + (starts - first).repeat(lengths)
        worth = np.maximum(self.users.weights.take(at), 0.0)
        return self.users.rows.take(at), alike.repeat(lengths) * worth
