"""The same users asked at two moments: as of the cut, and when they really came.

As of the cut everybody's question is put to the models at once, whatever happens later. At their
own moment, drawn from their own events, the crowd's state and the user's history have moved on as
they would in service; only what the user chose from then on is relevant.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy

import numpy as np

from app.artifacts import DAY, HALF_LIVES
from app.contracts import Proposal, Request, Rows
from app.funnel import Slate
from app.state.counters import PopularityCounters
from offline.evaluate.figures import TimeRegime
from offline.evaluate.funnel_answers import (
    FunnelAnswers,
    K,
    pad_lists,
    rerank_in_sequence,
    user_ids,
    user_ndcg,
)
from offline.evaluate.intervals import Bootstrap
from offline.evaluate.metrics import Lists
from offline.evaluate.rowsets import RowSets
from offline.training.replay import (
    ReplayUser,
    advance_counters,
    advance_user,
    recommend_once,
    split_events_by_user,
)

POPULARITY_HALF_LIVES = {
    "popularity": np.inf,
    "recency_popularity": 30 * DAY,
    "trending": 7 * DAY,
}  # half-lives
MAX_USERS = 400  # asked again, at most


async def compare_time_regimes(asked: FunnelAnswers) -> list[TimeRegime]:
    """Judge funnel and crowd lists in both regimes, for the same users."""
    few = asked.sample(MAX_USERS)
    live = few.funnel.query_builder.counters
    answers = rerank_in_sequence(few.funnel.reranker, few.slates)
    lists = [
        {"funnel": rows, **_crowd(live, slate)}
        for rows, slate in zip(answers, few.slates, strict=True)
    ]
    at_cut = _judge("as of the cut", lists, few.users, few.seed)
    users = _at_own_moment(few)
    with _put_back(live):
        lists = await _in_turn(few, users)
    return [at_cut, _judge("at their own moment", lists, users, few.seed)]


async def _in_turn(asked: FunnelAnswers, users: list[ReplayUser]) -> list[dict[str, Rows]]:
    """Ask for each user at their moment, and move the crowd's state on with them."""
    funnel, live, log = asked.funnel, asked.funnel.query_builder.counters, asked.dataset.log
    lists, known = [], live.now
    for name, user in zip(user_ids(asked.dataset, users), users, strict=True):
        advance_counters(funnel.query_builder, log, known, user.at)
        known = max(known, user.at)
        request = Request(name, K, asked.seed, arrived=0.0, inline=user.since)
        slate = await recommend_once(funnel, request)
        lists.append({"funnel": slate.selection.pool.rows, **_crowd(live, slate)})
    return lists


@contextmanager
def _put_back(live: PopularityCounters) -> Iterator[None]:
    """Put the crowd's state back as it was: every stage of the funnel holds this one object."""
    before = deepcopy(vars(live))
    try:
        yield
    finally:
        vars(live).update(before)


def _at_own_moment(asked: FunnelAnswers) -> list[ReplayUser]:
    """Move every asker to just before one of their own events, in order of time."""
    cut = asked.funnel.query_builder.models.popularity.at
    owned = split_events_by_user(asked.dataset.log.between(cut, np.inf), asked.users)
    shares = np.random.default_rng(asked.seed).random(len(asked))
    moved = [
        advance_user(own, user, int(np.searchsorted(own.times, own.times[int(share * len(own))])))
        or user
        for own, user, share in zip(owned, asked.users, shares, strict=True)
    ]
    return sorted(moved, key=lambda user: user.at)


def _crowd(live: PopularityCounters, slate: Slate) -> dict[str, Rows]:
    """Give what the crowd likes most by now, by each half-life, less what the user has seen."""
    free = slate.query.allows(np.arange(len(live)))
    found = {}
    for name, half_life in POPULARITY_HALF_LIVES.items():
        liked = live.liked[HALF_LIVES.index(half_life)]
        rows = np.flatnonzero(free & (liked > 0))
        found[name] = Proposal.best(rows, liked[rows].astype(np.float32), K).rows
    return found


def _judge(
    name: str, lists: list[dict[str, Rows]], users: list[ReplayUser], seed: int
) -> TimeRegime:
    relevant = RowSets.of([user.relevant for user in users])
    by_method: dict[str, Lists] = {
        method: pad_lists([answer[method] for answer in lists], K) for method in lists[0]
    }
    columns = np.stack([user_ndcg(rows, relevant) for rows in by_method.values()], axis=1)
    sure, place = Bootstrap.of(columns, seed), {name: at for at, name in enumerate(by_method)}
    return TimeRegime(
        name=name,
        users=len(users),
        methods={method: sure.mean(at) for method, at in place.items()},
        differences={
            method: sure.difference(0, at) for method, at in place.items() if method != "funnel"
        },
    )
