"""The channel ``user_cf``: what similar users liked, from the table "raters"."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.artifacts import Users
from app.contracts import History, Proposal, Query, Rows
from app.kernels.recall import sum_weights, weights_of_rows
from app.kernels.selection import select_top
from app.recall.accumulate import propose
from app.recall.channel import ChannelConfig, ChannelInputs, ChannelSpec
from app.recall.contributions import Contributions
from app.recall.table_channel import RemoteTableChannel, TableChannel, table_channel
from app.stages import NeighbourSpans


@dataclass(frozen=True, slots=True)
class UserCFChannelConfig(ChannelConfig):
    """The settings of the channel."""

    n_events: int = 20  # newest events, one key each
    n_neighbours: int = 60
    shrink: float = 10.0  # co-rated items at which a correlation counts half


@dataclass(frozen=True, slots=True)
class UserCFRecall:
    """User-based collaborative filtering (Herlocker et al., 1999); the user is folded in.

    The table "raters" holds, for an item, who rated it and by how much above the user's own mean,
    divided by the length of the user's vector. Its product with the history is a correlation.
    """

    users: Users
    centred: bool  # False where ratings are constant or counts: plain cosine
    config: UserCFChannelConfig = UserCFChannelConfig()
    name: str = "user_cf"
    table: str = "raters"

    def events(self, query: Query) -> History:
        """Return the newest events: the users are compared by their items."""
        return query.history.newest(self.config.n_events)

    def sum(self, query: Query, history: History, near: NeighbourSpans, limit: int) -> Proposal:
        """Find the most similar users and sum what they liked; nearer users count more."""
        users, similarities = self._nearest(query, history, near)
        starts, ends = self.users.indptr.take(users), self.users.indptr.take(users + 1)
        spans = (starts, ends, similarities, self.users.rows, self.users.weights)
        rows, scores, _ = sum_weights(*spans, 0.0)
        return propose(query, rows, scores, limit)

    def contributions(
        self, query: Query, history: History, near: NeighbourSpans, rows: Rows
    ) -> Contributions:
        """Return what each event adds to the similarity of the users who liked ``rows``.

        Shared dislikes make users similar too. They are left out, because no dislike is a reason.
        """
        users, similarities = self._nearest(query, history, near)
        spans = (near.starts, near.ends, near.rows, near.weights)
        parts = weights_of_rows(*spans, users) * self._user_vector(history)  # (u, h)
        products = parts.sum(axis=1)
        shrunk = np.divide(similarities, products, out=np.zeros(len(users)), where=products != 0)
        starts, ends = self.users.indptr.take(users), self.users.indptr.take(users + 1)
        likes = weights_of_rows(starts, ends, self.users.rows, self.users.weights, rows)  # (n, u)
        amounts = np.maximum(likes, 0.0) @ (parts * shrunk[:, None])
        kept = (history.weights >= 0).nonzero()[0]
        return Contributions(history.rows.take(kept), amounts.take(kept, axis=1))

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
        self, query: Query, history: History, raters: NeighbourSpans
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the rows of the most similar users, ascending, and their similarities."""
        vector = self._user_vector(history)
        spans = (raters.starts, raters.ends, vector, raters.rows, raters.weights)
        users, products, shared = sum_weights(*spans, -np.inf)
        similarities = products * (shared / (shared + self.config.shrink))
        own = np.array([query.user_row])
        nearest, best = select_top(users, similarities, own, self.config.n_neighbours)
        order = nearest.argsort()
        return nearest.take(order), best.take(order).astype(np.float64, copy=False)


def _build(config: UserCFChannelConfig, inputs: ChannelInputs) -> TableChannel | RemoteTableChannel:
    recall = UserCFRecall(inputs.models.users, inputs.models.centred, config)
    return table_channel(recall, inputs.tables)


USER_CF = ChannelSpec(
    "user_cf", "What similar users liked.", "history", UserCFChannelConfig(), _build
)
