"""Read similarity tables: from a bundle's mapped arrays, or from Redis into memory."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from app.artifacts import NeighbourTable
from app.contracts import Rows, Scores, StageError
from app.kernels.neighbours import table_spans
from app.stages import NeighbourSpans
from app.state.batched_reads import BatchedReads, Values
from app.state.store import Store
from app.state.tables import RECORD, key_stem, marker_key

CACHED_NEIGHBOURS = 1_000_000  # 8 MB a table
NO_TABLE = NeighbourTable(np.zeros(1, np.int64), np.empty(0, np.int32), np.empty(0, np.float32))


@dataclass(frozen=True, slots=True, eq=False)
class MappedTables:
    """The tables of a bundle as arrays mapped into memory. All workers share the pages."""

    tables: Mapping[str, NeighbourTable]

    def spans(self, table: str, rows: Rows) -> NeighbourSpans:
        """Return where the neighbours of ``rows`` are."""
        stored = self.tables.get(table, NO_TABLE)
        starts, ends = table_spans(stored.indptr, rows)
        return NeighbourSpans(starts, ends, stored.rows, stored.weights)


@dataclass(slots=True, eq=False)
class _CachedRows:
    """The rows of one table that have been read, in contiguous arrays that only grow."""

    rows: NDArray[np.int32]  # (capacity,)
    weights: Scores  # (capacity,)
    size: int = 0
    places: dict[int, tuple[int, int]] = field(default_factory=dict)  # row -> start, end

    @classmethod
    def of_capacity(cls, n: int) -> "_CachedRows":
        """Return an empty cache for ``n`` neighbours."""
        return cls(np.empty(n, np.int32), np.empty(n, np.float32))

    def add(self, row: int, rows: NDArray[np.int32], weights: Scores) -> None:
        start, end = self.size, self.size + len(rows)
        self.rows[start:end], self.weights[start:end] = rows, weights
        self.places[row], self.size = (start, end), end

    def spans(self, rows: Sequence[int]) -> NeighbourSpans:
        bounds = np.array([self.places[row] for row in rows], np.int64).reshape(-1, 2).T
        starts, ends = np.ascontiguousarray(bounds)
        return NeighbourSpans(starts, ends, self.rows, self.weights)


@dataclass(frozen=True, slots=True, eq=False)
class RedisTables:
    """The tables of a bundle in Redis, for a worker without its own copy of them.

    Rows that were read stay in memory, so that frequent rows cost no round trip. When the memory
    of a table is full, its rows are dropped, except those of the request at hand.
    """

    store: Store
    prefix: str
    bundle: str
    capacity: int = CACHED_NEIGHBOURS  # neighbours of a table in memory, 8 bytes each
    _reads: BatchedReads = field(init=False, repr=False)
    _cached: dict[str, _CachedRows] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_reads", BatchedReads(self._read_keys))

    async def read(self, table: str, rows: Rows) -> NeighbourSpans:
        """Return the neighbours of ``rows``. Only rows that are not in memory are read.

        Reads of the same moment share one round trip, across channels and requests.

        Raises:
            StageError: the store cannot answer.
        """
        requested = rows.tolist()
        while missing := list(set(requested) - self._rows_of(table).places.keys()):
            stem = key_stem(self.prefix, self.bundle, table)
            values = await self._reads.read([b"%s%d" % (stem, row) for row in missing])
            self._keep(table, dict(zip(missing, values, strict=True)), requested)
        return self._rows_of(table).spans(requested)

    def _rows_of(self, table: str) -> _CachedRows:
        if table not in self._cached:
            self._cached[table] = _CachedRows.of_capacity(self.capacity)
        return self._cached[table]

    def _keep(
        self, table: str, values: Mapping[int, bytes | None], requested: Sequence[int]
    ) -> None:
        """Add rows to those in memory. If there is no room, keep only those of the request."""
        cached = self._rows_of(table)
        records = {row: np.frombuffer(value or b"", RECORD) for row, value in values.items()}
        n_new = sum(map(len, records.values()))
        if cached.size + n_new > len(cached.rows):
            old, kept = cached, [row for row in set(requested) if row in cached.places]
            n_kept = sum(end - start for start, end in map(old.places.__getitem__, kept))
            cached = _CachedRows.of_capacity(max(self.capacity, n_kept + n_new))
            self._cached[table] = cached
            for row in kept:
                span = slice(*old.places[row])
                cached.add(row, old.rows[span], old.weights[span])
        for row in records.keys() - cached.places.keys():
            cached.add(row, records[row]["row"], records[row]["weight"])

    async def _read_keys(self, keys: Collection[bytes]) -> Values:
        marker = marker_key(self.prefix, self.bundle)
        values: Values
        *values, loaded = await self.store.command("MGET", *keys, marker)
        if loaded is None:
            raise StageError(
                f"the tables of bundle {self.bundle} are not in Redis; they are being loaded"
            )
        return values
