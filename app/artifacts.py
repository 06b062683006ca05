"""The arrays that training produces and serving reads. This module only declares them.

``offline.models`` makes them, ``app.bundle.bundle`` stores and loads them, ``app.recall`` and
``app.features.views`` read them. All are as of one moment, ``Popularity.at``.
"""

from copy import copy
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.catalogue.catalogue import Catalogue
from app.catalogue.cold_items import ColdItemModel
from app.catalogue.duplicates import NO_DUPLICATES
from app.catalogue.ids import IdIndex
from app.contracts import (
    NO_HISTORY,
    NO_TYPES,
    Count,
    EventTypes,
    History,
    Matrix,
    Rows,
    Scores,
    Times,
)
from app.copy_on_write import extend_rows
from app.stages import Scorer

DAY = 86_400.0
MIN_LENGTH = 1e-9  # of an item vector, so that it can be divided by
BLOCK_ROWS = 65_536  # vectors whose lengths are computed at a time
CODED_TOGETHER = 32  # vectors of an index with cells whose codes lie side by side
MOST_CODE_PAIRS = 128  # of a vector: the sum of its table's entries must fit into 16 bits
HALF_LIVES = (*(days * DAY for days in (1, 3, 7, 14, 30, 90)), np.inf)  # seconds; inf: all time

if TYPE_CHECKING:  # settings and readers need no index
    import faiss

VectorIndex: TypeAlias = "faiss.Index | CellIndex"


@dataclass(frozen=True, slots=True, eq=False)
class NeighbourTable:
    """A similarity table in CSR form: the neighbours of row r are ``[indptr[r]:indptr[r + 1]]``."""

    indptr: NDArray[np.int64]  # (n + 1,)
    rows: NDArray[np.int32]  # (m,) best neighbour first
    weights: Scores  # (m,)

    def __len__(self) -> int:
        return len(self.indptr) - 1


