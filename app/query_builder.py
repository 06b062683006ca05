"""Build the query: join the data of a user from the bundle, Redis and the caller.

The user's vectors are solved from the history at request time. A user who arrived a minute ago
therefore has them too.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.artifacts import Models
from app.contracts import (
    NO_HISTORY,
    NO_ROWS,
    History,
    Query,
    Request,
    Rows,
    UserRecord,
    UserVectors,
)
from app.features.user_segments import override_segment_codes
from app.rerank.filters import PolicyFilters
from app.rerank.policy_settings import PolicySettings
from app.rerank.seen import SeenRules, seen_rules
from app.rows import unique_rows
from app.state.counters import PopularityCounters
from app.user_vectors import MAX_QUERY_EVENTS, content_profile, fold_in_with_system

Solve: TypeAlias = Callable[[History, float], UserVectors]  # takes a history and the time now
DEFAULT_SETTINGS = PolicySettings()
MIN_OPINION_WEIGHT = 0.5  # least absolute weight of an opinion: a view does not undo a dislike


def join_histories(parts: list[History]) -> History:
    """Merge histories, newest first. Events of one item, time and type become one."""
    parts = [part for part in parts if len(part)]
    if len(parts) <= 1:
        return parts[0] if parts else NO_HISTORY
    if all(len(part.types) for part in parts):
        types = np.concatenate([part.types for part in parts])
    else:
        types = np.zeros(sum(map(len, parts)), np.int32)
    rows, values, weights, times = map(np.concatenate, zip(*map(_columns, parts), strict=True))
    order = np.lexsort((types, rows, -times))
    rows, times, types = rows[order], times[order], types[order]
    new = np.ones(len(order), np.bool_)
    new[1:] = (rows[1:] != rows[:-1]) | (times[1:] != times[:-1]) | (types[1:] != types[:-1])
    chosen = order[new]
    return History(rows[new], values[chosen], weights[chosen], times[new], types=types[new])


def _columns(part: History) -> tuple[np.ndarray, ...]:
    return part.rows, part.values, part.weights, part.times


def _restored_rows(history: History, recent: History) -> Rows:
    """Return the items that are no longer hidden and have no live event and no like."""
    restored = recent.record.restored
    if not len(restored):
        return restored
    return np.setdiff1d(restored, np.union1d(recent.rows, history.rows[history.weights > 0]))


def disliked_rows(history: History) -> Rows:
    """Return the items whose newest opinion is negative, once each."""
    opinions = (np.abs(history.weights) >= MIN_OPINION_WEIGHT).nonzero()[0]
    _, newest = np.unique(history.rows[opinions], return_index=True)
    latest = history.take(opinions[newest])
    return latest.rows[latest.weights < 0]


@dataclass(frozen=True, slots=True, eq=False)
class QueryBuilder:
    """Builds queries. Built with the bundle; holds no request state."""

    models: Models
    counters: PopularityCounters
    filters: PolicyFilters | None = None  # None: only seen items are dropped

    def empty_vectors(self) -> UserVectors:
        """Return the vectors of a user without a history."""
        return UserVectors(
            np.zeros(self.models.factors.items.shape[1], np.float32),
            np.zeros(self.models.content.items.shape[1], np.float32),
            np.zeros(self.models.factors.items.shape[1], np.float32),
        )

    def build(self, request: Request, recent: History, solve: Solve | None = None) -> Query:
        """Build the query from the request and from ``recent``, the user's data in Redis.

        ``solve`` returns the vectors of a user with a history. Without it they are zeros.
        """
        users, record = self.models.users, recent.record
        user_row = self.user_row(request.user, record)
        history = join_histories([request.inline, recent, users.history(user_row)])
        newest = history.newest(MAX_QUERY_EVENTS)
        counters_at = self.counters.now
        now = max(counters_at, float(history.times[0]) if len(history) else 0.0)
        settings = self.settings_for(request.scene)
        rules = seen_rules(settings.seen)
        seen = self._seen(history, recent, rules, now)
        shown = recent.impressions if settings.shown == "drop" else NO_ROWS
        excluded = np.concatenate([seen, record.hidden, shown, request.exclude])
        return Query(
            **request.options(),
            user_row=user_row,
            history=newest,
            excluded=unique_rows(excluded),
            seen=seen,
            demoted=rules.demoted(history) if rules.demotes else NO_ROWS,
            segments=self.segments(user_row, record),
            vectors=solve(newest, now) if solve and len(newest) else self.empty_vectors(),
            now=now,
            counters_at=counters_at,
            impressions=recent.impressions,
            hidden=record.hidden,
            friends=record.friends or self._friends(user_row),
            raw_reply=recent.raw_reply,
            stream_offsets=self.counters.offsets(),
            candidates=request.candidates,
            filters=self.filters.build_filters(request, recent) if self.filters else (),
        )

    def user_row(self, user: str, record: UserRecord) -> int:
        """Return the user's row in the bundle; -1 if the bundle does not know the user.

        This includes a user who was erased after the bundle was made.
        """
        is_erased = record.erased_at >= self.models.popularity.at
        return -1 if is_erased else self.models.users.ids.row(user)

    def segments(self, user_row: int, record: UserRecord) -> NDArray[np.int32]:
        """Return the user's code in each segment attribute, (a,); live attributes win."""
        table = self.models.users.segments
        codes = np.full(table.shape[1], -1, np.int32)
        if user_row >= 0:
            codes = np.asarray(table[user_row])
        if not record.attributes:
            return codes
        return override_segment_codes(self.models.segments, codes, record.attributes)

    def _friends(self, user_row: int) -> list[str]:
        """Return the ids of the friends that the bundle knows."""
        rows = self.models.friends.of_user(user_row)
        return self.models.users.ids.names(rows.astype(np.int64)) if len(rows) else []

    def settings_for(self, scene: str) -> PolicySettings:
        """Return the settings of a scene."""
        return self.filters.settings_for(scene) if self.filters else DEFAULT_SETTINGS

    def _seen(self, history: History, recent: History, rules: SeenRules, now: float) -> Rows:
        """Return the items that the user's events hide, dislikes included; they may repeat."""
        seen = rules.hidden(history, now)
        if len(seen) < len(history):
            seen = np.concatenate([seen, disliked_rows(history)])
        restored = _restored_rows(history, recent)
        return seen[~np.isin(seen, restored)] if len(restored) else seen

    def solve_vectors(self, query: Query) -> UserVectors:
        """Solve the user's vectors from the history of a query."""
        return self.solve(query.history, query.now)

    def solve(self, history: History, now: float) -> UserVectors:
        """Solve the user's vectors from the history, as of ``now``, unix seconds."""
        liked, factors = history.liked(MAX_QUERY_EVENTS), self.models.factors
        of_all, system = fold_in_with_system(factors, liked, now)
        of_session, session_system = fold_in_with_system(factors, history.session(), now)
        content = content_profile(self.models.content, liked)
        return UserVectors(of_all, content, of_session, system, session_system)
