"""What flows through the funnel, and what each stage promises.

Every module in ``app`` and ``offline`` may import from here; this module imports none of them.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, fields
from functools import cached_property
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Rows: TypeAlias = NDArray[np.int64]  # (n,)   row numbers in the catalogue, not public ids
Scores: TypeAlias = NDArray[np.float32]  # (n,)   higher is better; comparable within one stage
Times: TypeAlias = NDArray[np.float64]  # (n,)   unix seconds
Matrix: TypeAlias = NDArray[np.float32]  # (n, f) one row per candidate, columns as in the view
Ranks: TypeAlias = NDArray[np.int32]  # (n, c) place in each channel's list, 0 is best

ABSENT = np.int32(-1)  # in Ranks: this channel did not propose the candidate


class StageError(Exception):
    """A stage cannot answer, for a reason we foresaw: a store is down, an artifact is absent."""


@dataclass(frozen=True, slots=True)
class Blocked:
    """What must not be shown: public ids of items, names of providers and of categories."""

    items: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.items or self.providers or self.categories)


NOTHING_BLOCKED = Blocked()
NO_ROWS: Rows = np.empty(0, np.int64)
SESSION_LENGTH = 1_800.0  # seconds: events no older than this against the newest are one session
MAX_SESSION_EVENTS = 20  # of a session that count, at most: the newest


@dataclass(frozen=True, slots=True, eq=False)
class UserRecord:
    """What is told of a user beside events, as the store has it."""

    blocked: Blocked = NOTHING_BLOCKED
    attributes: Mapping[str, str] = field(default_factory=dict)
    friends: tuple[str, ...] = ()
    hidden: Rows = field(default_factory=lambda: NO_ROWS)
    restored: Rows = field(default_factory=lambda: NO_ROWS)  # hidden once, and no more
    erased_at: float = -np.inf  # unix seconds by the data's time: what is older is forgotten


EMPTY_RECORD = UserRecord()


@dataclass(frozen=True, eq=False)
class History:
    """What one user did, newest first, as parallel columns; and what else is known of the user."""

    rows: Rows  # (h,) may repeat: a user can act on an item twice
    values: Scores  # (h,) the raw value: stars, plays, seconds; 1.0 when the event has none
    weights: Scores  # (h,) preference: > 0 liked (larger is stronger), 0 neutral, < 0 disliked
    times: Times  # (h,) non-increasing
    record: UserRecord = EMPTY_RECORD  # as the store has it; parts of a history do not keep it
    impressions: Rows = field(default_factory=lambda: NO_ROWS)  # lately, newest first; likewise
    raw_reply: Sequence[Any] = ()  # by the store, word for word: to read it again

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, chosen: NDArray[np.intp]) -> "History":
        """Keep these events, in this order."""
        return History(
            self.rows.take(chosen),
            self.values.take(chosen),
            self.weights.take(chosen),
            self.times.take(chosen),
        )

    def newest(self, limit: int) -> "History":
        """Keep the first ``limit`` events, as views."""
        if len(self) <= limit:
            return self
        return History(
            self.rows[:limit], self.values[:limit], self.weights[:limit], self.times[:limit]
        )

    def liked(self, limit: int) -> "History":
        """Keep the newest ``limit`` events that speak for an item; if none does, neutral ones."""
        return self._liked.newest(limit)

    def session(self) -> "History":
        """Keep the newest events of the last half hour they came, less those against an item."""
        return self._session

    @cached_property
    def _session(self) -> "History":
        recent = (self.times >= self.times[:1] - SESSION_LENGTH) & (self.weights >= 0)
        return self.take(recent.nonzero()[0][:MAX_SESSION_EVENTS])

    @cached_property
    def _liked(self) -> "History":  # a dozen channels and columns ask for it
        spoken = (self.weights > 0).nonzero()[0]
        return self.take(spoken if len(spoken) else (self.weights == 0).nonzero()[0])


NO_SCORES: Scores = np.empty(0, np.float32)
NO_HISTORY = History(NO_ROWS, np.empty(0, np.float32), np.empty(0, np.float32), np.empty(0))


@dataclass(frozen=True, slots=True, eq=False)
class RequestOptions:
    """What a caller asks for, as far as it needs no bundle to be read.

    The record of a request, the request in rows and the query share these fields.
    """

    user: str  # public id; "" for an anonymous user
    k: int
    seed: int  # the only source of randomness, so that any request can be replayed
    _: KW_ONLY
    scene: str = ""  # where the list is shown: chooses the policy; "": the default policy
    filter: str = ""  # an expression, see app.expressions.item_filter; "": none
    explore: bool = True  # False: no exploration slot
    quality: float = 1.0  # the share of the candidates to work on; below 1 under load
    offset: int = 0  # places that earlier pages of the same list had

    def options(self) -> dict[str, Any]:
        """Return the fields of this class by name, to build another form of the same request."""
        return {option.name: getattr(self, option.name) for option in _OPTIONS}


_OPTIONS = fields(RequestOptions)


@dataclass(frozen=True, slots=True, eq=False)
class Request(RequestOptions):
    """What a caller asks for, in rows of a bundle. Nothing is known of the user yet."""

    arrived: float  # by time.monotonic, seconds
    inline: History = NO_HISTORY  # sent along by the caller, for sessions and anonymous users
    exclude: Rows = field(default_factory=lambda: NO_ROWS)  # the caller leaves them out


@dataclass(frozen=True, slots=True, eq=False)
class StreamOffsets:
    """How far the crowd's state had come when a request read it: enough to come to it again."""

    applied: Mapping[str, tuple[str, str]]  # of each stream, ids of the first and last entry known
    sorted_lists: Mapping[str, tuple[str, str]]  # the same of what its sorted lists know
    now: float  # these three to check a state by that was made again
    trials: float
    total: NDArray[np.float64]  # (h,)


