"""The selection of the best among equal scores, and sets of rows; compiled and as plain Python."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.kernels.selection import best_by_heap, contains, row_set, select_top


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(max_examples=40)
@given(st.integers(0, 999), st.sampled_from([1, 12, 40, 80]), st.integers(0, 13))
def test_the_best_of_scores_in_one_bucket_are_sorted_by_score_and_then_by_row(
    dtype, seed, n, limit
):
    """So many close scores are selected by a heap."""
    random = np.random.default_rng(seed)
    rows = random.permutation(3 * n)[:n]
    scores = (1.0 + random.integers(0, 5, n) / 1_000).astype(dtype)
    excluded = np.unique(random.choice(rows, n // 4))
    kept = np.flatnonzero(~np.isin(rows, excluded))
    best = kept[np.lexsort((rows[kept], -scores[kept]))][:limit]
    for compute in (select_top, select_top.python):
        found, values = compute(rows, scores, excluded, limit)
        assert found.tolist() == rows[best].tolist()
        assert values.tolist() == scores[best].tolist()


@settings(max_examples=40)
@given(st.integers(0, 999), st.integers(1, 20), st.integers(1, 20))
def test_a_heap_sorts_the_best_of_any_scores(seed, n, limit):
    random = np.random.default_rng(seed)
    rows, scores = random.permutation(n), random.integers(-3, 4, n).astype(np.float64)
    size = min(n, limit)
    best_rows, best = np.empty(size, np.int64), np.empty(size)
    best_by_heap(rows, scores, best_rows, best)
    order = np.lexsort((rows, -scores))[:size]
    assert best_rows.tolist() == rows[order].tolist()
    assert best.tolist() == scores[order].tolist()


@settings(max_examples=40)
@given(st.lists(st.integers(0, 9).map(lambda n: 64 * n) | st.integers(0, 200), max_size=40))
def test_a_set_contains_its_rows_alone_where_their_last_bits_are_equal(rows):
    slots = row_set(np.unique(np.array(rows, np.int64)))
    for row in range(0, 700, 4):
        assert contains(slots, row) == (row in rows)
