"""FAISS indexes of item vectors: exact ones, and smaller or faster ones that miss some neighbours.

All search by inner product. They are mapped into memory when loaded, so that workers share them.
HNSW is left out, because it is larger than the vectors and its graph cannot be mapped.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import isqrt
from typing import cast, get_args

import faiss
import numpy as np

from app.contracts import Matrix, Share
from app.cpu import one_thread
from app.recall.vectors import flat_index
from offline.choices import IndexKind
from offline.data.errors import DataError

INDEX_KINDS: tuple[IndexKind, ...] = tuple(kind for kind in get_args(IndexKind) if kind != "auto")
AUTO_IVF_ITEMS = 200_000  # "auto" is exact below so many items
MIN_IVF_ITEMS = (
    10_000  # an index with cells is trained on at least so many: 39 for each of 256 codes
)
EIGHT_BIT = faiss.ScalarQuantizer.QT_8bit
MAX_POINTS_PER_CELL = 64  # more cost time and do not raise recall


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


def available_kinds(n: int) -> tuple[IndexKind, ...]:
    """Return the kinds that can be built for ``n`` items, the exact one first."""
    return tuple(kind for kind in INDEX_KINDS if n >= MIN_IVF_ITEMS or not kind.startswith("ivf"))


def index_builder(config: IndexConfig, seed: int) -> Callable[[Matrix], faiss.Index]:
    """Return a function that builds such an index, for the offline funnel and for the bundle."""
    return partial(build_index, config=config, seed=seed)
