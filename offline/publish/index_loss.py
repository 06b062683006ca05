"""Measures what an inexact index misses, for the vectors of real users."""

from time import perf_counter
from typing import TypedDict

import faiss
import numpy as np
from numpy.typing import NDArray

from app.artifacts import Indexes, Models
from app.contracts import Matrix
from app.cpu import one_thread
from app.query_builder import MAX_QUERY_EVENTS, content_profile, fold_in
from app.recall.vectors import flat_index
from offline.choices import IndexKind
from offline.publish.index import IndexConfig, available_kinds, build_index

DEPTH = 200  # results that are compared: as many as recall uses
MAX_USERS = 200  # whose vectors are queries, at most


class IndexLoss(TypedDict):
    """The recall, size and speed of one index."""

    name: str
    recall: float  # share of the first 200 exact results that are among its first 200
    bytes: int
    ms: float  # per query, one at a time on one thread


def measure_index_kinds(
    vectors: Matrix, queries: Matrix, kinds: tuple[IndexKind, ...] | None = None, seed: int = 0
) -> list[IndexLoss]:
    """Measure these kinds of index, or all that can be built, on ``queries``, (q, d)."""
    exact = exact_neighbours(vectors, queries)
    return [
        measure_index(kind, build_index(vectors, IndexConfig(kind), seed), queries, exact)
        for kind in kinds or available_kinds(len(vectors))
    ]


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
