"""FAISS indexes of item vectors: exact ones, and smaller or faster ones that miss some neighbours.

All search by inner product. They are mapped into memory when loaded, so that workers share them.
HNSW is left out, because it is larger than the vectors and its graph cannot be mapped.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import isqrt
from time import perf_counter
from typing import TypedDict, cast

import faiss
import numpy as np
from numpy.typing import NDArray

from app.artifacts import Indexes, Models
from app.contracts import Matrix, Share
from app.cpu import one_thread
from app.query_builder import MAX_QUERY_EVENTS, content_profile, fold_in
from app.recall.vectors import flat_index
from offline.choices import IndexKind
from offline.data.errors import DataError

AUTO_IVF_ITEMS = 200_000  # "auto" is exact below so many items
MIN_IVF_ITEMS = 10_000  # vectors to train an index with cells: 39 for each of 256 codes
EIGHT_BIT = faiss.ScalarQuantizer.QT_8bit
MAX_POINTS_PER_CELL = 64  # more cost time and do not raise recall
DEPTH = 200  # results that are compared: as many as recall uses
MAX_USERS = 200  # whose vectors are queries, at most


@dataclass(frozen=True, slots=True)
class IndexConfig:
    """The settings of the vector index.

    ``flat`` is exact. ``sq8`` stores a byte instead of a float. ``ivf_*`` divide the vectors into
    about √n cells and search only a share of them. ``ivf_pq`` stores half a byte instead of
    a float. ``auto`` is ``flat`` below 200,000 items and ``ivf_flat`` from there.
    """

    kind: IndexKind = "flat"
    probed_share: Share = 0.2  # share of the cells that a query searches


def build_index(
    vectors: Matrix, config: IndexConfig, seed: int = 0, min_ivf_items: int = MIN_IVF_ITEMS
) -> faiss.Index:
    """Build an index of vectors, (n, d), by inner product. The same seed gives the same bytes.

    With d = 0 the index returns nothing, whatever its kind.

    Raises:
        DataError: There are too few vectors for this kind.
    """
    n, d = vectors.shape
    kind = resolve_kind(config.kind, n)
    if kind == "flat" or not d:
        return flat_index(vectors)
    if kind.startswith("ivf") and n < min_ivf_items:
        raise DataError(
            f"{kind} needs at least {min_ivf_items:,} items, and there are {n:,}: "
            "choose flat, sq8 or auto"
        )
    with one_thread():  # threads would change the bits
        if kind == "sq8":
            return _train_and_add(
                faiss.IndexScalarQuantizer(d, EIGHT_BIT, faiss.METRIC_INNER_PRODUCT), vectors
            )
        return _build_cells(vectors, kind, config.probed_share, seed)


def resolve_kind(kind: IndexKind, n: int) -> IndexKind:
    """Return the kind that is built for ``n`` items."""
    if kind == "auto":
        return "flat" if n < AUTO_IVF_ITEMS else "ivf_flat"
    return kind


def _train_and_add(index: faiss.Index, vectors: Matrix) -> faiss.Index:
    index.train(vectors)
    index.add(vectors)
    return index


def _build_cells(vectors: Matrix, kind: IndexKind, probed_share: float, seed: int) -> faiss.Index:
    """Build an index with cells. One more dimension gives all vectors the same length first.

    Cells group vectors by direction, so that long vectors, of popular items, would be missed. The
    extra dimension is ``√(longest² - length²)``, and 0 in a query: inner products do not change
    (Bachrach et al.: Speeding up the Xbox recommender system, 2014).
    """
    n, d = vectors.shape
    wide = d + 1 + (d + 1) % 2  # even, for codes of two dimensions each
    squares = (vectors.astype(np.float64) ** 2).sum(axis=1)
    equal_length = np.zeros((n, wide), np.float32)
    equal_length[:, :d] = vectors
    equal_length[:, d] = np.sqrt(squares.max() - squares)
    storage = {"ivf_flat": "Flat", "ivf_sq8": "SQ8", "ivf_pq": f"PQ{wide // 2}x8"}[kind]
    description = f"IVF{isqrt(n)},{storage}"
    cells = cast(faiss.IndexIVF, faiss.index_factory(wide, description, faiss.METRIC_INNER_PRODUCT))
    _prepare(cells, probed_share, seed)
    widen = faiss.LinearTransform(d, wide, False)  # noqa: FBT003 - without a bias
    faiss.copy_array_to_vector(np.eye(wide, d, dtype=np.float32).ravel(), widen.A)
    widen.is_trained = True
    return faiss.IndexPreTransform(widen, _train_and_add(cells, equal_length))


def _prepare(cells: faiss.IndexIVF, probed_share: float, seed: int) -> None:
    cells.nprobe = max(1, round(probed_share * cells.nlist))
    cells.cp.seed = seed + 1  # 0 would mean a seed that the library chooses
    cells.cp.max_points_per_centroid = MAX_POINTS_PER_CELL
    if isinstance(cells, faiss.IndexIVFPQ):
        cells.pq.cp.seed = seed + 1
        cells.pq.cp.max_points_per_centroid = MAX_POINTS_PER_CELL
        # It serves a kind of search that is not used here, and takes most of the time.
        cells.do_polysemous_training = False  # type: ignore[attr-defined]


def index_builder(config: IndexConfig, seed: int) -> Callable[[Matrix], faiss.Index]:
    """Return a function that builds such an index, for the offline funnel and for the bundle."""
    return partial(build_index, config=config, seed=seed)


class IndexLoss(TypedDict):
    """The recall, size and speed of one index."""

    name: str
    recall: float  # share of the first 200 exact results that are among its first 200
    bytes: int
    ms: float  # per query, one at a time on one thread


def measure_bundle_indexes(models: Models, indexes: Indexes, seed: int = 0) -> list[IndexLoss]:
    """Measure the indexes of a bundle on the vectors of some of its users."""
    factors, content = sample_user_vectors(models, seed)
    spaces = (
        ("factors", models.factors.items, indexes.factors, factors),
        ("content", models.content.items, indexes.content, content),
    )
    return [
        measure_index(name, index, queries, exact_neighbours(vectors, queries))
        for name, vectors, index, queries in spaces
        if vectors.shape[1]
    ]


def measure_index(
    name: str, index: faiss.Index, queries: Matrix, exact: NDArray[np.int64]
) -> IndexLoss:
    """Measure one index against the exact results, (q, depth)."""
    with one_thread():
        start = perf_counter()
        results = [index.search(query[None, :], exact.shape[1])[1][0] for query in queries]
        seconds = perf_counter() - start
    hits = [np.isin(right, own).mean() for right, own in zip(exact, results, strict=True)]
    return IndexLoss(
        name=name,
        recall=float(np.mean(hits)) if hits else 1.0,
        bytes=faiss.serialize_index(index).nbytes,
        ms=1_000.0 * seconds / max(len(queries), 1),
    )


def exact_neighbours(vectors: Matrix, queries: Matrix) -> NDArray[np.int64]:
    """Return the exact first 200 rows, or all, for each query, (q, depth)."""
    rows: NDArray[np.int64] = flat_index(vectors).search(queries, min(DEPTH, len(vectors)))[1]
    return rows


def sample_user_vectors(models: Models, seed: int) -> tuple[Matrix, Matrix]:
    """Return the vectors of some users with likes, in factors, (q, d), and content, (q, e)."""
    users = np.random.default_rng(seed).permutation(np.flatnonzero(np.diff(models.users.indptr)))
    likes = [models.users.history(int(user)).liked(MAX_QUERY_EVENTS) for user in users[:MAX_USERS]]
    likes = [liked for liked in likes if len(liked)]
    factors = [fold_in(models.factors, liked, models.popularity.at) for liked in likes]
    content = [content_profile(models.content, liked) for liked in likes]
    return (
        np.array(factors, np.float32).reshape(len(likes), models.factors.items.shape[1]),
        np.array(content, np.float32).reshape(len(likes), models.content.items.shape[1]),
    )
