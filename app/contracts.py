"""The data that flows through the funnel. ``app.stages`` says what each stage promises.

Every module of ``app`` and ``offline`` may import from here; this module imports none of them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, fields, replace
from functools import cached_property
from math import inf
from typing import Annotated, Any, Literal, NamedTuple, Protocol, TypeAlias

import numpy as np
from annotated_types import Ge, Gt, Le, Lt
from numpy.typing import NDArray

Rows: TypeAlias = NDArray[np.int64]  # (n,)   row numbers in the catalogue, not public ids
Scores: TypeAlias = NDArray[np.float32]  # (n,)   higher is better; comparable within one stage
Times: TypeAlias = NDArray[np.float64]  # (n,)   unix seconds
EventTypes: TypeAlias = NDArray[np.int32]  # (n,) code of each event's type, see ``type_code``
Matrix: TypeAlias = NDArray[np.float32]  # (n, f) one row per candidate, columns as in the view
Ranks: TypeAlias = NDArray[np.int32]  # (n, c) rank in each channel's list, 0 is best

# The system ``matrix · x = vectorsᵀ · confidences`` of a folded-in vector x: the matrix as
# ``app.kernels.user_vectors.factorise`` leaves it, (d, d), and the confidences of the events, (l,).
FoldInSystem: TypeAlias = tuple[NDArray[np.float64], NDArray[np.float64]]

# Numbers of a configuration, with their bounds. Files are checked; code is trusted.
Count: TypeAlias = Annotated[int, Ge(1)]
Whole: TypeAlias = Annotated[int, Ge(0)]
AtLeastTwo: TypeAlias = Annotated[int, Ge(2)]
Seed: TypeAlias = Annotated[int, Ge(0), Lt(2**31)]  # LightGBM accepts no larger one
Positive: TypeAlias = Annotated[float, Gt(0), Lt(inf)]
NotNegative: TypeAlias = Annotated[float, Ge(0), Lt(inf)]
Share: TypeAlias = Annotated[float, Ge(0), Le(1)]
Seconds: TypeAlias = Annotated[float, Gt(0)]  # inf: unlimited

# Whether it is known what a user must not be shown: "down", the store cannot be read; "lost", the
# store has lost it; "unknown", not even what other users hide is known.
FilterState: TypeAlias = Literal["ok", "down", "lost", "unknown"]

ABSENT = np.int32(-1)  # in Ranks: the channel did not propose the candidate


class StageError(Exception):
    """A stage cannot answer for an expected reason: a store is down, an artifact is absent."""


class UnknownOutcomeError(StageError):
    """A command was sent and not answered: it is not known whether the store has obeyed it."""


@dataclass(frozen=True, slots=True)
class Blocked:
    """Items that a user must not be shown: by id, by provider and by category."""

    items: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.items or self.providers or self.categories)


NOTHING_BLOCKED = Blocked()
NO_ROWS: Rows = np.empty(0, np.int64)
NO_TYPES: EventTypes = np.empty(0, np.int32)
SESSION_LENGTH = 1_800.0  # seconds before the newest event that belong to its session
MAX_SESSION_EVENTS = 20  # the newest ones


@dataclass(frozen=True, slots=True, eq=False)
class UserRecord:
    """The store's data of a user, without events."""

    blocked: Blocked = NOTHING_BLOCKED
    attributes: Mapping[str, str] = field(default_factory=dict)
    friends: tuple[str, ...] = ()
    hidden: Rows = field(default_factory=lambda: NO_ROWS)
    restored: Rows = field(default_factory=lambda: NO_ROWS)  # items that are no longer hidden
    erased_at: float = -np.inf  # unix seconds, data time: older events do not exist
    withheld: Blocked = NOTHING_BLOCKED  # what anybody hides, if the user's own is not known


EMPTY_RECORD = UserRecord()


