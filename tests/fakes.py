"""In-memory stages and small data, so that tests of the funnel need no store and no network."""

import asyncio
import inspect
from dataclasses import dataclass, field
from functools import cache
from time import monotonic

import numpy as np

from app.artifacts import DAY, Models
from app.catalogue.catalogue import Catalogue
from app.catalogue.ids import IdIndex, Texts
from app.contracts import (
    ABSENT,
    NO_HISTORY,
    NO_ROWS,
    Candidates,
    History,
    Matrix,
    Proposal,
    Query,
    Request,
    Scores,
    Slate,
    StageError,
    UserVectors,
)
from app.event_weights import EventWeights
from app.recall.registry import CHANNELS
from offline.data.dataset import Dataset, DataTraits, Log
from offline.models.als import ALSConfig
from offline.models.registry import RecallConfig, fit_models
from offline.models.session_knn import SessionKNNConfig

USERS, ITEMS, EVENTS = 60, 80, 1_500
START = 900_000_000.0  # unix seconds
SMALL = RecallConfig(  # the defaults are for far more events
    als=ALSConfig(size=16, reg=1.0), session_knn=SessionKNNConfig(pause=20 * DAY)
)
NO_TASTE = UserVectors(np.empty(0, np.float32), np.empty(0, np.float32))
CATEGORIES = ("action", "comedy", "drama", "romance", "war")
LISTS = len(CHANNELS) + 1  # the last is of what is always at hand
PROVIDERS = ("acme", "bell", "corn", "dusk", "echo", "fern")
WORDS = ("night", "star", "king", "city", "blue", "river", "last", "war", "love", "return")


def rows(*numbers):
    return np.array(numbers, np.int64)


def proposal(*items, scores=None):
    """A channel's answer; without scores the first item has the highest."""
    worth = np.arange(len(items), 0, -1) if scores is None else scores
    return Proposal(rows(*items), np.array(worth, np.float32))


def pool(*items, scores=None, features=0):
    """Candidates that one channel proposed, best first."""
    one = proposal(*items, scores=scores)
    return Candidates(
        one.rows,
        one.scores,
        np.arange(len(items), dtype=np.int32)[:, None],
        one.scores[:, None].copy(),
        np.zeros((len(items), features), np.float32),
    )


def random_pool(random, n, catalogue, channels=LISTS):
    """Candidates as ``merge`` makes them, ``n`` of a catalogue of that many items."""
    proposed = random.random((n, channels)) < 0.4
    signals = random.standard_normal((n, channels))
    signals *= 10.0 ** (np.arange(channels) % 7 - 3)  # cosines, counts, shares: all units differ
    return Candidates(
        np.sort(random.choice(catalogue, n, replace=False)).astype(np.int64),
        random.random(n).astype(np.float32),
        np.where(proposed, random.integers(0, 200, (n, channels)), ABSENT).astype(np.int32),
        np.where(proposed, signals, 0.0).astype(np.float32),
        np.empty((n, 0), np.float32),
    )


def history(*events):
    """A history of events (item row, value, weight, time), newest first."""
    columns = list(zip(*events, strict=True)) or [()] * 4
    kinds = (np.int64, np.float32, np.float32, np.float64)
    return History(*(np.array(c, kind) for c, kind in zip(columns, kinds, strict=True)))


def query(*, n=ITEMS, exclude=(), **known):
    """A stranger's query over ``n`` items, apart from what is said."""
    told = {
        "user": "",
        "user_row": -1,
        "history": NO_HISTORY,
        "excluded": np.unique(np.array(list(exclude), np.int64)),
        "segments": np.empty(0, np.int32),
        "vectors": NO_TASTE,
        "now": START,
        "counters_at": known.get("now", START),
        "k": 10,
        "seed": 0,
    }
    return Query(**(told | known))


def request(user="", k=10, *, age=0.0, exclude=NO_ROWS, **known):
    """A request that arrived ``age`` seconds ago."""
    return Request(user, k, 0, monotonic() - age, exclude=exclude, **known)


