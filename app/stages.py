"""What each stage of the funnel and each store promises, and the data that stores return."""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from app.contracts import (
    NO_ROWS,
    Candidates,
    History,
    Matrix,
    Proposal,
    Query,
    Rows,
    Scores,
    Slate,
    Times,
)


@dataclass(frozen=True, slots=True, eq=False)
class NeighbourSpans:
    """Rows of a similarity table: the neighbours of the i-th are ``[starts[i]:ends[i]]``."""

    starts: NDArray[np.int64]  # (h,)
    ends: NDArray[np.int64]  # (h,) equal to ``starts`` for a row without neighbours
    rows: NDArray[np.int32]  # (m,) of the whole table, as the next one
    weights: Scores  # (m,)


@dataclass(frozen=True, slots=True, eq=False)
class UserEvents:
    """Events of several users, end to end; ``owner`` names the requested user of each."""

    owner: NDArray[np.int64]  # (m,) position in the list of requested users
    rows: NDArray[np.integer]  # (m,) item rows
    weights: Scores  # (m,) as in ``History``
    times: Times  # (m,)


NO_EVENTS = UserEvents(NO_ROWS, NO_ROWS, np.empty(0, np.float32), np.empty(0))


class Histories(Protocol):
    """Reads the events of a user since the bundle was made. An unknown user has none."""

    def recent(self, user: str) -> Awaitable[History]: ...
    def last_known(self, user: str) -> History:
        """Return what is known of the user while the store cannot answer.

        ``filters`` and ``record.withheld`` say what must be left out of the list.
        """
        ...


class FriendEvents(Protocol):
    """Reads the events of a user's friends since the bundle was made."""

    def recent_events(self, users: Sequence[str], newest: int) -> Awaitable[UserEvents]:
        """Read the ``newest`` live events of each user, in any order.

        Raises:
            StageError: The store cannot answer.
        """
        ...


@runtime_checkable
class Tables(Protocol):
    """Similarity tables in memory. An unknown row has no neighbours."""

    def spans(self, table: str, rows: Rows) -> NeighbourSpans:
        """Return the neighbours of ``rows``."""
        ...


class RemoteTables(Protocol):
    """Similarity tables in a store. An unknown row has no neighbours."""

    def read(self, table: str, rows: Rows) -> Awaitable[NeighbourSpans]:
        """Return the neighbours of ``rows``, which may have to be read.

        Raises:
            StageError: The store cannot answer.
        """
        ...


class Channel(Protocol):
    """Recall that waits for a store or a thread. It is cancelled when it is late.

    Contract: see ``tests/contract/channel_contract.py``.
    """

    @property
    def name(self) -> str: ...
    def has_work(self, query: Query) -> bool:
        """Return whether the channel may have proposals. If not, it is not awaited."""
        ...

    def recall(self, query: Query, limit: int) -> Awaitable[Proposal]: ...


class LocalChannel(Protocol):
    """Recall from memory. It takes less time than a hop to another thread. Same contract."""

    @property
    def name(self) -> str: ...
    def recall(self, query: Query, limit: int) -> Proposal: ...


class Features(Protocol):
    """Computes the features of a pool. It never adds, drops or reorders rows.

    It keeps the columns that the pool already has: they were computed over the whole merged pool,
    before a ranker cut it.
    """

    def build(self, query: Query, pool: Candidates) -> Matrix: ...


class Scorer(Protocol):
    """A ranker. Pure: the same query and pool give the same scores, on any thread."""

    def score(self, query: Query, pool: Candidates, /) -> Scores:
        """Return one score for each candidate, (n,), in the order of the pool.

        ``pool.features`` holds the columns of the stage's view. NaN ranks an item last.
        """
        ...


class Reranker(Protocol):
    """Makes the final list. It is the only stage that compares items with one another."""

    def rerank(self, query: Query, pool: Candidates) -> Slate: ...