@dataclass(frozen=True, eq=False)
class History:
    """The events of one user as parallel columns, newest first, with the store's record."""

    rows: Rows  # (h,) may repeat: a user can interact with an item twice
    values: Scores  # (h,) the raw value: stars, plays, seconds; 1.0 when the event has none
    weights: Scores  # (h,) preference: > 0 liked (larger is stronger), 0 neutral, < 0 disliked
    times: Times  # (h,) non-increasing
    record: UserRecord = EMPTY_RECORD  # ``take`` and ``newest`` drop this and what follows
    impressions: Rows = field(default_factory=lambda: NO_ROWS)  # recent ones, newest first
    raw_reply: Sequence[Any] = ()  # reply of the store, kept for the request log
    filters: FilterState = "ok"
    types: EventTypes = field(default_factory=lambda: NO_TYPES)  # (h,); (0,): not known

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, chosen: NDArray[np.intp]) -> "History":
        """Return these events, in this order."""
        return History(
            self.rows.take(chosen),
            self.values.take(chosen),
            self.weights.take(chosen),
            self.times.take(chosen),
        )

    def newest(self, limit: int) -> "History":
        """Return the first ``limit`` events, as views."""
        if len(self.rows) <= limit:
            return self
        if limit not in self._newest:
            self._newest[limit] = History(
                self.rows[:limit], self.values[:limit], self.weights[:limit], self.times[:limit]
            )
        return self._newest[limit]

    def liked(self, limit: int) -> "History":
        """Return the newest ``limit`` positive events; if there are none, neutral ones."""
        return self._liked.newest(limit)

    def session(self) -> "History":
        """Return the events of the last session, without the negative ones."""
        return self._session

    def discounted_weights(self, decay: float) -> NDArray[np.float64]:
        """Return the weights, 0.1 or more, times ``decay`` for each newer event, (h,)."""
        if decay not in self._discounted:
            powers = np.power(decay, np.arange(len(self.rows)))
            self._discounted[decay] = np.maximum(self.weights, 0.1) * powers
        return self._discounted[decay]

    @cached_property
    def _discounted(self) -> dict[float, NDArray[np.float64]]:  # the channels share them
        return {}

    @cached_property
    def _newest(self) -> "dict[int, History]":  # by limit; several channels have the same one
        return {}

    @cached_property
    def _session(self) -> "History":
        recent = (self.times >= self.times[:1] - SESSION_LENGTH) & (self.weights >= 0)
        return self.take(recent.nonzero()[0][:MAX_SESSION_EVENTS])

    @cached_property
    def _liked(self) -> "History":  # a dozen channels and features read it
        positive = (self.weights > 0).nonzero()[0]
        return self.take(positive if len(positive) else (self.weights == 0).nonzero()[0])


NO_SCORES: Scores = np.empty(0, np.float32)
NO_HISTORY = History(NO_ROWS, np.empty(0, np.float32), np.empty(0, np.float32), np.empty(0))


@dataclass(frozen=True, slots=True, eq=False)
class RequestOptions:
    """The options of a request that do not depend on a bundle.

    The record of a request, the request in rows and the query share these fields.
    """

    user: str  # public id; "" for an anonymous user
    k: int
    seed: int  # the only source of randomness, so that any request can be replayed
    _: KW_ONLY
    scene: str = ""  # where the list is shown: chooses the policy; "": the default policy
    filter: str = ""  # an expression, see app.expressions.item_filter; "": none
    explore: bool = True  # False: no exploration slot
    candidate_share: float = 1.0  # the share of the candidates to work on; below 1 under load
    offset: int = 0  # items on earlier pages of the same list
    boosts: tuple[str, ...] = ()  # expressions, see app.expressions.boost
    pins: tuple[tuple[int, str], ...] = ()  # position in the list, from 1, and public id

    def options(self) -> dict[str, Any]:
        """Return the fields of this class by name, to build another form of the same request."""
        return {option.name: getattr(self, option.name) for option in _OPTIONS}


