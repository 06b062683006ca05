"""An index with cells: vectors near to each other lie together, and a query searches few cells.

The vectors of a factorisation differ in length by orders of magnitude, and long ones, of popular
items, answer most queries. The longest are so few that no others are near: each is a cell of its
own. With other long vectors in a cell, its mean would say nothing about either. The rest is divided
into bands of similar length, then into groups of similar direction, and those into cells. Each
step looks at one part at a time: the time grows with n·√cells, and memory with the largest part.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import inf, sqrt

import faiss
import numpy as np
from numpy.typing import NDArray

from app.contracts import Matrix, Rows
from app.recall.vectors import search_refined

CELLS_PER_ROOT = 4  # cells for n vectors, in units of √n
POINTS_PER_CELL = 40  # least mean size of a cell, and what clustering looks at for each
ROUNDS = 10  # of k-means
BANDS = 12  # the vectors of each are at least half as long as the longest of the band
MAX_LONG_SHARE = 0.5  # long vectors that get a cell of their own: at most this share of n_cells
LONG_RATIO = 2.0  # a long vector is more than this many medians long
FEW = 8  # a band of few vectors, which are long and answer most queries, gets a cell for each 8
CODED = 100_000  # most vectors from which codes are learned
BLOCK_ROWS = 65_536


def build_cells(vectors: Matrix, kind: str, seed: int) -> faiss.IndexIVF:
    """Build an index with cells. A query searches the cells whose mean has the largest product.

    Args:
        vectors: (n, d)
        kind: "ivf_flat", "ivf_sq8" or "ivf_pq".
        seed: of the clustering.
    """
    n, d = vectors.shape
    n_cells = max(1, min(round(CELLS_PER_ROOT * sqrt(n)), n // POINTS_PER_CELL))
    owners = assign_cells(vectors, n_cells, seed)
    quantiser = faiss.IndexFlatIP(d)
    means = _compute_means(vectors, owners)
    quantiser.add(means)
    index = _new_index(kind, quantiser, seed)
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


def _new_index(kind: str, quantiser: faiss.Index, seed: int) -> faiss.IndexIVF:
    d, n_cells, metric = quantiser.d, quantiser.ntotal, faiss.METRIC_INNER_PRODUCT
    if kind == "ivf_flat":
        return faiss.IndexIVFFlat(quantiser, d, n_cells, metric)
    if kind == "ivf_sq8":
        code = faiss.ScalarQuantizer.QT_8bit
        return faiss.IndexIVFScalarQuantizer(quantiser, d, n_cells, code, metric)
    n_codes = d if d % 2 else d // 2
    index = faiss.IndexIVFPQ(quantiser, d, n_cells, n_codes, 8, metric)
    index.pq.cp.seed = seed + 1
    # It serves a kind of search that is not used here, and takes most of the time.
    index.do_polysemous_training = False  # type: ignore[attr-defined]
    return index


def _blocks(rows: NDArray[np.generic]) -> Iterator[NDArray[np.generic]]:
    for start in range(0, len(rows), BLOCK_ROWS):
        yield rows[start : start + BLOCK_ROWS]


def choose_probes(
    index: faiss.IndexIVF,
    queries: Matrix,
    exact: NDArray[np.int64],
    least: float,
    vectors: Matrix,
) -> bool:
    """Set ``index.nprobe`` to about the smallest number with which the recall is ``least`` or more.

    If a search of all cells has a lower recall, return False; ``nprobe`` is ``nlist`` then. The
    number doubles until the recall is reached; then the interval is halved, to a sixteenth.

    Args:
        index: of ``build_cells``.
        queries: (q, d)
        exact: (q, k) the exact results.
        least: share of the exact results.
        vectors: (n, d) those of the index, for exact products.
    """

    def reaches(probes: int) -> bool:
        index.nprobe = probes
        rows = [search_refined(index, vectors, query, exact.shape[1])[0] for query in queries]
        return share_found(exact, rows) >= least

    search = _MonotoneTest(reaches)
    ranks = rank_own_cells(index, queries, exact)
    # The estimate leaves out what codes lose. Testing where it ends saves most of the searches.
    low, high = _bracket(lambda probes: _mean_share(ranks < probes, exact) >= least, index.nlist)
    search(high)
    search(low)
    _, high = _bracket(search, index.nlist)
    is_reached = search(high)
    index.nprobe = high
    return is_reached


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
