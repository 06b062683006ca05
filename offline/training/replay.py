"""The real funnel as of an earlier moment, and the requests that users would have made then."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from app.artifacts import Indexes, Models, Rankers
from app.build import FunnelConfig, LiveState, build_funnel, untrained_rankers
from app.catalogue.user_segments import segment_rows
from app.contracts import NO_HISTORY, History, Request, Rows
from app.event_weights import EventWeights
from app.funnel import Funnel, Slate
from app.query_builder import QueryBuilder
from app.state.counters import PopularityCounters
from app.state.in_memory import MemoryHistories, MemoryTables
from offline.data.dataset import NO_LOG, Log


@dataclass(frozen=True, slots=True, eq=False)
class ReplayUser:
    """A user who was active after the moment, and what they then took that was new to them."""

    user: int  # row among the data set's users
    relevant: Rows  # (r,) unique, sorted: positive events from the moment on, not seen before
    at: float = -np.inf  # the moment, unix seconds; not later than the models: theirs
    since: History = NO_HISTORY  # what the user did after the models were made, before the moment
    later: Log = NO_LOG  # all that the user did from the moment on, where objectives ask for it


def find_active_users(log: Log, start: float, end: float) -> list[ReplayUser]:
    """Find the users who took something new and liked it in ``[start, end)``, by user row."""
    window = log.between(start, end)
    before = log.before(start)
    liked = window.weights > 0
    wide = int(log.items.max(initial=0)) + 1
    seen = np.unique(before.users.astype(np.int64) * wide + before.items)
    taken = np.unique(window.users[liked].astype(np.int64) * wide + window.items[liked])
    taken = np.setdiff1d(taken, seen, assume_unique=True)
    users, first = np.unique(taken // wide, return_index=True)
    parts = np.split(taken % wide, first)[1:]
    return [ReplayUser(int(u), part) for u, part in zip(users, parts, strict=True)]


def add_later_moments(
    log: Log, found: list[ReplayUser], start: float, end: float, seed: int
) -> list[ReplayUser]:
    """Let each asker come at the window's start and once again within it, in order of time.

    The second time is just before one of their own events: they are known to have done what came
    before it, and only what they took from it on is relevant. The number of events done is drawn
    by ``seed``, evenly on a logarithmic scale: first visits are many, and decide who comes back.
    """
    drawn = np.random.default_rng(seed).random(len(found))
    owned = split_events_by_user(log.between(start, end), found)
    again = [
        _within(own, asker, share) for own, asker, share in zip(owned, found, drawn, strict=True)
    ]
    return sorted([*found, *(one for one in again if one)], key=lambda asker: asker.at)


def split_events_by_user(window: Log, found: list[ReplayUser]) -> list[Log]:
    """Give what each asker did in the window, oldest first."""
    order = np.argsort(window.users, kind="stable")
    users = np.array([asker.user for asker in found], np.int64)
    first = np.searchsorted(window.users[order], users, side="left")
    last = np.searchsorted(window.users[order], users, side="right")
    return [window.take(order[low:high]) for low, high in zip(first, last, strict=True)]


def _within(own: Log, asker: ReplayUser, share: float) -> ReplayUser | None:
    """Move one asker to one of their own events; None: nothing relevant is left after it."""
    done = int(np.expm1(share * np.log1p(len(own))))
    before = int(np.searchsorted(own.times, own.times[done], side="left"))
    return advance_user(own, asker, before) if before else None


def advance_user(own: Log, asker: ReplayUser, events: int) -> ReplayUser | None:
    """Give the asker with this many of their own events done; None: nothing relevant is left."""
    past, later = own.take(slice(0, events)), own.take(slice(events, None))
    left = np.intersect1d(asker.relevant, later.items[later.weights > 0])
    left = np.setdiff1d(left, past.items).astype(np.int64)
    if not len(left):
        return None
    newest = np.arange(len(past))[::-1]
    done = History(
        past.items[newest].astype(np.int64),
        past.values[newest],
        past.weights[newest],
        past.times[newest],
    )
    return ReplayUser(asker.user, left, float(later.times[0]), done)


def add_later_events(
    log: Log, found: list[ReplayUser], start: float, end: float
) -> list[ReplayUser]:
    """Say of each asker all that the user did from the moment, or the start, to the end."""
    owned = split_events_by_user(log.between(start, end), found)
    return [
        replace(asker, later=own.between(max(asker.at, start), end))
        for asker, own in zip(found, owned, strict=True)
    ]


def advance_counters(profiles: QueryBuilder, log: Log, since: float, until: float) -> None:
    """Let the crowd's state know of every event in ``[since, until)``, and of whom each is."""
    news = log.between(since, until)
    if len(news):
        of = segment_rows(profiles.models.segments, profiles.models.users.segments[news.users])
        profiles.counters.apply(news.items.astype(np.int64), news.weights, news.times, of)
        profiles.counters.refresh()


def sample_users(found: list[ReplayUser], limit: int, seed: int) -> list[ReplayUser]:
    """Keep at most ``limit`` askers, in order, chosen by ``seed``."""
    if len(found) <= limit:
        return found
    chosen = np.sort(np.random.default_rng(seed).permutation(len(found))[:limit])
    return [found[i] for i in chosen]


def build_offline_funnel(
    models: Models, wiring: FunnelConfig, rankers: Rankers | None = None
) -> Funnel:
    """Assemble the funnel over models in memory, as the service does over a bundle and Redis."""
    nothing_new = MemoryHistories(models.catalogue.ids, EventWeights())
    return build_funnel(
        models,
        Indexes(wiring.index(models.factors.items), wiring.index(models.content.items)),
        rankers or untrained_rankers(wiring.specs),
        LiveState(PopularityCounters.of(models), nothing_new, MemoryTables(models.tables)),
        wiring,
    )


async def recommend_each(
    funnel: Funnel, names: list[str], k: int, seed: int, *, explore: bool
) -> AsyncIterator[Slate]:
    """Ask the funnel for each of these users in turn.

    Raises:
        RuntimeError: a stage did not answer; offline nothing is late, so that is a fault.
    """
    for name in names:
        yield await recommend_once(funnel, Request(name, k, seed, arrived=0.0, explore=explore))


async def recommend_once(funnel: Funnel, request: Request) -> Slate:
    """Ask the funnel once.

    Raises:
        RuntimeError: a stage did not answer; offline nothing is late, so that is a fault.
    """
    slate = await funnel.recommend(request)
    failed = [step for step in slate.results if step.outcome != "ok"]
    if failed:
        step = failed[0]
        raise RuntimeError(f"stage {step.stage} is {step.outcome} for user {request.user}")
    return slate


def label_rows(rows: Rows, relevant: Rows) -> NDArray[np.bool_]:
    """Say which of ``rows`` are relevant; ``relevant`` is sorted."""
    return np.isin(rows, relevant)
