"""The real funnel as of an earlier moment, and the requests that its users would have sent."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from app.artifacts import Models, Rankers
from app.build import FunnelConfig, LiveState, build_funnel, untrained_rankers
from app.contracts import (
    NO_HISTORY,
    Candidates,
    History,
    Matrix,
    Query,
    Request,
    Rows,
    Scores,
    Slate,
)
from app.event_weights import EventWeights
from app.features.user_segments import segment_rows
from app.funnel import Funnel, FunnelRun, RankStage
from app.query_builder import MIN_OPINION_WEIGHT, QueryBuilder
from app.rerank.seen import DEFAULT_RULES, SeenRules
from app.state.counters import PopularityCounters
from app.state.histories import MemoryHistories
from app.state.table_readers import MappedTables
from offline.data.dataset import NO_LOG, Log


@dataclass(frozen=True, slots=True, eq=False)
class ActiveUser:
    """A user who was active after a moment, and the new items they then liked."""

    user: int  # row among the data set's users
    relevant: Rows  # (r,) unique, sorted: positive events from the moment on, not hidden then
    at: float = -np.inf  # the moment, unix seconds; at the earliest that of the models
    since: History = NO_HISTORY  # events after the models were fitted and before the moment
    later: Log = NO_LOG  # all events from the moment on, where objectives need them
    seen: SeenRules = DEFAULT_RULES  # which events hide their item


def find_active_users(
    log: Log, start: float, end: float, seen: SeenRules = DEFAULT_RULES
) -> list[ActiveUser]:
    """Return the users who liked an item in ``[start, end)`` that was not hidden, by user row."""
    window = log.between(start, end)
    earlier = hiding_events(log.before(start), start, seen)
    is_liked = window.weights > 0
    n_items = int(log.items.max(initial=0)) + 1
    hidden = np.unique(earlier.users.astype(np.int64) * n_items + earlier.items)
    liked = np.unique(window.users[is_liked].astype(np.int64) * n_items + window.items[is_liked])
    liked = np.setdiff1d(liked, hidden, assume_unique=True)
    users, first = np.unique(liked // n_items, return_index=True)
    parts = np.split(liked % n_items, first)[1:]
    return [ActiveUser(int(user), part, seen=seen) for user, part in zip(users, parts, strict=True)]


def hiding_events(log: Log, now: float, seen: SeenRules) -> Log:
    """Return the events that hide their item from their user at ``now``, unix seconds."""
    is_hiding = seen.are_hiding(log.types, log.times, now)
    if is_hiding is None:
        return log
    return log.take(np.flatnonzero(is_hiding | (log.weights <= -MIN_OPINION_WEIGHT)))


def add_later_moments(
    log: Log, users: list[ActiveUser], start: float, end: float, seed: int
) -> list[ActiveUser]:
    """Return each user at the window's start and once again within it, in order of time.

    The second time is just before one of their own events. Earlier events are then part of the
    history, and only what they liked later is relevant. The number of earlier events is drawn by
    ``seed``, evenly on a logarithmic scale: first visits are many, and decide who comes back.
    """
    shares = np.random.default_rng(seed).random(len(users))
    events = split_events_by_user(log.between(start, end), users)
    later = [
        _move_to_event(own, user, share)
        for own, user, share in zip(events, users, shares, strict=True)
    ]
    return sorted([*users, *(user for user in later if user)], key=lambda user: user.at)


def split_events_by_user(window: Log, users: list[ActiveUser]) -> list[Log]:
    """Return the events of each user in the window, oldest first."""
    order = np.argsort(window.users, kind="stable")
    rows = np.array([user.user for user in users], np.int64)
    first = np.searchsorted(window.users[order], rows, side="left")
    last = np.searchsorted(window.users[order], rows, side="right")
    return [window.take(order[low:high]) for low, high in zip(first, last, strict=True)]


def _move_to_event(own: Log, user: ActiveUser, share: float) -> ActiveUser | None:
    """Return a user as of one of their own events; None: nothing relevant comes after it."""
    events = int(np.expm1(share * np.log1p(len(own))))
    earlier = int(np.searchsorted(own.times, own.times[events], side="left"))
    return advance_user(own, user, earlier) if earlier else None


def advance_user(own: Log, user: ActiveUser, events: int) -> ActiveUser | None:
    """Return a user after their first ``events`` events; None: nothing relevant comes later."""
    past, later = own.take(slice(0, events)), own.take(slice(events, None))
    relevant = np.intersect1d(user.relevant, later.items[later.weights > 0])
    hiding = hiding_events(past, float(later.times[0]), user.seen) if len(later) else past
    relevant = np.setdiff1d(relevant, hiding.items).astype(np.int64)
    if not len(relevant):
        return None
    newest = np.arange(len(past))[::-1]
    since = History(
        past.items[newest].astype(np.int64),
        past.values[newest],
        past.weights[newest],
        past.times[newest],
        types=past.types[newest] if len(past.types) else past.types,
    )
    return ActiveUser(user.user, relevant, float(later.times[0]), since, seen=user.seen)


def add_later_events(
    log: Log, users: list[ActiveUser], start: float, end: float
) -> list[ActiveUser]:
    """Add to each user all of their events from the moment, or from ``start``, to ``end``."""
    events = split_events_by_user(log.between(start, end), users)
    return [
        replace(user, later=own.between(max(user.at, start), end))
        for user, own in zip(users, events, strict=True)
    ]


def advance_counters(query_builder: QueryBuilder, log: Log, since: float, until: float) -> None:
    """Count the events in ``[since, until)``, overall and by the segments of their users.

    ``log`` is without the repeats of its users, see ``Log.without_repeats``: what repeats an event
    before ``since`` cannot be told from the window alone.
    """
    events = log.between(since, until)
    if len(events):
        models, counters = query_builder.models, query_builder.counters
        segments = segment_rows(models.segments, models.users.segments[events.users])
        counters.apply(events.items.astype(np.int64), events.weights, events.times, segments)
        counters.refresh()


def sample_users(users: list[ActiveUser], limit: int, seed: int) -> list[ActiveUser]:
    """Keep at most ``limit`` users, in order, chosen by ``seed``."""
    if len(users) <= limit:
        return users
    chosen = np.sort(np.random.default_rng(seed).permutation(len(users))[:limit])
    return [users[row] for row in chosen]


def build_offline_funnel(
    models: Models, config: FunnelConfig, rankers: Rankers | None = None
) -> Funnel:
    """Build the funnel over models in memory, as the service does over a bundle and Redis."""
    no_histories = MemoryHistories(models.catalogue.ids, EventWeights())
    return build_funnel(
        models,
        config.indexes(models),
        rankers or untrained_rankers(config.specs),
        LiveState(PopularityCounters.of(models), no_histories, MappedTables(models.tables)),
        config,
    )


@dataclass(frozen=True, slots=True)
class PassThroughStage:
    """Features, a scorer and a reranker that keep the order of the merge."""

    def build(self, query: Query, pool: Candidates) -> Matrix:  # noqa: ARG002
        return pool.scores[:, None]

    def score(self, _query: Query, pool: Candidates, /) -> Scores:
        return pool.scores

    def rerank(self, query: Query, pool: Candidates) -> Slate:
        best = pool.top(query.k)
        return Slate(best, np.zeros(len(best), np.bool_))


def without_ranking(funnel: Funnel) -> Funnel:
    """Return a funnel whose recall is the same and that ranks nothing."""

    def keep_order(stage: RankStage) -> RankStage:
        return replace(stage, features=kept, scorer=kept)

    kept = PassThroughStage()
    stages = keep_order(funnel.coarse), keep_order(funnel.fine)
    return replace(funnel, coarse=stages[0], fine=stages[1], reranker=kept)


async def recommend_each(
    funnel: Funnel, names: list[str], k: int, seed: int, *, explore: bool
) -> AsyncIterator[FunnelRun]:
    """Run the funnel for each of these users in turn.

    Raises:
        RuntimeError: a stage did not answer; nothing is late offline, so that is a fault.
    """
    for name in names:
        yield await recommend_once(funnel, Request(name, k, seed, arrived=0.0, explore=explore))


async def recommend_once(funnel: Funnel, request: Request) -> FunnelRun:
    """Run the funnel once.

    Raises:
        RuntimeError: a stage did not answer; nothing is late offline, so that is a fault.
    """
    run = await funnel.recommend(request)
    failed = [result for result in run.results if result.outcome != "ok"]
    if failed:
        stage, outcome = failed[0].stage, failed[0].outcome
        raise RuntimeError(f"stage {stage} is {outcome} for user {request.user}")
    return run


def label_rows(rows: Rows, relevant: Rows) -> NDArray[np.bool_]:
    """Return which of ``rows`` are relevant, (n,); ``relevant`` is sorted."""
    return np.isin(rows, relevant)
