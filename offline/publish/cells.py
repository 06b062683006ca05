"""An index with cells: vectors near to each other lie together, and a query searches few cells.

The vectors of a factorisation differ in length by orders of magnitude, and long ones, of popular
items, answer most queries. The longest are so few that no others are near: each is a cell of its
own. With other long vectors in a cell, its mean would say nothing about either. The rest is divided
into bands of similar length, then into groups of similar direction, and those into cells. Each
step looks at one part at a time: the time grows with n·√cells, and memory with the largest part.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf, sqrt

import faiss
import numpy as np
from numpy.typing import NDArray

from app.artifacts import CODED_TOGETHER, MOST_CODE_PAIRS, CellIndex, VectorIndex
from app.contracts import Matrix, Rows, Scores
from app.recall.vectors import search_refined

CELLS_PER_ROOT = 4  # cells for n vectors, in units of √n
POINTS_PER_CELL = 40  # least mean size of a cell, and what clustering looks at for each
ROUNDS = 10  # of k-means
BANDS = 12  # the vectors of each are at least half as long as the longest of the band
MAX_LONG_SHARE = 0.5  # long vectors that get a cell of their own: at most this share of n_cells
LONG_RATIO = 2.0  # a long vector is more than this many medians long
FEW = 8  # a band of few vectors, which are long and answer most queries, gets a cell for each 8
CODES = 16  # of 4 bits
CODED_VARIANCE = 0.99  # that codes cover; 4 bits of a direction lose as much
POINTS_PER_CODE = 2_000  # with more of them the error of the codes was larger
CODED = 100_000  # most vectors from which codes are learned
BLOCK_ROWS = 65_536


def build_cells(vectors: Matrix, kind: str, seed: int) -> CellIndex | faiss.IndexIVF:
    """Build an index with cells. A query searches the cells whose mean has the largest product.

    All cells are searched, until ``with_probes`` sets their number.

    Args:
        vectors: (n, d)
        kind: "ivf_flat", "ivf_sq8" or "ivf_pq".
        seed: of the clustering.
    """
    n, d = vectors.shape
    n_cells = max(1, min(round(CELLS_PER_ROOT * sqrt(n)), n // POINTS_PER_CELL))
    owners = assign_cells(vectors, n_cells, seed)
    if kind == "ivf_pq":
        return code_cells(vectors, owners, seed)
    quantiser = faiss.IndexFlatIP(d)
    means = _compute_means(vectors, owners)
    quantiser.add(means)
    index = _new_index(kind, quantiser)
    sampled = np.sort(np.random.default_rng(seed).permutation(n)[:CODED])
    # A code is that of the difference from the mean of the own cell. The library would learn the
    # codes from the differences from the mean with the largest product, a long vector.
    gaps = np.ascontiguousarray(vectors[sampled] - means[owners[sampled]])
    index.train_encoder(len(gaps), faiss.swig_ptr(gaps), None)
    index.is_trained = True
    for start in range(0, n, BLOCK_ROWS):
        block = np.ascontiguousarray(vectors[start : start + BLOCK_ROWS])
        cells = np.ascontiguousarray(owners[start : start + BLOCK_ROWS])
        index.add_core(len(block), faiss.swig_ptr(block), None, faiss.swig_ptr(cells))
    return index


def code_cells(vectors: Matrix, owners: NDArray[np.int64], seed: int) -> CellIndex:
    """Build an index of codes of 4 bits. A cell of one vector is stored as this vector.

    Args:
        vectors: (n, d)
        owners: (n,) the cell of each vector, from 0 on.
        seed: of the codes.
    """
    sizes, means = np.bincount(owners), _compute_means(vectors, owners)
    is_long = sizes == 1
    numbers = np.cumsum(~is_long) - 1  # of the cells that remain
    order = np.argsort(owners, kind="stable")
    long_rows, order = order[is_long[owners[order]]], order[~is_long[owners[order]]]
    means, sizes, owners = means[~is_long], sizes[~is_long], numbers[owners]
    spreads = _compute_spreads(vectors, order, owners, means)
    gaps = _ScaledGaps(vectors, order, owners, means, spreads)
    sampled = np.sort(np.random.default_rng(seed).permutation(len(order))[:CODED])
    axes, deviations = _find_axes(gaps[sampled])
    quantiser = _train_codes(gaps[sampled] @ axes.T, seed)
    starts = np.concatenate([[0], np.cumsum(-(-sizes // CODED_TOGETHER))])
    firsts = np.cumsum(sizes) - sizes
    places = np.arange(len(order)) + (CODED_TOGETHER * starts[:-1] - firsts)[owners[order]]
    rows = np.full(CODED_TOGETHER * starts[-1], -1, np.int32)
    rows[places] = order
    codes = np.zeros((len(rows), quantiser.M // 2), np.uint8)
    for start in range(0, len(order), BLOCK_ROWS):
        block = np.arange(start, min(start + BLOCK_ROWS, len(order)))
        codes[places[block]] = quantiser.compute_codes(_widen(gaps[block] @ axes.T, quantiser.d))
    size = quantiser.dsub
    return CellIndex(
        long_rows=long_rows.astype(np.int32),
        long_vectors=np.ascontiguousarray(vectors[long_rows]),
        means=means,
        lengths=np.linalg.norm(means, axis=1),
        spreads=spreads,
        axes=axes,
        deviations=deviations,
        starts=starts.astype(np.int64),
        codes=_side_by_side(codes),
        rows=rows.reshape(-1, CODED_TOGETHER),
        codebooks=faiss.vector_to_array(quantiser.centroids).reshape(-1, CODES, size),
        nprobe=len(means),
    )


def _side_by_side(codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the codes block by block, (b, p, 32), from those of each vector, (32 b, p)."""
    blocks = codes.reshape(-1, CODED_TOGETHER, codes.shape[1])
    return np.ascontiguousarray(blocks.transpose(0, 2, 1))