@dataclass(frozen=True, slots=True, eq=False)
class Users:
    """The users of the training log: their whole history (CSR, newest first) and attributes."""

    ids: IdIndex
    indptr: NDArray[np.int64]  # (u + 1,)
    rows: NDArray[np.int32]  # (m,) item rows
    values: Scores  # (m,)
    weights: Scores  # (m,)
    times: Times  # (m,)
    segments: NDArray[np.int32]  # (u, a) code of each segment attribute; -1 unknown
    types: EventTypes = field(default_factory=lambda: NO_TYPES)  # (m,); (0,): an earlier release

    def history(self, user: int) -> History:
        """Return the training history of the user row ``user``; that of -1 is empty."""
        if user < 0:
            return NO_HISTORY
        span = slice(int(self.indptr[user]), int(self.indptr[user + 1]))
        return History(
            self.rows[span].astype(np.int64),
            np.asarray(self.values[span]),
            np.asarray(self.weights[span]),
            np.asarray(self.times[span]),
            types=np.asarray(self.types[span]),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Friends:
    """The friendships among the users of the training log, in CSR form."""

    indptr: NDArray[np.int64]  # (u + 1,); (1,) when there is no graph
    rows: NDArray[np.int32]  # (e,) user rows

    def of_user(self, user: int) -> NDArray[np.int32]:
        """Return the friends of a user row; -1 has none."""
        if not 0 <= user < len(self.indptr) - 1:
            return self.rows[:0]
        return self.rows[int(self.indptr[user]) : int(self.indptr[user + 1])]

    def degrees(self, users: Rows) -> NDArray[np.float64]:
        """Return the number of friends of each user row, (n,); 0 for -1."""
        if len(self.indptr) == 1:
            return np.zeros(len(users))
        rows = np.maximum(users, 0)
        counts = self.indptr[rows + 1] - self.indptr[rows]
        return np.where(users >= 0, counts, 0).astype(np.float64)


NO_FRIENDS = Friends(np.zeros(1, np.int64), np.empty(0, np.int32))


@dataclass(frozen=True, slots=True, eq=False)
class Visits:
    """The past visits of all users without the users, oldest visit first, and those of each item.

    They take 12 bytes a visit, 12 bytes an item, and 4 bytes for each item of a visit, with 5 more
    if the visit is among the newest of that item.
    """

    indptr: NDArray[np.int64]  # (v + 1,) where the items of each visit begin
    rows: NDArray[np.int32]  # (e,) item rows in order of time
    weights: Scores  # (v,) decay by age, over a power of the visit's length
    item_indptr: NDArray[np.int64]  # (n + 1,)
    item_visits: NDArray[np.int32]  # (p,) the newest visits with each item, newest first
    item_places: NDArray[np.uint8]  # (p,) the item's place in the visit
    item_weights: Scores  # (n,) rare items count more

    def __len__(self) -> int:
        return len(self.indptr) - 1


NO_VISITS = Visits(
    indptr=np.zeros(1, np.int64),
    rows=np.empty(0, np.int32),
    weights=np.empty(0, np.float32),
    item_indptr=np.zeros(1, np.int64),
    item_visits=np.empty(0, np.int32),
    item_places=np.empty(0, np.uint8),
    item_weights=np.empty(0, np.float32),
)


@dataclass(frozen=True, slots=True, eq=False)
class Factors:
    """Item vectors of a matrix factorisation, and what folding in a new user needs.

    A user vector is the solution of ``(gram + λ·I + Σ (c_i - 1) y_i y_iᵀ) x = Σ c_i y_i`` with
    ``c_i = 1 + alpha·weight_i`` (Hu, Koren, Volinsky: Collaborative filtering for implicit
    feedback datasets, 2008) and ``λ = reg·(Σ c_i over all items / items)^power``: users with
    more events are regularised more (Rendle et al.: Revisiting the performance of iALS, 2021). A
    weight halves every ``half_life`` after its event, as in training.
    """

    items: Matrix  # (n, d)
    gram: Matrix  # (d, d) itemsᵀ · items
    alpha: float
    reg: float
    power: float = 0.0  # 0: the same regularisation for everyone
    n_liked: int = 1  # items with a like
    half_life: float = np.inf  # seconds
    lengths: Scores = field(init=False)  # (n,) lengths of the item vectors, never 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "lengths", _compute_lengths(self.items))

    def extend(self, n: int) -> "Factors":
        """Return factors of ``n`` items, those added with vectors of 0; see ``extend_rows``."""
        extended = copy(self)
        object.__setattr__(extended, "items", extend_rows(self.items, n))
        object.__setattr__(extended, "lengths", extend_rows(self.lengths, n, MIN_LENGTH))
        return extended


@dataclass(frozen=True, slots=True, eq=False)
class Content:
    """Item vectors from attributes and text, unit length; zeros where nothing is known."""

    items: Matrix  # (n, d)


@dataclass(frozen=True, slots=True, eq=False)
class Popularity:
    """Decayed counts as of ``at``: an event of weight w at time t adds ``w · 2^-((at - t)/h)``."""

    at: float  # unix seconds
    # Both are stored item by item (Fortran order): what is read of an item lies side by side.
    counts: NDArray[np.float64]  # (h, n) one row per half-life of HALF_LIVES, all events
    liked: NDArray[np.float64]  # (h, n) the same, positive events only, by their weight
    first_seen: Times  # (n,) time of the first event on the item; inf where there was none
    mean_value: Scores  # (n,) mean raw value, shrunk to the overall mean


@dataclass(frozen=True, slots=True, eq=False)
class Segments:
    """Popularity within user segments, such as an age band or a country.

    Code c of attribute a is row ``offsets[a] + c``; the last row is all users.
    """

    names: tuple[str, ...]  # (a,) attributes, e.g. ("age", "gender")
    labels: tuple[tuple[str, ...], ...]  # (a,) the label of each code
    offsets: NDArray[np.int64]  # (a + 1,)
    # P(item | segment), shrunk to P(item), the last row; stored item by item (Fortran order)
    share: Matrix  # (s + 1, n) rows sum to 1
    mass: NDArray[np.float64]  # (s + 1,) likes in each segment, without ``prior``
    prior: float  # likes at which the segment's own share of an item counts half


@dataclass(frozen=True, slots=True, eq=False)
class Models:
    """All recall models as of one moment. The channels and the features read them."""

    catalogue: Catalogue
    users: Users
    popularity: Popularity
    segments: Segments
    factors: Factors
    content: Content
    tables: dict[str, NeighbourTable]  # "item_cf": item -> items; "raters": item -> users
    friends: Friends  # from the data, without live changes
    centred: bool  # True: "raters" holds ratings less the user's mean; False: plain weights
    cold_item_model: ColdItemModel | None = None  # of later items; None: they have no vectors
    duplicates: NDArray[np.int32] = field(default_factory=lambda: NO_DUPLICATES)  # (n,) or (0,)
    visits: Visits = field(default_factory=lambda: NO_VISITS)


@dataclass(frozen=True, slots=True, eq=False)
class CellIndex:
    """Vectors in cells, stored as codes of 4 bits; see ``app.kernels.cell_search``.

    The longest vectors, which answer most queries, are stored as they are. The code of any other
    is that of its difference from the mean of its cell, along the axes and in units of the cell's
    spread. Each cell begins with a new block of 32 codes.

    Raises:
        ValueError: the arrays contradict one another, so that a search would read beyond them.
    """

    long_rows: NDArray[np.int32]  # (l,) rows of the longest vectors
    long_vectors: Matrix  # (l, d)
    means: Matrix  # (c, d) of the cells
    lengths: Scores  # (c,) of the means
    spreads: Scores  # (c,) standard deviation of a cell, over all dimensions, above 0
    axes: Matrix  # (a, d) orthogonal directions of length 1 in which cells extend most
    deviations: Scores  # (a,) standard deviation in these directions, in units of the cell's
    starts: NDArray[np.int64]  # (c + 1,) the first block of each cell, and the end of the last
    codes: NDArray[np.uint8]  # (b, p, 32) codes of two parts of 32 vectors in each byte
    rows: NDArray[np.int32]  # (b, 32) the row of each vector; -1 where the cell has no more
    codebooks: Matrix  # (2 p, 16, s) what a code of a part stands for, in s directions
    nprobe: int  # cells that a query searches, at most
    ntotal: int = field(init=False)  # vectors

    def __post_init__(self) -> None:
        cells, parts, sizes = len(self.means), self.codes.shape[1], np.diff(self.starts)
        total = len(self.long_rows) + int((self.rows >= 0).sum())
        is_sound = (
            len(self.long_rows) == len(self.long_vectors)
            and len(self.lengths) == len(self.spreads) == len(sizes) == cells
            and self.starts[0] == 0
            and self.starts[-1] == len(self.codes) == len(self.rows)
            and (sizes >= 0).all()
            and self.codes.shape[2] == self.rows.shape[1] == CODED_TOGETHER
            and self.codebooks.shape[:2] == (2 * parts, 16)
            and parts <= MOST_CODE_PAIRS
            and len(self.deviations) == len(self.axes) <= 2 * parts * self.codebooks.shape[2]
            and max(self.long_rows.max(initial=-1), self.rows.max(initial=-1)) < total
            and min(self.long_rows.min(initial=0), self.rows.min(initial=0) + 1) >= 0
        )
        if not is_sound:
            raise ValueError("the arrays of an index with cells contradict one another")
        object.__setattr__(self, "ntotal", total)

    @property
    def nlist(self) -> int:
        """The number of cells."""
        return len(self.means)

    @property
    def nbytes(self) -> int:
        """The bytes of all arrays."""
        arrays = (getattr(self, each.name) for each in fields(self))
        return sum(array.nbytes for array in arrays if isinstance(array, np.ndarray))


@dataclass(frozen=True, slots=True, eq=False)
class Indexes:
    """Indexes over the item vectors; in serving both are memory-mapped."""

    factors: "VectorIndex"
    content: "VectorIndex"


@dataclass(frozen=True, slots=True)
class Rankers:
    """The trained scorers of the two ranking stages."""

    coarse: Scorer
    fine: Scorer


@dataclass(frozen=True, slots=True)
class Sizes:
    """The number of candidates that each stage keeps. Rankers are trained with the same sizes."""

    recall: Count = 200  # from each channel
    coarse: Count = 300
    fine: Count = 100


def _compute_lengths(items: Matrix) -> Scores:
    """Return the length of each vector, (n,), at least ``MIN_LENGTH``."""
    lengths = np.empty(len(items), np.float32)
    for start in range(0, len(items), BLOCK_ROWS):  # the squares of all would be a second copy
        block = slice(start, start + BLOCK_ROWS)
        lengths[block] = np.maximum(np.linalg.norm(items[block], axis=1), MIN_LENGTH)
    return lengths
