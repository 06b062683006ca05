"""The vector indexes of a bundle: how they are built, and how much of an exact search they lose.

All search by inner product. They are mapped into memory when loaded, so that workers share them.
Cells of codes of 4 bits are arrays of our own, because FAISS cannot map its codes for fast scans.
HNSW is left out, because it is larger than the vectors and its graph cannot be mapped.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from time import perf_counter
from typing import TypedDict

import faiss
import numpy as np
from numpy.typing import NDArray

from app.artifacts import CellIndex, Content, Indexes, Models, VectorIndex
from app.contracts import Matrix, Share
from app.cpu import one_thread
from app.recall.vectors import flat_index, flat_indexes, is_exact, search_refined
from app.user_vectors import MAX_QUERY_EVENTS, content_profile, fold_in
from offline.choices import IndexKind
from offline.data.errors import DataError
from offline.publish.cells import build_cells, choose_probes, share_found, with_probes

AUTO_FLAT_ITEMS = 50_000  # "auto" is exact up to so many items: a search takes about 1 ms
MIN_IVF_ITEMS = 10_000  # vectors to train an index with cells: 39 for each of 256 codes
EIGHT_BIT = faiss.ScalarQuantizer.QT_8bit
DEPTH = 300  # results that are compared: more than recall uses of a channel
MAX_USERS = 800  # whose vectors are queries, at most; the cells are chosen on half of them
MARGIN = 0.02  # above the recall that is wanted: it is measured on other users

IndexBuilder = Callable[[Models], Indexes]


@dataclass(frozen=True, slots=True)
class IndexConfig:
    """The settings of the vector index.

    ``flat`` is exact. ``sq8`` stores a byte instead of a float. ``ivf_*`` divide the vectors into
    about 4 to 6 √n cells, and a query searches the nearest of them. ``ivf_pq`` stores half a byte
    instead of a float, as ``CellIndex``. ``auto`` is ``flat`` up to 50,000 items and ``ivf_pq``
    above.

    The number of cells that a query searches is found to a sixteenth: with it, sampled users of the
    log get ``least_recall`` + 0.02 of their 300 exact results. If all cells together do not reach
    that, the index is ``flat``. ``probed_share`` sets the number instead.
    """

    kind: IndexKind = "auto"
    least_recall: Share = 0.95
    probed_share: Share | None = None  # share of the cells that a query searches; None: measured


def index_builder(config: IndexConfig, seed: int) -> IndexBuilder:
    """Return a function that builds such indexes, for the offline funnel and for the bundle."""
    return partial(build_indexes, config=config, seed=seed)


def build_indexes(
    models: Models, config: IndexConfig, seed: int = 0, min_ivf_items: int = MIN_IVF_ITEMS
) -> Indexes:
    """Build both indexes of these models. The same seed gives the same bytes.

    Raises:
        DataError: there are too few vectors for this kind.
    """
    if resolve_kind(config.kind, len(models.catalogue)) == "flat":
        return flat_indexes(models)
    factors, content = (own[: len(own) // 2] for own in sample_user_vectors(models, seed))
    return Indexes(
        build_index(models.factors.items, config, seed, factors, min_ivf_items),
        build_index(
            models.content.items,
            config,
            seed,
            content,
            min_ivf_items,
            partial(_content_cells, models.content),
        ),
    )


@lru_cache(maxsize=1)  # content does not depend on the log, and a job builds many indexes of it
def _cached_cells(content: Content, kind: str, seed: int) -> CellIndex | faiss.IndexIVF:
    return build_cells(content.items, kind, seed)


def _content_cells(content: Content, kind: str, seed: int) -> CellIndex | faiss.IndexIVF:
    """Return the cached cells, or a copy if the caller changes their number to search in place."""
    cached = _cached_cells(content, kind, seed)
    if isinstance(cached, CellIndex):
        return cached
    cells = faiss.clone_index(cached)
    assert isinstance(cells, faiss.IndexIVF)  # noqa: S101 - the library says only: an index
    return cells


def build_index(  # noqa: PLR0913, PLR0917 - vectors, settings and a sample
    vectors: Matrix,
    config: IndexConfig,
    seed: int = 0,
    queries: Matrix | None = None,
    min_ivf_items: int = MIN_IVF_ITEMS,
    cells_of: Callable[[str, int], CellIndex | faiss.IndexIVF] | None = None,
) -> VectorIndex:
    """Build an index of vectors, (n, d), by inner product. The same seed gives the same bytes.

    With d = 0 the index returns nothing, whatever its kind.

    Args:
        vectors: (n, d)
        config: the settings.
        seed: of the clustering.
        queries: (q, d) for choosing the number of cells to search; None: some of the vectors.
        min_ivf_items: fewer vectors have no cells.
        cells_of: returns the cells of these vectors, of a kind and a seed; None: they are built.

    Raises:
        DataError: there are too few vectors for this kind.
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
            index = faiss.IndexScalarQuantizer(d, EIGHT_BIT, faiss.METRIC_INNER_PRODUCT)
            index.train(vectors)
            index.add(vectors)
            return index
        cells = cells_of(kind, seed) if cells_of else build_cells(vectors, kind, seed)
        if config.probed_share is not None:
            return with_probes(cells, max(1, round(config.probed_share * cells.nlist)))
        if queries is None or not len(queries):
            queries = vectors[np.random.default_rng(seed).permutation(n)[: MAX_USERS // 2]]
        exact = exact_neighbours(vectors, queries)
        wanted = min(config.least_recall + MARGIN, 1.0)
        return choose_probes(cells, queries, exact, wanted, vectors) or flat_index(vectors)


def resolve_kind(kind: IndexKind, n: int) -> IndexKind:
    """Return the kind that is built for ``n`` items."""
    if kind == "auto":
        return "flat" if n <= AUTO_FLAT_ITEMS else "ivf_pq"
    return kind


class IndexLoss(TypedDict):
    """The recall, size and speed of one index."""

    name: str
    recall: float  # share of the first 300 exact results that are among its first 300
    bytes: int
    ms: float  # per query, one at a time on one thread


def measure_bundle_indexes(models: Models, indexes: Indexes, seed: int = 0) -> list[IndexLoss]:
    """Measure the indexes on the vectors of users that the number of cells was not chosen by."""
    factors, content = (own[len(own) // 2 :] for own in sample_user_vectors(models, seed))
    spaces = (
        ("factors", models.factors.items, indexes.factors, factors),
        ("content", models.content.items, indexes.content, content),
    )
    return [
        measure_index(name, index, vectors, queries, exact_neighbours(vectors, queries))
        for name, vectors, index, queries in spaces
        if vectors.shape[1]
    ]


def measure_index(
    name: str, index: VectorIndex, vectors: Matrix, queries: Matrix, exact: NDArray[np.int64]
) -> IndexLoss:
    """Measure one index of ``vectors``, as serving searches it, against exact results, (q, k)."""
    with one_thread():
        start = perf_counter()
        results = [search_refined(index, vectors, one, exact.shape[1])[0] for one in queries]
        seconds = perf_counter() - start
    return IndexLoss(
        name=name,
        recall=share_found(exact, results),
        bytes=index.nbytes if isinstance(index, CellIndex) else faiss.serialize_index(index).nbytes,
        ms=1_000.0 * seconds / max(len(queries), 1),
    )


def exact_neighbours(vectors: Matrix, queries: Matrix) -> NDArray[np.int64]:
    """Return the exact first 300 rows, or all, for each query, (q, depth).

    -1 stands where the product is not above 0: such items are never recalled.
    """
    depth = min(DEPTH, len(vectors))
    if not len(queries):
        return np.empty((0, depth), np.int64)
    items = np.ascontiguousarray(vectors)
    products, rows = faiss.knn(queries, items, depth, faiss.METRIC_INNER_PRODUCT)
    return np.where(products > 0, rows, -1)


def indexes_are_exact(indexes: Indexes) -> bool:
    """Return whether both indexes are searched in full, by the vectors themselves."""
    return is_exact(indexes.factors) and is_exact(indexes.content)


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