def _compute_spreads(
    vectors: Matrix, order: Rows, owners: NDArray[np.int64], means: Matrix
) -> Scores:
    """Return the standard deviation of each cell in each dimension, above 0, (cells,)."""
    squares, sizes = np.zeros(len(means)), np.bincount(owners[order], minlength=len(means))
    for rows in _blocks(order):
        gaps = (vectors[rows] - means[owners[rows]]).astype(np.float64)
        squares += np.bincount(owners[rows], (gaps**2).sum(axis=1), len(means))
    spreads: Scores = np.sqrt(squares / (sizes * vectors.shape[1])).astype(np.float32)
    return np.maximum(spreads, np.finfo(np.float32).tiny)


@dataclass(frozen=True, slots=True)
class _ScaledGaps:
    """The differences from the mean of the own cell, in units of its spread."""

    vectors: Matrix  # (n, d)
    order: Rows  # rows that are coded, cell by cell
    owners: NDArray[np.int64]  # (n,)
    means: Matrix  # (c, d)
    spreads: Scores  # (c,)

    def __getitem__(self, places: NDArray[np.int64]) -> Matrix:
        """Return those at some places of the order, (m, d)."""
        rows = self.order[places]
        cells = self.owners[rows]
        gaps: Matrix = (self.vectors[rows] - self.means[cells]) / self.spreads[cells][:, None]
        return gaps


def _find_axes(gaps: Matrix) -> tuple[Matrix, Scores]:
    """Return the directions in which vectors extend most, (a, d), and how far, (a,).

    The longest are first, and those that add nearly nothing are left out.
    """
    d = gaps.shape[1]
    variances, axes = np.linalg.eigh(gaps.T.astype(np.float64) @ gaps / max(len(gaps), 1))
    variances, axes = np.maximum(variances[::-1], 0.0), axes.T[::-1]
    shares = np.cumsum(variances) / max(variances.sum(), np.finfo(np.float64).tiny)
    count = min(int(np.searchsorted(shares, CODED_VARIANCE)) + 1, d)
    deviations = np.sqrt(variances[:count]).astype(np.float32)
    return np.ascontiguousarray(axes[:count], np.float32), deviations


