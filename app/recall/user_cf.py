"""The channel ``user_cf``: what similar users liked, from the table "raters" in Redis."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.artifacts import Users
from app.contracts import NO_PROPOSAL, History, Proposal, Query
from app.recall.accumulate import accumulate, propose
from app.recall.channel import ChannelConfig, ChannelInputs, ChannelSpec
from app.stages import Neighbours, Tables


@dataclass(frozen=True, slots=True)
class UserCFChannelConfig(ChannelConfig):
    """The settings of the channel."""

    n_events: int = 20  # newest events, one key each
    n_neighbours: int = 60
    shrink: float = 10.0  # co-rated items at which a correlation counts half


@dataclass(frozen=True, slots=True)
class UserCFChannel:
    """User-based collaborative filtering (Herlocker et al., 1999); the user is folded in.

    The table "raters" holds, for an item, who rated it and by how much above the user's own mean,
    divided by the length of the user's vector. Its product with the history is a correlation.
    """

    tables: Tables
    users: Users
    n: int  # items in the catalogue
    centred: bool  # False where ratings are constant or counts: plain cosine
    config: UserCFChannelConfig = UserCFChannelConfig()
    name: str = "user_cf"

    async def recall(self, query: Query, limit: int) -> Proposal:
        """Find the most similar users and sum what they liked; nearer users count more."""
        history = query.history.newest(self.config.n_events)
        if not len(history):
            return NO_PROPOSAL
        raters = await self.tables.read("raters", history.rows)
        users, similarities = self._nearest(query, raters, self._user_vector(history))
        liked, weights = self._liked_by(users, similarities)
        rows, scores = accumulate(liked, weights, self.n)
        return propose(query, rows, scores, limit)

    def _user_vector(self, history: History) -> NDArray[np.float64]:
        """Compute the user's vector, centred on its mean where ratings vary, unit length."""
        vector = history.values.astype(np.float64)
        if self.centred:
            vector -= vector.mean()
        else:
            vector = np.maximum(history.weights.astype(np.float64), 0.0)
        length = np.linalg.norm(vector)
        return vector / length if length else np.ones(len(vector)) / np.sqrt(len(vector))

    def _nearest(
        self, query: Query, raters: Neighbours, vector: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the rows of the most similar users, ascending, and their similarities."""
        n_users, n_neighbours = len(self.users.ids), self.config.n_neighbours
        weights = raters.weights * vector.take(raters.owner)
        users, similarities = accumulate(raters.rows, weights, n_users)
        shared = np.bincount(raters.rows, minlength=n_users)[users]
        similarities *= shared / (shared + self.config.shrink)
        similarities[users == query.user_row] = 0.0
        nearest = (similarities > 0).nonzero()[0]
        if len(nearest) > n_neighbours:
            first = len(nearest) - n_neighbours
            nearest = np.sort(nearest[similarities.take(nearest).argpartition(first)[first:]])
        return users[nearest], similarities[nearest]

    def _liked_by(
        self, users: NDArray[np.int64], similarities: NDArray[np.float64]
    ) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """Return the liked items of these users, weighted by the similarity of the user."""
        starts, ends = self.users.indptr[users], self.users.indptr[users + 1]
        lengths = ends - starts
        first = np.cumsum(lengths) - lengths
        positions = np.arange(lengths.sum()) + (starts - first).repeat(lengths)
        weights = np.maximum(self.users.weights.take(positions), 0.0)
        return self.users.rows.take(positions), similarities.repeat(lengths) * weights


def _build(config: UserCFChannelConfig, inputs: ChannelInputs) -> UserCFChannel:
    models = inputs.models
    n = len(models.catalogue)
    return UserCFChannel(inputs.tables, models.users, n, models.centred, config)


USER_CF = ChannelSpec(
    "user_cf", "What similar users liked.", "history", UserCFChannelConfig(), _build
)