async def proposed(channel, query, limit=1_000) -> Proposal:
    """What a channel proposes, whether it computes or waits."""
    answer = channel.recall(query, limit)
    return await answer if inspect.isawaitable(answer) else answer


class RecordingFunnel:
    """A funnel that keeps its runs, and the counters' likes and time at each."""

    def __init__(self, funnel):
        self.funnel, self.runs, self.moments = funnel, [], []

    def __getattr__(self, name):
        return getattr(self.funnel, name)

    async def recommend(self, request):
        counters = self.funnel.query_builder.counters
        self.runs.append(await self.funnel.recommend(request))
        self.moments.append((self.runs[-1].query, counters.liked[-1].copy(), counters.now))
        return self.runs[-1]


@dataclass
class FakeChannel:
    name: str
    answer: Proposal
    delay: float = 0.0
    fault: BaseException | None = None
    n_calls: int = 0
    limit: int | None = None

    def has_work(self, query: Query) -> bool:
        return True

    async def recall(self, query: Query, limit: int) -> Proposal:
        self.n_calls, self.limit = self.n_calls + 1, limit
        await asyncio.sleep(self.delay)
        if self.fault:
            raise self.fault
        kept = query.allows(self.answer.rows).nonzero()[0][:limit]
        return Proposal(self.answer.rows[kept], self.answer.scores[kept])


@dataclass
class FakeLocalChannel:
    name: str
    answer: Proposal
    fault: BaseException | None = None
    n_calls: int = 0

    def recall(self, query: Query, limit: int) -> Proposal:
        self.n_calls += 1
        if self.fault:
            raise self.fault
        kept = query.allows(self.answer.rows).nonzero()[0][:limit]
        return Proposal(self.answer.rows[kept], self.answer.scores[kept])


@dataclass
class FakeHistories:
    known: dict[str, History] | None = None  # None: the store is down
    delay: float = 0.0
    remembered: dict[str, History] = field(default_factory=dict)

    async def recent(self, user: str) -> History:
        await asyncio.sleep(self.delay)
        if self.known is None:
            raise StageError("store is down")
        return self.known.get(user, NO_HISTORY)

    def last_known(self, user: str) -> History:
        return self.remembered.get(user, NO_HISTORY)


class RowFeatures:
    """One column: the row number."""

    def build(self, query: Query, pool: Candidates) -> Matrix:
        return pool.rows.astype(np.float32)[:, None]


class MustNotBeAsked:
    def build(self, query: Query, pool: Candidates) -> Matrix:
        raise AssertionError("this stage should not have begun")

    def rerank(self, query: Query, pool: Candidates) -> Slate:
        raise AssertionError("this stage should not have begun")


class HighestRowFirst:
    def score(self, _query: Query, pool: Candidates, /) -> Scores:
        return pool.features[:, 0]


class LowestRowFirst:
    def score(self, _query: Query, pool: Candidates, /) -> Scores:
        return -pool.features[:, 0]


class Broken:
    def score(self, _query: Query, pool: Candidates, /) -> Scores:
        raise ZeroDivisionError

    def rerank(self, query: Query, pool: Candidates) -> Slate:
        raise ZeroDivisionError


class Down:
    def score(self, _query: Query, pool: Candidates, /) -> Scores:
        raise StageError("the model is absent")


class TooFewScores:
    def score(self, _query: Query, pool: Candidates, /) -> Scores:
        return pool.features[1:, 0]


class KeepOrder:
    def rerank(self, query: Query, pool: Candidates) -> Slate:
        best = pool.top(query.k)
        return Slate(best, np.zeros(len(best), np.bool_))


class Reverse:
    def rerank(self, query: Query, pool: Candidates) -> Slate:
        best = pool.take(np.arange(len(pool))[::-1][: query.k])
        return Slate(best, np.zeros(len(best), np.bool_))


