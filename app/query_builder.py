"""Builds the query: joins what the bundle, Redis and the caller know of a user, and folds it in.

The user vector is solved from the history at request time, so that a user who arrived a minute
ago has one.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.artifacts import Content, Factors, Models
from app.catalogue.user_segments import override_segment_codes
from app.contracts import NO_HISTORY, History, Query, Request, Rows, Scores, UserRecord, UserVectors
from app.rerank.filters import PolicyFilters
from app.rerank.policy import PolicySettings
from app.state.counters import PopularityCounters

HISTORY_LIMIT = 500  # events: more add nothing to the vectors and cost time in every stage

DEFAULT_POLICY = PolicySettings()
MIN_OPINION_WEIGHT = 0.5  # weight from which an event is an opinion: a view takes back no dislike


def join_histories(parts: list[History]) -> History:
    """Put histories together, newest first; the same item at the same time counts once."""
    parts = [part for part in parts if len(part)]
    if len(parts) <= 1:
        return parts[0] if parts else NO_HISTORY
    rows, values, weights, times = map(np.concatenate, zip(*map(_columns, parts), strict=True))
    whole = History(rows, values, weights, times)
    order = np.lexsort((whole.rows, -whole.times))
    rows, times = whole.rows[order], whole.times[order]
    new = np.ones(len(order), np.bool_)
    new[1:] = (np.diff(rows) != 0) | (np.diff(times) != 0)
    return whole.take(order[new])


def _columns(part: History) -> tuple[np.ndarray, ...]:
    return part.rows, part.values, part.weights, part.times


def _free_again(history: History, recent: History) -> Rows:
    """Give what was hidden when the bundle was made, and is no more; nothing else speaks of it."""
    restored = recent.record.restored
    if not len(restored):
        return restored
    return np.setdiff1d(restored, np.union1d(recent.rows, history.rows[history.weights > 0]))


def disliked_rows(history: History) -> Rows:
    """Give the items against which the newest event speaks that is clear, once each."""
    spoken = (np.abs(history.weights) >= MIN_OPINION_WEIGHT).nonzero()[0]
    _, newest = np.unique(history.rows[spoken], return_index=True)
    last = history.take(spoken[newest])
    return last.rows[last.weights < 0]


def fold_in(factors: Factors, liked: History, now: float) -> Scores:
    """Solve the user vector of an implicit factorisation from liked items, (d,) float32.

    Hu, Koren, Volinsky: Collaborative filtering for implicit feedback datasets, 2008, eq. 4, with
    the regularisation of ``Factors`` and its decay, as of ``now``, unix seconds.
    """
    size = factors.items.shape[1]
    if not len(liked) or not size:
        return np.zeros(size, np.float32)
    seen = factors.items[liked.rows].astype(np.float64)
    age = np.maximum(now - liked.times, 0.0)
    extra = factors.alpha * np.maximum(liked.weights, 0.0) * np.exp2(-age / factors.half_life)
    held = factors.reg * (1.0 + float(extra.sum()) / factors.n_liked) ** factors.power
    left = factors.gram + (seen.T * extra) @ seen + held * np.eye(size)
    return np.linalg.solve(left, seen.T @ (1.0 + extra)).astype(np.float32)


def content_profile(content: Content, liked: History) -> Scores:
    """Average the content of liked items, unit length, (e,) float32."""
    if not len(liked) or not content.items.shape[1]:
        return np.zeros(content.items.shape[1], np.float32)
    weights = np.maximum(liked.weights, 0.1)
    mean = weights @ content.items[liked.rows]
    length = float(np.linalg.norm(mean))
    return (mean / length if length else mean).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class QueryBuilder:
    """Knows users. Built with the bundle; holds nothing about a request."""

    models: Models
    counters: PopularityCounters
    filters: PolicyFilters | None = None  # None: nothing but what is seen is left out

    def empty_vectors(self) -> UserVectors:
        """Give the taste of somebody of whom nothing is known."""
        return UserVectors(
            np.zeros(self.models.factors.items.shape[1], np.float32),
            np.zeros(self.models.content.items.shape[1], np.float32),
            np.zeros(self.models.factors.items.shape[1], np.float32),
        )

    def build(self, request: Request, recent: History) -> Query:
        """Join all that is known of the request's user; ``recent`` is what Redis had."""
        users, told = self.models.users, recent.record
        member = self.user_row(request.user, told)
        history = join_histories([request.inline, recent, users.history(member)])
        known = self.counters.now
        return Query(
            **request.options(),
            user_row=member,
            history=history.newest(HISTORY_LIMIT),
            excluded=self._excluded(history, recent, request),
            segments=self.segments(member, told),
            vectors=self.empty_vectors(),
            now=max(known, float(history.times[0]) if len(history) else 0.0),
            counters_at=known,
            impressions=recent.impressions,
            hidden=told.hidden,
            friends=told.friends or self._friends(member),
            raw_reply=recent.raw_reply,
            stream_offsets=self.counters.offsets(),
            filters=self.filters.build_filters(request, recent) if self.filters else (),
        )

    def user_row(self, user: str, told: UserRecord) -> int:
        """Give the user's row in the bundle; -1 for a stranger, and for who was erased since."""
        return (
            -1 if told.erased_at >= self.models.popularity.at else self.models.users.ids.row(user)
        )

    def segments(self, member: int, told: UserRecord) -> NDArray[np.int32]:
        """Give the user's code in each segment attribute, (a,); what is told live wins."""
        known, width = self.models.users.segments, self.models.users.segments.shape[1]
        of = np.asarray(known[member]) if member >= 0 else np.full(width, -1, np.int32)
        if not told.attributes:
            return of
        return override_segment_codes(self.models.segments, of, told.attributes)

    def _friends(self, member: int) -> list[str]:
        """Name the friends that the data knew of."""
        known = self.models.friends.of_user(member)
        return self.models.users.ids.names(known.astype(np.int64)) if len(known) else []

    def policy(self, scene: str) -> PolicySettings:
        """Give the policy of a scene; without a house what is seen is dropped, and nothing else."""
        return self.filters.policy_for(scene) if self.filters else DEFAULT_POLICY

    def _excluded(self, history: History, recent: History, request: Request) -> NDArray[np.bool_]:
        excluded = np.zeros(len(self.models.catalogue), np.bool_)
        policy = self.policy(request.scene)
        if policy.seen == "drop":
            excluded[history.rows] = True
        else:
            excluded[disliked_rows(history)] = True
        excluded[_free_again(history, recent)] = False
        excluded[recent.record.hidden] = True
        if len(recent.impressions) and policy.shown == "drop":
            excluded[recent.impressions] = True
        excluded[request.exclude] = True
        return excluded

    def solve_vectors(self, query: Query) -> UserVectors:
        """Solve the user's vectors from the history."""
        liked, factors = query.history.liked(HISTORY_LIMIT), self.models.factors
        return UserVectors(
            fold_in(factors, liked, query.now),
            content_profile(self.models.content, liked),
            fold_in(factors, query.history.session(), query.now),
        )
