"""FAISS indexes of item vectors: exact, or smaller and faster for what they miss.

All are by inner product and are mapped into memory when loaded, so that workers share them. HNSW
is left out: it is larger than the vectors it indexes, and its graph is not mapped.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import isqrt
from typing import Literal, TypeAlias, cast

import faiss
import numpy as np

from app.bounds import Share
from app.contracts import Matrix
from app.cpu import one_thread
from app.recall.vectors import flat_index
from offline.data.errors import DataError

IndexKind: TypeAlias = Literal["auto", "flat", "sq8", "ivf_flat", "ivf_sq8", "ivf_pq"]
INDEX_KINDS: tuple[IndexKind, ...] = ("flat", "sq8", "ivf_flat", "ivf_sq8", "ivf_pq")
AUTO_IVF_ITEMS = 200_000  # items from which "auto" no longer looks at each
MIN_IVF_ITEMS = 10_000  # items that an index of cells learns from: 39 for each of 256 codes
EIGHT_BIT = faiss.ScalarQuantizer.QT_8bit
MAX_POINTS_PER_CELL = 64  # vectors for each cell or code, at most: more cost time and bring nothing


@dataclass(frozen=True, slots=True)
class IndexConfig:
    """How vectors are held and searched.

    ``flat`` is exact. ``sq8`` holds a byte instead of a float. ``ivf_*`` part the vectors into
    about √n cells and look into a share of them only; ``ivf_pq`` holds half a byte instead of a
    float. ``auto`` is ``flat`` below 200,000 items and ``ivf_flat`` from there.
    """

    kind: IndexKind = "flat"
    looked_into: Share = 0.2  # of the cells, for each query


def build_index(vectors: Matrix, config: IndexConfig, seed: int = 0) -> faiss.Index:
    """Index vectors, (n, d), for search by inner product; the same seed gives the same bytes.

    Without columns nothing is ever found, whatever the kind.

    Raises:
        DataError: there are too few vectors for this kind.
    """
    n, d = vectors.shape
    kind = resolve_kind(config.kind, n)
    if kind == "flat" or not d:
        return flat_index(vectors)
    if kind.startswith("ivf") and n < MIN_IVF_ITEMS:
        raise DataError(
            f"{kind} parts at least {MIN_IVF_ITEMS:,} items into cells, and there are {n:,}: "
            "choose flat, sq8 or auto"
        )
    with one_thread():  # threads would change the bits
        if kind == "sq8":
            return _filled(
                faiss.IndexScalarQuantizer(d, EIGHT_BIT, faiss.METRIC_INNER_PRODUCT), vectors
            )
        return _parted(vectors, kind, config.looked_into, seed)


def resolve_kind(kind: IndexKind, n: int) -> IndexKind:
    """Say which kind is made for ``n`` items."""
    if kind == "auto":
        return "flat" if n < AUTO_IVF_ITEMS else "ivf_flat"
    return kind


def _filled(index: faiss.Index, vectors: Matrix) -> faiss.Index:
    index.train(vectors)
    index.add(vectors)
    return index


def _parted(vectors: Matrix, kind: IndexKind, looked_into: float, seed: int) -> faiss.Index:
    """Part vectors into cells after giving all the same length in one more dimension.

    Cells are of directions, so that of a long vector, a famous item's, the neighbours would be
    missed. The extra dimension is ``√(longest² - length²)``, and 0 in a query: inner products stay
    (Bachrach et al.: Speeding up the Xbox recommender system, 2014).
    """
    n, d = vectors.shape
    wide = d + 1 + (d + 1) % 2  # even, for codes of two dimensions each
    squares = (vectors.astype(np.float64) ** 2).sum(axis=1)
    even = np.zeros((n, wide), np.float32)
    even[:, :d] = vectors
    even[:, d] = np.sqrt(squares.max() - squares)
    held = {"ivf_flat": "Flat", "ivf_sq8": "SQ8", "ivf_pq": f"PQ{wide // 2}x8"}[kind]
    recipe = f"IVF{isqrt(n)},{held}"
    cells = cast(faiss.IndexIVF, faiss.index_factory(wide, recipe, faiss.METRIC_INNER_PRODUCT))
    _prepare(cells, looked_into, seed)
    widen = faiss.LinearTransform(d, wide, False)  # noqa: FBT003 - without a bias
    faiss.copy_array_to_vector(np.eye(wide, d, dtype=np.float32).ravel(), widen.A)
    widen.is_trained = True
    return faiss.IndexPreTransform(widen, _filled(cells, even))


def _prepare(cells: faiss.IndexIVF, looked_into: float, seed: int) -> None:
    cells.nprobe = max(1, round(looked_into * cells.nlist))
    cells.cp.seed = seed + 1  # 0 would mean a seed of the library's own
    cells.cp.max_points_per_centroid = MAX_POINTS_PER_CELL
    if isinstance(cells, faiss.IndexIVFPQ):
        cells.pq.cp.seed = seed + 1
        cells.pq.cp.max_points_per_centroid = MAX_POINTS_PER_CELL
        # It is for a search that is not done here, and would take most of the time.
        cells.do_polysemous_training = False  # type: ignore[attr-defined]


def available_kinds(n: int) -> tuple[IndexKind, ...]:
    """Name the kinds that ``n`` items can have, exact first."""
    return tuple(kind for kind in INDEX_KINDS if n >= MIN_IVF_ITEMS or not kind.startswith("ivf"))


def index_builder(config: IndexConfig, seed: int) -> Callable[[Matrix], faiss.Index]:
    """Give what indexes vectors in this way, for the funnel offline and for the bundle."""
    return partial(build_index, config=config, seed=seed)
