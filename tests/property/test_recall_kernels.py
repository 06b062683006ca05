"""The compiled loops of recall against slow, obvious ones; compiled and as plain Python."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.kernels.neighbours import best_sums, nearest_users, sum_weights, table_spans
from app.kernels.reasons import similarity_amounts, weights_of_rows
from app.kernels.recall import best_lists, first_allowed, merge_lists
from app.kernels.selection import select_top

FAR = 2**40  # a row that no array could be as long as
numbers = st.integers(0, 30) | st.integers(FAR, FAR + 9)
some_rows = st.lists(numbers, max_size=40)
unique_rows = st.lists(numbers, unique=True, max_size=40)
weights = st.integers(-3, 3).map(float)


def rows_of(numbers, dtype=np.int64):
    return np.array(list(numbers), dtype)


def both(kernel):
    """Return the compiled function and the plain one."""
    return [kernel, kernel.python]


@given(st.lists(st.lists(st.tuples(st.integers(0, 30), weights), max_size=9), max_size=6))
def test_weights_are_added_up_by_row_in_the_order_of_the_input(spans):
    entries = [entry for span in spans for entry in span]
    ends = np.cumsum([len(span) for span in spans], dtype=np.int64)
    starts = ends - np.array([len(span) for span in spans], np.int64)
    factors = np.arange(1.0, len(spans) + 1)
    rows = rows_of((row for row, _ in entries), np.int32)
    values = np.array([weight for _, weight in entries], np.float32)
    for least in (-np.inf, 0.0):
        sums, counts = defaultdict(float), defaultdict(int)
        for factor, span in zip(factors, spans, strict=True):
            for row, weight in span:
                sums[row] += max(weight, least) * factor
                counts[row] += 1
        for compute in both(sum_weights):
            with np.errstate(over="ignore"):
                unique, added, times = compute(starts, ends, factors, rows, values, least)
            assert dict(zip(unique.tolist(), added.tolist(), strict=True)) == sums
            assert dict(zip(unique.tolist(), times.tolist(), strict=True)) == counts


def spans_of(random, n_rows):
    """Return the arguments of made-up spans: bounds, factors, rows and weights."""
    sizes = random.integers(0, 9, 6)
    ends = np.cumsum(sizes)
    rows = random.integers(0, n_rows, ends[-1]).astype(np.int32)
    weights = random.integers(-2, 6, ends[-1]).astype(np.float32)
    return ends - sizes, ends, random.random(6) + 0.1, rows, weights


@given(st.integers(0, 999), st.sampled_from([9, 2**31 - 1]), st.sampled_from([-np.inf, 0.0]))
def test_the_best_sums_are_the_best_of_all_sums(seed, n_rows, least):
    random = np.random.default_rng(seed)
    spans = spans_of(random, n_rows)
    excluded = np.unique(random.choice(np.append(spans[3], [3, 40]), 4)).astype(np.int64)
    unique, sums, _ = sum_weights(*spans, least)
    expected = select_top(unique, sums.astype(np.float32), excluded, 7)
    for compute in both(best_sums):
        with np.errstate(over="ignore"):
            found = compute(*spans, least, excluded, 7)
        for part, values in zip(found, expected, strict=True):
            assert part.dtype == values.dtype
            assert part.tolist() == values.tolist()


@given(st.integers(0, 999), st.sampled_from([9, 2**31 - 1]))
def test_the_nearest_users_have_the_largest_shrunk_products(seed, n_users):
    random = np.random.default_rng(seed)
    spans = spans_of(random, n_users)
    own = int(spans[3][0]) if len(spans[3]) else -1
    users, products, shared = sum_weights(*spans, -np.inf)
    similarities = products * (shared / (shared + 2.0))
    best, _ = select_top(users, similarities, rows_of([own]), 5)
    expected = dict(zip(users.tolist(), similarities.tolist(), strict=True))
    for compute in both(nearest_users):
        with np.errstate(over="ignore"):
            found, near = compute(*spans, 2.0, own, 5)
        assert found.tolist() == sorted(best.tolist())
        assert near.tolist() == [expected[user] for user in found.tolist()]


@given(st.integers(0, 999), st.integers(0, 12))
def test_events_add_to_the_similarity_of_those_who_liked_an_item(seed, n_wanted):
    random = np.random.default_rng(seed)
    starts, ends, vector, users, near = spans_of(random, 6)
    nearest, similarities = rows_of([0, 2, 5]), random.random(3)
    indptr = np.cumsum([0, *random.integers(0, 6, 6)])
    items = random.integers(0, 9, indptr[-1]).astype(np.int32)
    likes = random.integers(-1, 3, indptr[-1]).astype(np.float32)
    wanted = random.integers(0, 9, n_wanted)
    parts = weights_of_rows(starts, ends, users, near, nearest) * vector
    products = parts.sum(axis=1)
    shares = np.divide(similarities, products, out=np.zeros(3), where=products != 0)
    liked = weights_of_rows(indptr[nearest], indptr[nearest + 1], items, likes, wanted)
    expected = np.maximum(liked, 0.0) @ (parts * shares[:, None])
    spans = (starts, ends, vector, users, near)
    for compute in both(similarity_amounts):
        amounts = compute(*spans, nearest, similarities, indptr, items, likes, wanted)
        assert amounts == pytest.approx(expected, rel=1e-9, abs=1e-12)


@given(st.lists(st.integers(0, 5), max_size=6), st.lists(st.integers(-2, 9), max_size=9))
def test_rows_that_a_table_does_not_have_have_no_entries(sizes, rows):
    indptr = np.cumsum([0, *sizes])
    for compute in both(table_spans):
        starts, ends = compute(indptr, rows_of(rows))
        for row, start, end in zip(rows, starts, ends, strict=True):
            if 0 <= row < len(sizes):
                assert (start, end) == (indptr[row], indptr[row + 1])
            else:
                assert start == end <= indptr[-1]


@given(st.integers(0, 999), st.integers(0, 9), st.integers(1, 4))
def test_an_item_belongs_to_the_list_with_its_smallest_rank_after_the_handicap(seed, n, c):
    random = np.random.default_rng(seed)
    ranks = random.integers(-1, 4, (n, c + 1), np.int32)
    handicaps, unranked = random.integers(0, 4, (2, c), np.int32)
    counted = np.where(ranks[:, :c] < 0, unranked, 2 * ranks[:, :c] + handicaps)
    for compute in both(best_lists):
        assert compute(ranks, handicaps, unranked).tolist() == counted.argmin(axis=1).tolist()


scores = weights | st.just(np.nan) | st.floats(width=32)  # few different ones, or many


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(
    st.lists(st.tuples(numbers, scores), unique_by=lambda p: p[0], max_size=40),
    some_rows,
    st.integers(0, 45),
)
def test_the_best_are_sorted_by_score_and_then_by_row(dtype, pairs, excluded, limit):
    kept = [(row, score) for row, score in pairs if score > 0 and row not in excluded]
    expected = sorted(kept, key=lambda pair: (-pair[1], pair[0]))[:limit]
    rows, scores = rows_of(row for row, _ in pairs), np.array([s for _, s in pairs], dtype)
    for compute in both(select_top):
        best, values = compute(rows, scores, np.unique(rows_of(excluded)), limit)
        assert list(zip(best.tolist(), values.tolist(), strict=True)) == expected
        assert values.dtype == dtype


@given(unique_rows, some_rows, some_rows, st.integers(0, 45))
def test_the_first_of_a_list_that_may_be_shown_keep_its_order(listed, excluded, gone, limit):
    listed, gone = [row % FAR for row in listed], [row % FAR for row in gone]
    listed = list(dict.fromkeys(listed))
    available = np.ones(64, np.bool_)
    available[rows_of(gone)] = False
    expected = [row for row in listed if row not in excluded and row not in gone][:limit]
    rows = rows_of(listed)
    for compute in both(first_allowed):
        arguments = (rows, rows.astype(np.float32), available, np.unique(rows_of(excluded)), limit)
        found, scores = compute(*arguments)
        assert found.tolist() == scores.tolist() == expected


@given(st.lists(unique_rows, min_size=1, max_size=5), some_rows)
@example([[FAR, 1], [1, FAR]], [1])
def test_merging_keeps_the_rank_and_the_score_in_each_list(lists, excluded):
    rows = rows_of(row for one in lists for row in one)
    scores = np.arange(len(rows), dtype=np.float32)
    sizes = rows_of(map(len, lists))
    expected = sorted(set(rows.tolist()) - set(excluded))
    for compute in both(merge_lists):
        with np.errstate(over="ignore"):
            merged = compute(rows, scores, sizes, np.unique(rows_of(excluded)), 60)
        unique, fused, ranks, signals = merged
        assert unique.tolist() == expected
        for n, row in enumerate(expected):
            places = [one.index(row) if row in one else -1 for one in lists]
            assert ranks[n].tolist() == places
            starts = np.cumsum(sizes) - sizes
            expected_signals = [s + p if p >= 0 else 0 for s, p in zip(starts, places, strict=True)]
            assert signals[n].tolist() == expected_signals
            assert fused[n] == pytest.approx(sum(1 / (60 + p) for p in places if p >= 0))


@pytest.mark.parametrize("n_scores", [1, 3, 40, 2_000])
def test_the_best_of_long_lists_are_the_same_however_many_scores_are_equal(n_scores):
    random = np.random.default_rng(5)
    rows = random.permutation(2_000)
    scores = random.integers(1, n_scores + 1, 2_000).astype(np.float32)
    scores[::2] **= 9  # over many powers of two
    excluded = np.sort(random.choice(2_000, 300, replace=False))
    order = np.lexsort((rows, -scores))
    expected = rows[order[~np.isin(rows[order], excluded)]][:200]
    assert select_top(rows, scores, excluded, 200)[0].tolist() == expected.tolist()