_OPTIONS = fields(RequestOptions)


@dataclass(frozen=True, slots=True, eq=False)
class Request(RequestOptions):
    """A request with the rows of a bundle. The user's data has not been read yet."""

    arrived: float  # seconds, from time.monotonic
    inline: History = NO_HISTORY  # sent by the caller, for sessions and anonymous users
    exclude: Rows = field(default_factory=lambda: NO_ROWS)  # items that the caller excludes
    candidates: Rows | None = None  # (c,) ascending, unique: the items to rank; None: of recall


@dataclass(frozen=True, slots=True, eq=False)
class StreamOffsets:
    """The position of the counters in the streams at a request. Replay starts from it."""

    applied: Mapping[str, tuple[str, str]]  # stream: ids of the first and last entry applied
    sorted_lists: Mapping[str, tuple[str, str]]  # the same, as of the sorted lists
    now: float  # unix seconds; this and the next two verify a rebuilt state
    trials: float
    total: NDArray[np.float64]  # (h,)


CANDIDATE_FILTER = "candidates"  # name of the filter that removes all but the caller's candidates


class ItemFilter(Protocol):
    """A hard filter of one request. It is pure and cannot fail: its data was fetched earlier."""

    @property
    def name(self) -> str: ...
    def allows(self, rows: Rows) -> NDArray[np.bool_]:
        """Return whether each row may be shown, (n,)."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Query(RequestOptions):
    """One request with all data of its user. Built once, never changed."""

    user_row: int  # row among the bundle's users; -1 for a user that the bundle does not know
    history: History
    excluded: Rows  # (e,) ascending, unique: seen, hidden or excluded by the caller
    segments: NDArray[np.int32]  # (a,) the user's code in each segment attribute; -1 unknown
    vectors: "UserVectors"
    now: float  # unix seconds; the one "now" of this request
    counters_at: float  # unix seconds, at most ``now``: the newest event that the counters hold
    filters: tuple[ItemFilter, ...] = ()  # besides ``excluded``
    seen: Rows = field(default_factory=lambda: NO_ROWS)  # part of ``excluded``; may repeat
    demoted: Rows = field(default_factory=lambda: NO_ROWS)  # acted on, and ranked lower for it
    impressions: Rows = field(default_factory=lambda: NO_ROWS)  # recent ones, newest first
    hidden: Rows = field(default_factory=lambda: NO_ROWS)  # items that the user has hidden
    friends: Sequence[str] = ()  # public ids of users
    raw_reply: Sequence[Any] = ()  # reply of the store, see ``History``
    stream_offsets: StreamOffsets | None = None  # position of the counters in the streams
    candidates: Rows | None = None  # (c,) ascending, unique; a filter removes all other items

    def allows(self, rows: Rows) -> NDArray[np.bool_]:
        """Return whether each row may be recommended, (n,)."""
        is_allowed: NDArray[np.bool_] = np.ones(len(rows), np.bool_)
        if len(self.excluded):
            nearest = np.minimum(self.excluded.searchsorted(rows), len(self.excluded) - 1)
            is_allowed = self.excluded.take(nearest) != rows
        for each in self.filters:
            is_allowed &= each.allows(rows)
        return is_allowed

    def for_recall(self) -> "Query":
        """Return the query with which channels recall.

        The caller's candidates do not limit it: the rank of a candidate in a channel's list is one
        among all items, as the rankers have learned it.
        """
        if self.candidates is None:
            return self
        filters = tuple(each for each in self.filters if each.name != CANDIDATE_FILTER)
        return replace(self, filters=filters)


@dataclass(frozen=True, slots=True, eq=False)
class UserVectors:
    """The user's vectors, solved from the history at request time; zeros for an empty history."""

    factors: Scores  # (d,) in the space of the matrix factorisation
    content: Scores  # (e,) in the space of attributes and text
    session: Scores = field(default_factory=lambda: NO_SCORES)  # (d,) ``factors`` of the session
    factors_system: FoldInSystem | None = None  # what ``factors`` solves; it names reasons
    session_system: FoldInSystem | None = None  # what ``session`` solves