def small_providers():
    """Of every tenth item nobody knows the provider; the rest have one of six."""
    numbers = np.arange(ITEMS, dtype=np.int32)
    return np.where(numbers % 10 == 7, np.int32(-1), numbers % len(PROVIDERS))


def small_catalogue(seed=0, *, categories=True, titles=True, released=True) -> Catalogue:
    """Items of one or two categories; parts that are False are unknown of every item."""
    random = np.random.default_rng(seed)
    table = np.zeros((ITEMS, len(CATEGORIES) if categories else 0), np.uint8)
    if categories:
        table[np.arange(ITEMS), np.arange(ITEMS) % len(CATEGORIES)] = 1
        table[np.arange(ITEMS), random.integers(0, len(CATEGORIES), ITEMS)] = 1
    words = random.choice(WORDS, (ITEMS, 2))
    years = np.where(random.random(ITEMS) < 0.1, np.nan, random.integers(1960, 1999, ITEMS))
    return Catalogue(
        ids=IdIndex.of([f"i{i:02d}" for i in range(ITEMS)]),
        titles=Texts.of([" ".join(w) if titles else None for w in words]),
        categories=table,
        category_names=CATEGORIES if categories else (),
        released=(years if released else np.full(ITEMS, np.nan)).astype(np.float32),
        available=np.ones(ITEMS, np.bool_),
        providers=small_providers() if categories else np.full(ITEMS, -1, np.int32),
        provider_names=Texts.of(PROVIDERS if categories else []),
    )


def small_log(seed=0, *, explicit=True) -> Log:
    """Events over 100 days: few items are popular, and users prefer some categories.

    The last user has done nothing, and nobody anything with the last item.
    """
    random = np.random.default_rng(seed)
    popular = 1.0 / (5.0 + random.permutation(ITEMS))
    prefers = np.arange(USERS)[:, None] % len(CATEGORIES) == np.arange(ITEMS) % len(CATEGORIES)
    odds = popular * np.where(prefers, 8.0, 1.0) * (1.0 + random.random((USERS, 1)) * 3.0)
    odds[-1], odds[:, -1] = 0.0, 0.0
    chosen = random.choice(USERS * ITEMS, EVENTS, replace=False, p=(odds / odds.sum()).ravel())
    users, items = (chosen // ITEMS).astype(np.int32), (chosen % ITEMS).astype(np.int32)
    stars = np.clip(np.round(2.6 + 1.5 * prefers[users, items] + random.normal(0, 1, EVENTS)), 1, 5)
    values = (stars if explicit else np.ones(EVENTS)).astype(np.float32)
    weights = EventWeights().weigh("rating" if explicit else "like", values)
    times = START + np.sort(random.integers(0, int(100 * DAY), EVENTS)).astype(np.float64)
    return Log(users, items, values, weights, times)


@cache
def small_dataset(seed=0, *, explicit=True, known=True) -> Dataset:
    """60 users, 80 items, 1,500 events; ``known`` False: nothing of users and items but ids."""
    texts = {
        "sex": np.array(["f", "m", ""])[np.arange(USERS) % 3],
        "group": np.array(["a", "b", "c", "d", "e"])[np.arange(USERS) % 5],
    }
    return Dataset(
        name="small",
        users=IdIndex.of([f"u{u:02d}" for u in range(USERS)]),
        attributes=texts if known else {},
        catalogue=small_catalogue(seed, categories=known, titles=known, released=known),
        log=small_log(seed, explicit=explicit),
        traits=DataTraits(explicit, 4.0, has_times=True),
        friends=np.empty((0, 2), np.int32),
    )


@cache
def small_models(seed=0, *, explicit=True, known=True) -> Models:
    """All recall models, fitted on the whole log of ``small_dataset``. Shared: do not write."""
    dataset = small_dataset(seed, explicit=explicit, known=known)
    return fit_models(dataset, dataset.log, SMALL, float(dataset.log.times[-1]))
