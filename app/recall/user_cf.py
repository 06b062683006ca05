"""The channel ``user_cf``: what similar users liked, from the table "raters"."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from app.artifacts import Users
from app.contracts import NO_ROWS, History, Proposal, Query, Rows
from app.kernels.neighbours import nearest_users, sum_weights
from app.kernels.reasons import similarity_amounts, weights_of_rows
from app.recall.accumulate import propose, propose_sums
from app.recall.channel import ChannelConfig, ChannelInputs, ChannelSpec
from app.recall.contributions import Contributions
from app.recall.table_channel import RemoteTableChannel, TableChannel, table_channel
from app.stages import NeighbourSpans

WIDER = 3  # users whose correlation is computed exactly, relative to those that are kept


@dataclass(frozen=True, slots=True)
class UserCFChannelConfig(ChannelConfig):
    """The settings of the channel."""

    n_events: int = 20  # newest events, one key each
    n_neighbours: int = 60
    shrink: float = 10.0  # co-rated items at which a correlation counts half
    # "sum" adds up what neighbours liked, so that many of them count more than few. "predict" is
    # the textbook's rating: mean of the user + Σ sim · (rating - mean of the neighbour) / Σ |sim|,
    # with correlations over co-rated items. It needs ratings; without them "sum" is used.
    formula: Literal["sum", "predict"] = "sum"


@dataclass(frozen=True, slots=True, eq=False)
class SimilarUsers:
    """The users that are most similar to the user of one query."""

    history: History  # of the query, as the next one
    user_row: int
    users: Rows  # (n,) ascending
    similarities: NDArray[np.float64]  # (n,)


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
    # At most one. It is replaced as a whole, and compared by identity, so threads may share it.
    _last: list[SimilarUsers] = field(default_factory=list, init=False, repr=False, compare=False)

    def events(self, query: Query) -> History:
        """Return the newest events: the users are compared by their items."""
        return query.history.newest(self.config.n_events)

    def sum(self, query: Query, history: History, near: NeighbourSpans, limit: int) -> Proposal:
        """Find the most similar users and sum what they liked; nearer users count more."""
        if self.config.formula == "predict" and self.centred:
            return propose(query, *self._predict(query, history, near), limit)
        users, similarities = self.nearest(query, history, near)
        starts, ends = self.users.indptr.take(users), self.users.indptr.take(users + 1)
        likes = NeighbourSpans(starts, ends, self.users.rows, self.users.weights)
        return propose_sums(query, likes, similarities, limit, least=0.0)

    def contributions(
        self, query: Query, history: History, near: NeighbourSpans, rows: Rows
    ) -> Contributions:
        """Return what each event adds to the similarity of the users who liked ``rows``.

        Shared dislikes make users similar too. They are left out, because no dislike is a reason.
        """
        spans = (near.starts, near.ends, self._user_vector(history), near.rows, near.weights)
        similar, users = self.nearest(query, history, near), self.users
        amounts = similarity_amounts(
            *spans, *similar, users.indptr, users.rows, users.weights, rows
        )
        kept = (history.weights >= 0).nonzero()[0]
        return Contributions(history.rows.take(kept), amounts.take(kept, axis=1))

    def _predict(
        self, query: Query, history: History, raters: NeighbourSpans
    ) -> tuple[Rows, NDArray[np.float64]]:
        """Return the items that the neighbours rated, and the ratings that they predict.

        Herlocker et al.: An algorithmic framework for performing collaborative filtering, 1999,
        eq. 1 and 2.
        """
        users, similarities = self._correlated(query, history, raters)
        sizes = self.users.indptr.take(users + 1) - self.users.indptr.take(users)
        if not sizes.sum():
            return NO_ROWS, np.empty(0)
        owner = np.repeat(np.arange(len(users)), sizes)
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        events = np.arange(sizes.sum()) + np.repeat(self.users.indptr.take(users) - starts, sizes)
        ratings = self.users.values[events].astype(np.float64)
        means = np.bincount(owner, weights=ratings) / sizes
        rows, at = np.unique(self.users.rows[events], return_inverse=True)
        gaps = similarities[owner] * (ratings - means[owner])
        total = np.bincount(at, weights=np.abs(similarities)[owner])
        mean = float(history.values.mean(dtype=np.float64))
        return rows.astype(np.int64), mean + np.bincount(at, weights=gaps) / total

    def _correlated(
        self, query: Query, history: History, raters: NeighbourSpans
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the users of the largest absolute Pearson correlation over co-rated items."""
        centred = history.values.astype(np.float64)
        centred -= centred.mean()
        spans = (raters.starts, raters.ends)
        users, _, _ = sum_weights(*spans, centred, raters.rows, raters.weights, -np.inf)
        weights = weights_of_rows(*spans, raters.rows, raters.weights, users)  # (u, h)
        weights[users == query.user_row] = 0.0
        n = self.config.n_neighbours
        by_table = _correlate(weights, centred, weights != 0)
        near = np.argsort(-np.abs(by_table), kind="stable")[: WIDER * n]
        near.sort()
        users, weights = users[near], weights[near]
        # The table lacks ratings that equal the mean of their user: they are co-rated all the same.
        starts, ends = self.users.indptr.take(users), self.users.indptr.take(users + 1)
        values = weights_of_rows(starts, ends, self.users.rows, self.users.values, history.rows)
        is_rated = values.T != 0  # (u, h)
        similarities = _correlate(weights, centred, is_rated)
        shared = is_rated.sum(axis=1)
        similarities *= shared / np.maximum(shared + self.config.shrink, 1.0)
        best = np.argsort(-np.abs(similarities), kind="stable")[:n]
        best = best[similarities[best] != 0]
        return users[best], similarities[best]

    def _user_vector(self, history: History) -> NDArray[np.float64]:
        """Compute the user's vector, centred on its mean where ratings vary, unit length."""
        vector = history.values.astype(np.float64)
        if self.centred:
            vector -= vector.mean()
        else:
            vector = np.maximum(history.weights.astype(np.float64), 0.0)
        length = float(np.sqrt(vector.dot(vector)))
        return vector / length if length else np.ones(len(vector)) / np.sqrt(len(vector))

    def nearest(
        self, query: Query, history: History, raters: NeighbourSpans
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the rows of the most similar users, ascending, and their similarities.

        The last ones are kept: the reasons of a list are asked for right after its recall.
        """
        last = self._last[0] if self._last else None
        if last and last.history is query.history and last.user_row == query.user_row:
            return last.users, last.similarities
        vector = self._user_vector(history)
        spans = (raters.starts, raters.ends, vector, raters.rows, raters.weights)
        users, near = nearest_users(
            *spans, self.config.shrink, query.user_row, self.config.n_neighbours
        )
        self._last[:] = [SimilarUsers(query.history, query.user_row, users, near)]
        return users, near


def _correlate(
    weights: NDArray[np.float64], centred: NDArray[np.float64], is_rated: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the correlation of each user's centred ratings, (u, h), with ``centred``, (h,)."""
    lengths = np.sqrt((weights**2).sum(axis=1) * (is_rated @ centred**2))
    result: NDArray[np.float64] = np.zeros(len(weights))
    np.divide(weights @ centred, lengths, out=result, where=lengths > 0)
    return result


def _build(config: UserCFChannelConfig, inputs: ChannelInputs) -> TableChannel | RemoteTableChannel:
    recall = UserCFRecall(inputs.models.users, inputs.models.centred, config)
    return table_channel(recall, inputs.tables)


USER_CF = ChannelSpec(
    "user_cf", "What similar users liked.", "history", UserCFChannelConfig(), _build
)
