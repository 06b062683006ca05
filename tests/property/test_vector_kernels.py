"""The compiled loops over vectors against the equations that they solve."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernels.search import nearest_rows
from app.kernels.user_vectors import fold_in_amounts, mean_vector, solve_fold_in
from tests.fakes import rows

SIZES = st.sampled_from([1, 2, 5, 16, 17, 37])  # dimensions that fill whole vectors, and others
REG = 3.0


def system_of(seed, size, n_events):
    """Return the arguments of ``solve_fold_in``, and the matrix and right side that they mean."""
    random = np.random.default_rng(seed)
    items = random.standard_normal((30, size)).astype(np.float32)
    gram = (items.T @ items).astype(np.float32)
    events, extra = random.integers(0, 30, n_events), random.random(n_events) * 10
    vectors = items[events].astype(np.float64)
    matrix = gram + REG * np.eye(size) + (vectors.T * extra) @ vectors
    return (items, gram, events, extra, REG), matrix, vectors.T @ (1.0 + extra)


@given(st.integers(0, 999), SIZES, st.integers(0, 9))
def test_the_folded_in_vector_solves_its_system(seed, size, n_events):
    arguments, matrix, right = system_of(seed, size, n_events)
    for solve in (solve_fold_in, solve_fold_in.python):
        vector, factor = solve(*arguments)
        assert vector.dtype == np.float32
        assert vector == pytest.approx(np.linalg.solve(matrix, right), rel=1e-5, abs=1e-6)
        upper = np.triu(factor)
        assert upper.T @ upper == pytest.approx(matrix, rel=1e-9, abs=1e-9)
        assert np.array_equal(factor, factor.T)


@given(st.integers(0, 999), SIZES, st.integers(1, 9))
def test_what_the_events_add_is_the_product_with_the_folded_in_vector(seed, size, n_events):
    arguments, matrix, right = system_of(seed, size, n_events)
    items, _, events, extra, _ = arguments
    _, factor = solve_fold_in(*arguments)
    wanted = rows(3, 0, 29)
    solved = np.linalg.solve(matrix, items[wanted].T.astype(np.float64)).T
    expected = solved @ items[events].T * (1.0 + extra)
    for compute in (fold_in_amounts, fold_in_amounts.python):
        amounts = compute(items, factor, 1.0 + extra, events, wanted)
        assert amounts == pytest.approx(expected, rel=1e-6, abs=1e-9)
    assert amounts.sum(axis=1) == pytest.approx(solved @ right, rel=1e-6, abs=1e-9)


@given(st.integers(0, 999), SIZES, st.integers(0, 9))
def test_the_mean_of_some_vectors_has_unit_length(seed, size, n_events):
    random = np.random.default_rng(seed)
    items, weights = random.standard_normal((30, size)).astype(np.float32), random.random(n_events)
    events, weights = random.integers(0, 30, n_events), weights.astype(np.float32)
    expected = weights.astype(np.float64) @ items[events]
    for compute in (mean_vector, mean_vector.python):
        mean = compute(items, events, weights)
        assert mean.dtype == np.float32
        assert mean == pytest.approx(expected / (np.linalg.norm(expected) or 1.0), abs=1e-6)


@given(st.integers(0, 999), SIZES, st.integers(0, 30), st.integers(0, 12))
def test_the_nearest_rows_are_the_best_positive_products_that_are_not_excluded(
    seed, size, n, limit
):
    random = np.random.default_rng(seed)
    items = random.integers(-2, 3, (30, size)).astype(np.float32)  # small numbers: exact, and ties
    vector = random.integers(-2, 3, size).astype(np.float32)
    excluded = np.unique(random.integers(0, 30, 5))
    products = items[:n] @ vector
    allowed = np.setdiff1d(np.flatnonzero(products > 0), excluded)
    expected = allowed[np.argsort(-products[allowed], kind="stable")][:limit]
    for search in (nearest_rows, nearest_rows.python):
        found, scores = search(items, vector, n, excluded, limit)
        assert found.tolist() == expected.tolist()
        assert scores.tolist() == products[expected].tolist()
