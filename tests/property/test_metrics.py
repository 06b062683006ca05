"""The figures, against slow obvious loops, another library's answers, and what must always hold."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from offline.evaluate import metrics
from offline.evaluate.metrics import grade_lists
from offline.evaluate.rowsets import RowSets

WIDTH, N = 8, 15
few = settings(max_examples=40)
ranked = st.lists(st.integers(0, N - 1), unique=True, max_size=WIDTH).map(
    lambda rows: rows + [-1] * (WIDTH - len(rows))
)
graded = st.dictionaries(st.integers(0, N - 1), st.integers(1, 4), max_size=N)
cases = st.lists(st.tuples(ranked, graded), min_size=1, max_size=6)


def sets_of(wanted):
    owners = np.array([u for u, grades in enumerate(wanted) for _ in grades], np.int64)
    rows = np.array([row for grades in wanted for row in grades], np.int64)
    values = np.array([g for grades in wanted for g in grades.values()], np.float32)
    return RowSets.of_pairs(owners, rows, len(wanted), values)


def graded_of(case):
    return grade_lists(
        np.array([rows for rows, _ in case], np.int64), sets_of([w for _, w in case])
    )


def slow_precision(rows, wanted, k):
    return sum(row in wanted for row in rows[:k]) / k


def slow_recall(rows, wanted, k):
    return sum(row in wanted for row in rows[:k]) / len(wanted) if wanted else math.nan


def slow_average_precision(rows, wanted, k):
    if not wanted:
        return math.nan
    total = hits = 0
    for place, row in enumerate(rows[:k], start=1):
        if row in wanted:
            hits += 1
            total += hits / place
    return total / min(k, len(wanted))


def slow_ndcg(rows, wanted, k, gain=lambda grade: float(grade > 0)):
    def gained(grades):
        return sum(gain(g) / math.log2(place + 1) for place, g in enumerate(grades[:k], start=1))

    best = gained(sorted(wanted.values(), key=gain, reverse=True))
    return gained([wanted.get(row, 0) for row in rows]) / best if wanted else math.nan


def slow_hit_rate(rows, wanted, k):
    return float(any(row in wanted for row in rows[:k])) if wanted else math.nan


ACCURACY = {
    metrics.precision: slow_precision,
    metrics.recall: slow_recall,
    metrics.average_precision: slow_average_precision,
    metrics.ndcg: slow_ndcg,
    metrics.hit_rate: slow_hit_rate,
}


@few
@given(case=cases, k=st.integers(1, WIDTH))
@example(case=[([-1, 3, -1] + [-1] * 5, {3: 2}), ([-1] * 8, {}), ([0] + [-1] * 7, {})], k=3)
def test_every_accuracy_figure_equals_a_slow_obvious_loop(case, k):
    lists = graded_of(case)
    for metric, slow in ACCURACY.items():
        expected = [slow(rows, wanted, k) for rows, wanted in case]
        np.testing.assert_allclose(metric(lists, k), expected, rtol=1e-12)
    expected = [slow_ndcg(rows, wanted, k, lambda grade: 2**grade - 1) for rows, wanted in case]
    np.testing.assert_allclose(metrics.ndcg(lists, k, graded=True), expected, rtol=1e-12)


def test_a_perfect_list_has_one():
    wanted = {row: 1 + row % 4 for row in range(WIDTH)}
    best = graded_of([(sorted(wanted, key=wanted.get, reverse=True), wanted)])
    for metric in ACCURACY:
        np.testing.assert_allclose(metric(best, WIDTH), [1.0])
    np.testing.assert_allclose(metrics.ndcg(best, WIDTH, graded=True), [1.0])


RANX = {
    "precision@5": 0.16666666666666666,
    "recall@5": 0.17676767676767677,
    "hit_rate@5": 0.6666666666666666,
    "map@5": 0.12969276094276094,
    "ndcg@5": 0.23216781127212271,
    "ndcg_burges@5": 0.1623132906262753,
    "precision@10": 0.14166666666666666,
    "recall@10": 0.24242424242424243,
    "hit_rate@10": 0.6666666666666666,
    "map@10": 0.14917628667628666,
    "ndcg@10": 0.24065356796745663,
    "ndcg_burges@10": 0.18151239532772004,
}


def test_the_figures_are_those_of_ranx():
    """Made once with ranx 0.3.21, whose MAP divides by all relevant items, ours by at most k."""
    lists = np.array([[(3 * u + 7 * i) % 41 for i in range(10)] for u in range(12)])
    wanted = sets_of(
        [{(5 * u + 13 * j) % 41: 1 + j % 3 for j in range(1 + 5 * u % 15)} for u in range(12)]
    )
    graded_lists = grade_lists(lists, wanted)
    ours = {}
    for k in (5, 10):
        ours[f"precision@{k}"] = metrics.precision(graded_lists, k).mean()
        ours[f"recall@{k}"] = metrics.recall(graded_lists, k).mean()
        ours[f"hit_rate@{k}"] = metrics.hit_rate(graded_lists, k).mean()
        ours[f"ndcg@{k}"] = metrics.ndcg(graded_lists, k).mean()
        ours[f"ndcg_burges@{k}"] = metrics.ndcg(graded_lists, k, graded=True).mean()
        all_relevant = np.minimum(k, graded_lists.sizes) / graded_lists.sizes
        ours[f"map@{k}"] = (metrics.average_precision(graded_lists, k) * all_relevant).mean()
    assert ours == pytest.approx(RANX, rel=1e-12)


def test_lists_that_repeat_an_item_or_are_of_other_users_or_too_short_are_refused():
    with pytest.raises(ValueError, match="the list of user 1 repeats row 4"):
        grade_lists(np.array([[1, 2, 3], [4, 0, 4]]), RowSets.of([np.array([1]), np.array([4])]))
    with pytest.raises(ValueError, match="2 lists for 1 users"):
        grade_lists(np.zeros((2, 1), np.int64), RowSets.of([np.array([1])]))
    graded_lists = grade_lists(np.array([[1, 2]]), RowSets.of([np.array([1])]))
    with pytest.raises(ValueError, match="lists of 2 cannot be evaluated at 3"):
        metrics.ndcg(graded_lists, 3)


def test_coverage_is_the_share_of_the_catalogue_anyone_is_shown():
    lists = np.array([[0, 1, 5], [1, -1, -1]])
    assert metrics.coverage(lists, 2, 8) == 2 / 8
    assert metrics.coverage(lists, 3, 8) == 3 / 8


@few
@given(case=cases, k=st.integers(1, WIDTH), seed=st.integers(0, 9))
def test_diversity_equals_a_slow_loop_over_pairs(case, k, seed):
    items = np.random.default_rng(seed).normal(size=(N, 3)).astype(np.float32)
    items[0] = 0.0  # nothing is known of it
    lists = np.array([rows for rows, _ in case])
    expected = []
    for rows in lists:
        is_described = [items[row].astype(float) for row in rows[:k] if row > 0]
        pairs = [(a, b) for i, a in enumerate(is_described) for b in is_described[:i]]
        cosines = [a @ b / np.linalg.norm(a) / np.linalg.norm(b) for a, b in pairs]
        expected.append(1 - np.mean(cosines) if pairs else math.nan)
    np.testing.assert_allclose(metrics.diversity(lists, k, items), expected, atol=1e-5)


def test_equal_items_have_no_diversity_and_unrelated_ones_have_one():
    items = np.array([[2, 0], [1, 0], [0, 3]], np.float32)
    lists = np.array([[0, 1], [0, 2], [1, -1]])
    np.testing.assert_allclose(metrics.diversity(lists, 2, items), [0.0, 1.0, np.nan], atol=1e-7)


def test_novelty_is_the_surprise_in_bits():
    counts = np.array([8.0, 4.0, 4.0, 0.0])
    lists = np.array([[0, 1], [0, -1], [3, -1], [-1, -1]])
    np.testing.assert_allclose(metrics.novelty(lists, 2, counts), [1.5, 1.0, 4.0, np.nan])


def test_what_popularity_also_shows_is_not_serendipitous():
    wanted = RowSets.of([np.array([1, 2, 7]), np.array([5])])
    lists = np.array([[1, 2, 3, 7], [5, -1, 6, 0]])
    expected = np.array([[9, 1, 2, 3], [-1, 6, 5, 0]])
    graded_lists = grade_lists(lists, wanted)
    for k, figures in ((2, [1 / 2, 1 / 2]), (4, [1 / 4, 0])):
        found = metrics.serendipity(lists, graded_lists, expected, k)
        np.testing.assert_allclose(found, figures)


def test_ndcg_of_groups_is_that_of_scikit_learn():
    random = np.random.default_rng(3)
    groups = random.integers(2, 40, 30)
    labels = np.concatenate([random.permutation(n) < min(n, 3) for n in groups]).astype(np.int32)
    scores = random.random(len(labels))
    ends = np.cumsum(groups)[:-1]
    expected = [
        ndcg_score([label], [score], k=10)
        for label, score in zip(np.split(labels, ends), np.split(scores, ends), strict=True)
    ]
    assert metrics.grouped_ndcg(groups, labels, scores).tolist() == pytest.approx(expected)


def test_of_equal_scores_in_a_group_the_first_has_the_better_place():
    places = metrics.rank_within_groups(np.array([3, 2]), np.array([1.0, 2, 1, 5, 5]))
    assert places.tolist() == [1, 0, 2, 0, 1]


few = settings(max_examples=40)
rows = st.lists(st.integers(-1, 2**31 - 1) | st.integers(-1, 5), max_size=8)


@few
@given(st.lists(rows, max_size=5))
def test_a_set_holds_each_row_once_and_no_padding(lists_of_rows):
    sets = RowSets.of([np.array(r, np.int64) for r in lists_of_rows])
    assert len(sets) == len(lists_of_rows)
    for user, expected in enumerate(lists_of_rows):
        held = sets.rows[sets.indptr[user] : sets.indptr[user + 1]]
        assert held.tolist() == sorted(set(expected) - {-1})
    assert sets.sizes.sum() == len(sets.owners) == len(sets.grades)


def test_grades_are_looked_up_by_user_and_row():
    sets = RowSets.of_pairs(
        np.array([1, 0, 1, 1]), np.array([7, 7, 9, 7]), 3, np.array([1, 2, 4, 3], np.float32)
    )
    users, rows = np.array([[0, 1], [1, 2], [0, 0]]), np.array([[7, 7], [9, 7], [9, -1]])
    assert sets.grades_of(users, rows).tolist() == [[2, 3], [4, 0], [0, 0]]


def test_nothing_is_in_empty_sets():
    sets = RowSets.of([np.empty(0, np.int64)] * 2)
    assert sets.grades_of(np.array([0, 1]), np.array([0, -1])).tolist() == [0, 0]
    assert RowSets.of([]).sizes.tolist() == []


def test_taking_users_renumbers_them():
    sets = RowSets.of([np.array([1, 2]), np.array([], np.int64), np.array([3])])
    taken = sets.take(np.array([2, 1, 0]))
    assert taken.rows.tolist() == [3, 1, 2]
    assert taken.owners.tolist() == [0, 2, 2]
    assert taken.grades_of(np.array([2, 0]), np.array([2, 1])).tolist() == [1, 0]
