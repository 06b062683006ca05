"""The same users at two moments: as of the cut, and at a moment of their own.

As of the cut, every request comes at once, whatever happens later. At their own moment, drawn from
their own events, the counters and the user's history have moved on as they do in service. Then only
what the user chose from that moment on is relevant.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy

import numpy as np

from app.artifacts import DAY, HALF_LIVES
from app.contracts import Proposal, Request, Rows
from app.funnel import FunnelRun
from app.query_builder import QueryBuilder
from app.state.counters import PopularityCounters
from offline.evaluate.comparison import compare_ndcg
from offline.evaluate.figures import TimeRegime
from offline.evaluate.funnel_answers import (
    FunnelAnswers,
    pad_lists,
    rerank_in_sequence,
    user_ids,
)
from offline.evaluate.metrics import K
from offline.evaluate.rowsets import RowSets
from offline.training.past_requests import (
    ActiveUser,
    advance_counters,
    advance_user,
    recommend_once,
    split_events_by_user,
)

POPULARITY_HALF_LIVES = {  # method -> seconds
    "popularity": np.inf,
    "recency_popularity": 30 * DAY,
    "trending": 7 * DAY,
}
MAX_USERS = 400


async def compare_time_regimes(answers: FunnelAnswers) -> list[TimeRegime]:
    """Evaluate funnel and popularity lists in both regimes, for the same users."""
    sample = answers.sample(MAX_USERS)
    query_builder = sample.funnel.query_builder
    shown = rerank_in_sequence(sample.funnel.reranker, sample.runs)
    lists = [
        {"funnel": rows, **popularity_lists(query_builder, run)}
        for rows, run in zip(shown, sample.runs, strict=True)
    ]
    at_cut = _regime("as of the cut", lists, sample.users, sample.seed)
    users = _at_own_moment(sample)
    with restored(query_builder.counters):
        lists = await _lists_in_time_order(sample, users)
    return [at_cut, _regime("at their own moment", lists, users, sample.seed)]


async def _lists_in_time_order(
    answers: FunnelAnswers, users: list[ActiveUser]
) -> list[dict[str, Rows]]:
    """Compute each user's list at their own moment. The counters move on with the moments."""
    query_builder, counters = answers.funnel.query_builder, answers.funnel.query_builder.counters
    lists, counted_until, log = [], counters.now, answers.dataset.log.without_repeats()
    for user_id, user in zip(user_ids(answers.dataset, users), users, strict=True):
        advance_counters(query_builder, log, counted_until, user.at)
        counted_until = max(counted_until, user.at)
        request = Request(user_id, K, answers.seed, arrived=0.0, inline=user.since)
        run = await recommend_once(answers.funnel, request)
        lists.append({"funnel": run.slate.pool.rows, **popularity_lists(query_builder, run)})
    return lists


@contextmanager
def restored(counters: PopularityCounters) -> Iterator[None]:
    """Restore the counters at the end: every stage of the funnel holds this one object."""
    before = deepcopy(vars(counters))
    try:
        yield
    finally:
        vars(counters).update(before)


def _at_own_moment(answers: FunnelAnswers) -> list[ActiveUser]:
    """Move every user to just before one of their own events; return them in order of time."""
    cut = answers.funnel.query_builder.models.popularity.at
    events = split_events_by_user(answers.dataset.log.between(cut, np.inf), answers.users)
    shares = np.random.default_rng(answers.seed).random(len(answers))
    moved = [
        advance_user(own, user, int(np.searchsorted(own.times, own.times[int(share * len(own))])))
        or user
        for own, user, share in zip(events, answers.users, shares, strict=True)
    ]
    return sorted(moved, key=lambda user: user.at)


def popularity_lists(query_builder: QueryBuilder, run: FunnelRun) -> dict[str, Rows]:
    """Return the most liked items by now, by each half-life, that the user may be shown."""
    counters, available = query_builder.counters, query_builder.models.catalogue.available
    is_allowed = available & run.query.allows(np.arange(len(available)))
    lists = {}
    for name, half_life in POPULARITY_HALF_LIVES.items():
        liked = counters.liked[HALF_LIVES.index(half_life), : len(available)]
        rows = np.flatnonzero(is_allowed & (liked > 0))
        lists[name] = Proposal.best(rows, liked[rows].astype(np.float32), K).rows
    return lists


def _regime(
    name: str, lists: list[dict[str, Rows]], users: list[ActiveUser], seed: int
) -> TimeRegime:
    relevant = RowSets.of([user.relevant for user in users])
    by_method = {method: pad_lists([by[method] for by in lists], K) for method in lists[0]}
    methods, differences = compare_ndcg(by_method, relevant, seed)
    return TimeRegime(name=name, users=len(users), methods=methods, differences=differences)