def _train_codes(sample: Matrix, seed: int) -> faiss.ProductQuantizer:
    """Learn codes of one direction each, or more where there are many, from some vectors."""
    parts = 2 * min(-(-sample.shape[1] // 2), MOST_CODE_PAIRS)
    width = -(-sample.shape[1] // parts) * parts
    missing = np.zeros((max(CODES - len(sample), 0), sample.shape[1]), np.float32)
    quantiser = faiss.ProductQuantizer(width, parts, 4)
    quantiser.cp.seed = seed + 1
    quantiser.cp.max_points_per_centroid = POINTS_PER_CODE
    quantiser.cp.min_points_per_centroid = 1
    quantiser.train(_widen(np.vstack([sample, missing]), width))  # it needs one for each code
    return quantiser


def _widen(vectors: Matrix, width: int) -> Matrix:
    """Return the vectors with zeros up to a width."""
    return np.pad(vectors, ((0, 0), (0, width - vectors.shape[1])))


def with_probes(index: VectorIndex, probes: int) -> VectorIndex:
    """Return an index that searches so many cells: the same one, changed, or a new one."""
    if isinstance(index, CellIndex):
        return replace(index, nprobe=probes)
    faiss.extract_index_ivf(index).nprobe = probes
    return index


def assign_cells(vectors: Matrix, n_cells: int, seed: int) -> NDArray[np.int64]:
    """Return the cell of each vector, (n,), from 0 on.

    There are about ``n_cells`` of them, and those of the longest vectors.
    """
    owners = np.empty(len(vectors), np.int64)
    first = 0
    for part, share in _divide(vectors, n_cells, seed):
        units = _unit(vectors[part])
        nearest = _nearest(_cluster(units, share, seed), units)
        used, owners[part] = np.unique(nearest, return_inverse=True)
        owners[part] += first
        first += len(used)
    return owners


def _divide(vectors: Matrix, n_cells: int, seed: int) -> Iterator[tuple[Rows, int]]:
    """Yield the rows of each group, of similar vectors, and its number of cells."""
    lengths = np.concatenate([np.linalg.norm(block, axis=1) for block in _blocks(vectors)])
    longest = find_longest(lengths, round(MAX_LONG_SHARE * n_cells))
    for row in longest:
        yield np.array([row]), 1
    lengths[longest] = np.nan
    shares = lengths / max(float(np.nanmax(lengths, initial=0.0)), np.finfo(np.float32).tiny)
    bands = np.minimum(-np.log2(np.fmax(shares, 2.0**-BANDS)), BANDS - 1).astype(np.int64)
    random, mean_size = np.random.default_rng(seed), max(1, len(vectors) // n_cells)
    empty = (lengths == 0).nonzero()[0]  # have no direction: cells of the mean size
    for start in range(0, len(empty), mean_size):
        yield empty[start : start + mean_size], 1
    for band in np.unique(bands[lengths > 0]):
        rows = ((bands == band) & (lengths > 0)).nonzero()[0]
        least = min(len(rows) / FEW, n_cells / (2 * BANDS))
        band_cells = max(n_cells * len(rows) / len(vectors), least)
        n_groups = max(1, round(sqrt(band_cells)))
        sampled = np.sort(random.permutation(len(rows))[:BLOCK_ROWS])
        centres = _cluster(_unit(vectors[rows[sampled]]), n_groups, seed)
        groups = np.concatenate(
            [_nearest(centres, _unit(vectors[block])) for block in _blocks(rows)]
        )
        for group in np.unique(groups):
            part = rows[groups == group]
            yield part, max(1, round(band_cells * len(part) / len(rows)))


def find_longest(lengths: NDArray[np.floating], limit: int) -> Rows:
    """Return the rows of at most ``limit`` vectors that are much longer than most, ascending."""
    if not lengths.any() or not limit:
        return np.empty(0, np.int64)
    longest = np.argpartition(lengths, -min(limit, len(lengths)))[-limit:]
    return np.sort(longest[lengths[longest] > LONG_RATIO * np.median(lengths[lengths > 0])])


def _cluster(units: Matrix, k: int, seed: int) -> Matrix:
    """Return the centres of at most ``k`` clusters of vectors of length 1, (k, d)."""
    if k >= len(units):
        return units
    means = faiss.Kmeans(
        units.shape[1],
        k,
        niter=ROUNDS,
        spherical=True,
        seed=seed + 1,  # 0 would mean a seed that the library chooses
        max_points_per_centroid=POINTS_PER_CELL,
        min_points_per_centroid=1,
    )
    means.train(units)
    return np.asarray(means.centroids, np.float32)


def _nearest(centres: Matrix, units: Matrix) -> NDArray[np.int64]:
    """Return the centre of each vector of length 1, (n,)."""
    owner: NDArray[np.int64] = faiss.knn(units, centres, 1, faiss.METRIC_INNER_PRODUCT)[1][:, 0]
    return owner


def _unit(vectors: Matrix) -> Matrix:
    """Return the vectors with length 1; those of length 0 stay."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.ascontiguousarray(vectors / np.where(lengths > 0, lengths, 1.0), np.float32)


def _compute_means(vectors: Matrix, owners: NDArray[np.int64]) -> Matrix:
    """Return the mean vector of each cell, (cells, d)."""
    sizes = np.bincount(owners)
    order = np.argsort(owners, kind="stable")
    means = np.zeros((len(sizes), vectors.shape[1]), np.float32)
    start = 0
    for cell, size in enumerate(sizes.tolist()):
        means[cell] = vectors[order[start : start + size]].mean(axis=0)
        start += size
    return means


def _new_index(kind: str, quantiser: faiss.Index) -> faiss.IndexIVF:
    d, n_cells, metric = quantiser.d, quantiser.ntotal, faiss.METRIC_INNER_PRODUCT
    if kind == "ivf_flat":
        return faiss.IndexIVFFlat(quantiser, d, n_cells, metric)
    code = faiss.ScalarQuantizer.QT_8bit
    return faiss.IndexIVFScalarQuantizer(quantiser, d, n_cells, code, metric)


def _blocks(rows: NDArray[np.generic]) -> Iterator[NDArray[np.generic]]:
    for start in range(0, len(rows), BLOCK_ROWS):
        yield rows[start : start + BLOCK_ROWS]


def choose_probes(
    index: CellIndex | faiss.IndexIVF,
    queries: Matrix,
    exact: NDArray[np.int64],
    least: float,
    vectors: Matrix,
) -> "VectorIndex | None":
    """Return the index with about the smallest number of cells with which its recall is enough.

    If a search of all cells has a lower recall, return None. The number doubles until the recall is
    reached; then the interval is halved, to a sixteenth.

    Args:
        index: of ``build_cells``. One of FAISS is changed.
        queries: (q, d)
        exact: (q, k) the exact results.
        least: share of the exact results that is enough.
        vectors: (n, d) those of the index, for exact products.
    """

    def reaches(probes: int) -> bool:
        own = with_probes(index, probes)
        rows = [search_refined(own, vectors, query, exact.shape[1])[0] for query in queries]
        return share_found(exact, rows) >= least

    search, most = _MonotoneTest(reaches), max(index.nlist, 1)
    if isinstance(index, faiss.IndexIVF):
        ranks = rank_own_cells(index, queries, exact)
        # It leaves out what codes lose. Testing where it ends saves most of the searches.
        low, high = _bracket(lambda probes: _mean_share(ranks < probes, exact) >= least, most)
        search(high)
        search(low)
    _, high = _bracket(search, most)
    return with_probes(index, high) if search(high) else None


@dataclass(slots=True)
class _MonotoneTest:
    """A test of numbers from 1 on that larger numbers pass too. What follows is not tested."""

    test: Callable[[int], bool]
    failed: int = 0
    passed: float = inf

    def __call__(self, number: int) -> bool:
        if self.failed < number < self.passed:
            if self.test(number):
                self.passed = number
            else:
                self.failed = number
        return number >= self.passed


def _bracket(reaches: Callable[[int], bool], most: int) -> tuple[int, int]:
    """Return the last number that does not reach the recall, and about the smallest that does.

    The second is ``most`` if none below it does.
    """
    high = 1
    while high < most and not reaches(high):
        high = min(2 * high, most)
    low = high // 2
    while high - low > max(1, high // 16):  # to a sixteenth: it depends on the queries
        middle = (low + high) // 2
        low, high = (low, middle) if reaches(middle) else (middle, high)
    return low, high


def rank_own_cells(
    index: faiss.IndexIVF, queries: Matrix, exact: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return how many cells a query searches before that of each of its exact results, (q, k)."""
    owners, lists = np.empty(index.ntotal, np.int64), index.invlists
    assert lists is not None  # noqa: S101 - the library says only: perhaps none
    for cell in range(index.nlist):
        owners[faiss.rev_swig_ptr(lists.get_ids(cell), lists.list_size(cell))] = cell
    _, order = index.quantizer.search(queries, index.nlist)
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(index.nlist)[None, :], axis=1)
    return np.take_along_axis(ranks, owners[exact], axis=1)


def _mean_share(is_found: NDArray[np.bool_], exact: NDArray[np.int64]) -> float:
    """Return the mean share of the exact results that are found, as ``share_found`` does."""
    sizes = (exact >= 0).sum(axis=1)
    hits = (is_found & (exact >= 0)).sum(axis=1)
    return float((hits[sizes > 0] / sizes[sizes > 0]).mean()) if sizes.any() else 1.0


def share_found(exact: NDArray[np.int64], rows: Sequence[NDArray[np.int64]]) -> float:
    """Return the mean share of the exact results, (q, k), that are among the rows of a query.

    Exact results of -1 do not count, nor queries without any other.
    """
    shares = [
        np.isin(right[right >= 0], own).mean()
        for right, own in zip(exact, rows, strict=True)
        if (right >= 0).any()
    ]
    return float(np.mean(shares)) if shares else 1.0
