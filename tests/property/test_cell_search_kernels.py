"""The search of an index with cells: compiled, in Python, and against all products."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.kernels.cell_search import keep_best, nearest_in_cells
from offline.publish.cells import code_cells

SIZES = st.sampled_from([1, 2, 5, 16, 33])  # dimensions that fill whole parts and lanes, and others


def index_of(seed, size, n, cells, tied=False):
    """Vectors around some means, and their index; with ``tied`` many are the same."""
    random = np.random.default_rng(seed)
    owners = np.unique(random.integers(0, cells, n), return_inverse=True)[1]
    vectors = random.standard_normal((cells, size))[owners]
    if not tied:
        vectors += 0.3 * random.standard_normal((n, size))
    vectors = vectors.astype(np.float32)
    query = random.standard_normal(size).astype(np.float32)
    return vectors, code_cells(vectors, owners, seed), query


def search(kernel, vectors, index, query, n_exact, limit):
    long = index.long_rows, index.long_vectors
    cells = index.means, index.lengths, index.spreads, index.starts
    codes = index.codes, index.rows, index.axes, index.deviations, index.codebooks
    return kernel(vectors, query, *long, *cells, *codes, index.nprobe, n_exact, limit)


@given(st.integers(0, 999), SIZES, st.integers(1, 150), st.integers(1, 9), st.integers(1, 30))
@settings(max_examples=40)
def test_the_compiled_search_finds_the_same_bits_as_python(seed, size, n, cells, n_exact):
    vectors, index, query = index_of(seed, size, n, cells, tied=seed % 3 == 0)
    index = replace(index, nprobe=1 + seed % cells)
    compiled, plain = (
        search(kernel, vectors, index, query, n_exact, 10)
        for kernel in (nearest_in_cells, nearest_in_cells.python)
    )
    for one, other in zip(compiled, plain, strict=True):
        assert one.dtype == other.dtype
        assert one.tobytes() == other.tobytes()


@given(st.integers(0, 999), SIZES, st.integers(1, 150), st.integers(1, 9), st.integers(0, 20))
@settings(max_examples=40)
def test_if_all_are_candidates_the_best_of_all_are_found(seed, size, n, cells, limit):
    vectors, index, query = index_of(seed, size, n, cells)
    rows, products = search(nearest_in_cells, vectors, index, query, n, limit)
    exact = vectors @ query
    usual = np.linalg.norm(index.axes @ query * index.deviations)
    expected = index.means @ query + 3.0 * usual * index.spreads
    own = index.rows[index.rows >= 0]
    cell_of = np.repeat(np.arange(index.nlist), np.diff(index.starts))
    is_left = np.zeros(n, np.bool_)
    is_left[index.long_rows] = True
    is_left[own] = (expected > 1e-6)[np.repeat(cell_of, (index.rows >= 0).sum(axis=1))]
    candidates = np.flatnonzero(is_left & (exact > 1e-6))
    expected = candidates[np.argsort(-exact[candidates], kind="stable")][:limit]
    assert products == pytest.approx(exact[expected], rel=1e-4, abs=1e-5)
    assert (np.diff(products) <= 0).all()
    assert len(set(rows.tolist())) == len(rows)
    assert vectors[rows] @ query == pytest.approx(products, rel=1e-5, abs=1e-6)


def test_codes_of_many_dimensions_add_up_without_overflow():
    """More than 256 directions share parts, so that the sum of a code stays below 2^16."""
    vectors, index, query = index_of(3, 700, 400, 2)
    assert index.codes.shape[1] == 128
    assert index.codebooks.shape == (256, 16, 2)
    rows, _ = search(nearest_in_cells, vectors, index, query, 40, 20)
    best = np.argsort(-(vectors @ query), kind="stable")[:20]
    assert len(set(rows) & set(best)) >= 15


@given(st.lists(st.integers(0, 9), min_size=1, max_size=40), st.integers(1, 40))
def test_the_best_entries_are_kept_and_the_worst_of_them_is_the_bound(values, n):
    products, rows = np.array(values, np.float32), np.arange(len(values))
    before = products.copy()
    size, bound = keep_best(rows, products, len(values), n)
    assert size == min(n, len(values))
    assert sorted(products[:size]) == sorted(before)[-size:]
    assert (before[rows] == products).all()
    assert sorted(rows) == list(range(len(values)))
    assert bound == (products[:size].min() if n < len(values) else 0.0)