@dataclass(frozen=True, slots=True, eq=False)
class Proposal:
    """The list of one channel: unique items, best first, with the channel's own scores."""

    rows: Rows
    scores: Scores

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def best(cls, rows: Rows, scores: Scores, limit: int) -> "Proposal":
        """Return the ``limit`` best by score, best first; equal scores keep their order.

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
    scores: Scores  # (n,) scores of the last stage that ran; never NaN
    ranks: Ranks  # (n, c) rank in each channel's list; ABSENT where it did not propose the item
    signals: Matrix  # (n, c) each channel's own score; 0 where it did not propose the item
    features: Matrix  # (n, f) the first columns of the view, as far as computed; f may be 0

    def __len__(self) -> int:
        return len(self.rows)

    def with_features(self, features: Matrix) -> "Candidates":
        """Return the same items in the same order with these features."""
        return Candidates(self.rows, self.scores, self.ranks, self.signals, features)

    def with_scores(self, scores: Scores) -> "Candidates":
        """Return the same items in the same order with new scores; NaN becomes -inf.

        Raises:
            ValueError: There is not exactly one score for each item.
        """
        if scores.shape != self.rows.shape:
            raise ValueError(f"{scores.shape} scores for {self.rows.shape} items")
        finite = np.where(np.isnan(scores), np.float32(-np.inf), scores)
        return Candidates(self.rows, finite, self.ranks, self.signals, self.features)

    def take(self, chosen: NDArray[np.intp]) -> "Candidates":
        """Return these candidates, in this order."""
        return Candidates(
            self.rows.take(chosen),
            self.scores.take(chosen),
            self.ranks.take(chosen, axis=0),
            self.signals.take(chosen, axis=0),
            self.features.T.take(chosen, axis=1).T,  # each column stays contiguous
        )

    def top(self, n: int) -> "Candidates":
        """Return the best ``n``, best first; equal scores keep their order."""
        return self.take((-self.scores).argsort(kind="stable")[:n])


ORGANIC, EXPLORE, SPONSORED, PINNED = range(4)
SLOTS = ("organic", "explore", "sponsored", "pinned")  # name of each code


class UnfilledMinimum(NamedTuple):
    """A minimum exposure that a list does not have, for want of candidates or of room."""

    setting: str  # that asks for it
    n_items: int  # items of the list that count for it
    min_items: int


@dataclass(frozen=True, slots=True, eq=False)
class Slate:
    """The result of the reranker: the items to show, in order, and why each has its position."""

    pool: Candidates
    explored: NDArray[np.bool_]  # (n,) True where exploration placed the item
    propensities: Scores = field(default_factory=lambda: NO_SCORES)  # (n,) empty: all 1
    slots: NDArray[np.int8] = field(default_factory=lambda: np.empty(0, np.int8))  # (n,) SLOTS
    trace: Callable[[], list[tuple[str, int]]] = list  # policy, number of positions it changed
    rejections: Callable[[], Mapping[str, int]] = dict  # cap, number of items it kept out
    unfilled: tuple[UnfilledMinimum, ...] = ()

    def __post_init__(self) -> None:
        if not len(self.propensities):
            object.__setattr__(self, "propensities", np.ones(len(self.pool), np.float32))
        if not len(self.slots):
            codes = np.where(self.explored, EXPLORE, ORGANIC).astype(np.int8)
            object.__setattr__(self, "slots", codes)

    def __len__(self) -> int:
        return len(self.pool)

    def take(self, kept: NDArray[np.intp]) -> "Slate":
        """Return these items, in this order."""
        by_item = (self.explored[kept], self.propensities[kept], self.slots[kept])
        return Slate(self.pool.take(kept), *by_item, self.trace, self.rejections, self.unfilled)