class ItemFilter(Protocol):
    """A hard filter of one request. Pure, and cannot fail: what it needs was fetched earlier."""

    @property
    def name(self) -> str: ...
    def allows(self, rows: Rows) -> NDArray[np.bool_]:
        """Say for each row whether it may be shown, (n,)."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Query(RequestOptions):
    """One request and all that is known about its user. Built once, never changed."""

    user_row: int  # the user's row among the bundle's users; -1 for a stranger
    history: History
    excluded: NDArray[np.bool_]  # (catalogue,) True: seen, or asked to be left out
    segments: NDArray[np.int32]  # (a,) the user's code in each segment attribute; -1 unknown
    vectors: "UserVectors"
    now: float  # unix seconds; the one "now" of this request
    counters_at: float  # unix seconds, at most now: up to when the crowd's events are known
    filters: tuple[ItemFilter, ...] = ()  # beside what is excluded
    impressions: Rows = field(default_factory=lambda: NO_ROWS)  # lately, newest first
    hidden: Rows = field(default_factory=lambda: NO_ROWS)  # by the user
    friends: Sequence[str] = ()  # public ids of users
    raw_reply: Sequence[Any] = ()  # what the store said of the user, word for word
    stream_offsets: StreamOffsets | None = None  # of the crowd's state

    def allows(self, rows: Rows) -> NDArray[np.bool_]:
        """Say for each row whether it may be answered."""
        free: NDArray[np.bool_] = ~self.excluded.take(rows)
        for rule in self.filters:
            free &= rule.allows(rows)
        return free


@dataclass(frozen=True, slots=True, eq=False)
class UserVectors:
    """The user as vectors, solved from the history at request time; zeros when nothing is known."""

    factors: Scores  # (d,) in the space of the matrix factorisation
    content: Scores  # (e,) in the space of attributes and text
    session: Scores = field(default_factory=lambda: NO_SCORES)  # (d,) factors of the session alone


@dataclass(frozen=True, slots=True, eq=False)
class Proposal:
    """One channel's answer: unique items, best first, with that channel's own scores."""

    rows: Rows
    scores: Scores

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def best(cls, rows: Rows, scores: Scores, limit: int) -> "Proposal":
        """Keep the ``limit`` best by score, best first; equal scores keep their order.

        Scores must be finite.
        """
        if len(rows) > limit:
            kth = min(len(rows) - limit, len(rows) - 1)
            best = scores.argpartition(kth)[len(rows) - limit :]
            best.sort()
            rows, scores = rows.take(best), scores.take(best)
        order = (-scores).argsort(kind="stable")
        return cls(rows.take(order), scores.take(order).astype(np.float32, copy=False))


NO_PROPOSAL = Proposal(NO_ROWS, np.empty(0, np.float32))


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """A pool of items as parallel columns: a stage is a few numpy calls, never a loop."""

    rows: Rows  # (n,) unique
    scores: Scores  # (n,) by the stage that ran last; never NaN
    ranks: Ranks  # (n, c) place in each channel's list; ABSENT where it did not propose the item
    signals: Matrix  # (n, c) each channel's own score; 0 where it did not propose the item
    features: Matrix  # (n, f) columns of the view that are computed so far; f may be 0

    def __len__(self) -> int:
        return len(self.rows)

    def with_scores(self, scores: Scores) -> "Candidates":
        """Give the same items, in the same order, new scores; NaN sinks to the bottom.

        Raises:
            ValueError: there is not exactly one score for each item.
        """
        if scores.shape != self.rows.shape:
            raise ValueError(f"{scores.shape} scores for {self.rows.shape} items")
        sunk = np.where(np.isnan(scores), np.float32(-np.inf), scores)
        return Candidates(self.rows, sunk, self.ranks, self.signals, self.features)

    def take(self, chosen: NDArray[np.intp]) -> "Candidates":
        """Keep these candidates, in this order."""
        return Candidates(
            self.rows.take(chosen),
            self.scores.take(chosen),
            self.ranks.take(chosen, axis=0),
            self.signals.take(chosen, axis=0),
            self.features.take(chosen, axis=0),
        )

    def top(self, n: int) -> "Candidates":
        """Keep the best ``n``, best first; equal scores keep their order."""
        return self.take((-self.scores).argsort(kind="stable")[:n])


ORGANIC, EXPLORE, SPONSORED, PINNED = range(4)
SLOTS = ("organic", "explore", "sponsored", "pinned")  # by code


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """The reranker's answer: the items to show, in order, and how each came to its place."""

    pool: Candidates
    explored: NDArray[np.bool_]  # (n,) True where exploration, not the ranking, put the item
    propensities: Scores = field(default_factory=lambda: NO_SCORES)  # (n,) chance; empty: all 1
    slots: NDArray[np.int8] = field(default_factory=lambda: np.empty(0, np.int8))  # (n,) codes
    trace: Callable[[], list[tuple[str, int]]] = list  # policies, and how much each changed
    rejections: Callable[[], Mapping[str, int]] = dict  # caps, and how many items each kept out

    def __post_init__(self) -> None:
        if not len(self.propensities):
            object.__setattr__(self, "propensities", np.ones(len(self.pool), np.float32))
        if not len(self.slots):
            codes = np.where(self.explored, EXPLORE, ORGANIC).astype(np.int8)
            object.__setattr__(self, "slots", codes)

    def __len__(self) -> int:
        return len(self.pool)

    def take(self, kept: NDArray[np.intp]) -> "Selection":
        """Keep these items, in this order."""
        return Selection(
            self.pool.take(kept),
            self.explored[kept],
            self.propensities[kept],
            self.slots[kept],
            self.trace,
            self.rejections,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Neighbours:
    """Rows of a similarity table, end to end. ``owner`` says which asked row each is of."""

    owner: NDArray[np.int64]  # (m,) position in the list of rows asked for, non-decreasing
    rows: NDArray[np.int32]  # (m,)
    weights: Scores  # (m,)


@dataclass(frozen=True, slots=True, eq=False)
class UserEvents:
    """What several users did, end to end; ``owner`` says which asked user each event is of."""

    owner: NDArray[np.int64]  # (m,) position in the list of users asked for
    rows: NDArray[np.integer]  # (m,) item rows
    weights: Scores  # (m,) as in ``History``
    times: Times  # (m,)


NO_EVENTS = UserEvents(NO_ROWS, NO_ROWS, np.empty(0, np.float32), np.empty(0))


class FriendEvents(Protocol):
    """Knows what a user's friends did since the bundle was made."""

    def recent_events(self, users: Sequence[str], newest: int) -> Awaitable[UserEvents]:
        """Give the ``newest`` live events of each user, in any order.

        Raises:
            StageError: the store cannot answer.
        """
        ...


class Histories(Protocol):
    """Knows what each user did since the bundle was made. A stranger's history is empty."""

    def recent(self, user: str) -> Awaitable[History]: ...


class Tables(Protocol):
    """Reads similarity tables. An unknown row has no neighbours."""

    def read(self, table: str, rows: Rows) -> Awaitable[Neighbours]:
        """Fetch the neighbours of ``rows``.

        Raises:
            StageError: the store cannot answer.
        """
        ...


class Channel(Protocol):
    """Recall that waits for something: proposes items, best first. It is cancelled when late."""

    @property
    def name(self) -> str: ...
    def recall(self, query: Query, limit: int) -> Awaitable[Proposal]: ...


class LocalChannel(Protocol):
    """Recall from memory, in less time than a hop to another thread takes."""

    @property
    def name(self) -> str: ...
    def recall(self, query: Query, limit: int) -> Proposal: ...


class Features(Protocol):
    """Computes a model's inputs for a pool. Never adds, drops or reorders rows.

    Columns that the pool brings along are taken as they are: they were computed over the pool
    as it was merged, before any ranker cut it.
    """

    def build(self, query: Query, pool: Candidates) -> Matrix: ...


class Scorer(Protocol):
    """A trained model. Pure: the same matrix gives the same scores, on any thread."""

    def score(self, features: Matrix) -> Scores: ...


@runtime_checkable
class MixedScorer(Protocol):
    """A scorer of several parts, which count differently for different users."""

    def part_weights(self, features: Matrix) -> dict[str, float]:
        """Say how much each part counts for the user whose pool this is."""
        ...


class Reranker(Protocol):
    """Makes the final list. The only stage that weighs items against one another."""

    def rerank(self, query: Query, pool: Candidates) -> Selection: ...
