import numpy as np
import pytest

from offline.evaluate import metrics
from offline.evaluate.comparison import ItemBackground, compare_methods, compare_ndcg
from offline.evaluate.rowsets import RowSets

U, N, W = 60, 100, 20
RANDOM = np.random.default_rng(5)
RELEVANT = RowSets.of([RANDOM.choice(N, u % 7, replace=False) for u in range(U)])
COUNTS = np.arange(N, 0, -1).astype(float) - 20  # the last have no event, as the clip below says
COUNTS = np.maximum(COUNTS, 0.0)
CONTENT = RANDOM.normal(size=(N, 6)).astype(np.float32)


def lists(share):
    """Lists that begin with each user's relevant items, in this share of the users."""
    rows = np.empty((U, W), np.int64)
    for u in range(U):
        start = RELEVANT.rows[RELEVANT.indptr[u] : RELEVANT.indptr[u + 1]] * 1
        start = start if RANDOM.random() < share else start[:0]
        rest = RANDOM.permutation(np.setdiff1d(np.arange(N), start))
        rows[u] = np.concatenate([start, rest])[:W]
    return rows


LISTS = {"funnel": lists(0.9), "popularity": lists(0.3), "item_cf": lists(0.6)}


def compare(lists=LISTS, relevant=RELEVANT, content=CONTENT):
    return compare_methods(lists, relevant, ItemBackground(COUNTS, content), seed=1, resamples=100)


def test_every_method_gets_every_metric_at_both_cuts():
    compared = compare()
    names = ["ndcg", "precision", "recall", "map", "hit_rate", "coverage", "diversity"]
    names += ["novelty", "serendipity"]
    assert compared["methods"].keys() == LISTS.keys()
    for figures in compared["methods"].values():
        assert figures.keys() == {f"{name}@{k}" for name in names for k in (10, 20)}
        assert all(
            figure["low"] <= figure["mean"] <= figure["high"]
            for name, figure in figures.items()
            if not name.startswith("coverage")
        )
    assert compared["evaluated_users"] == (RELEVANT.sizes > 0).sum()


def test_figures_are_means_over_users_with_relevant_items():
    figures = compare()["methods"]["item_cf"]
    some = np.flatnonzero(RELEVANT.sizes)
    judged = metrics.grade_lists(LISTS["item_cf"], RELEVANT)
    assert figures["ndcg@10"]["mean"] == pytest.approx(metrics.ndcg(judged, 10)[some].mean())
    assert figures["coverage@20"] == {
        "mean": metrics.coverage(LISTS["item_cf"][some], 20, N),
        "low": None,
        "high": None,
    }


def test_the_funnel_is_compared_with_every_other_method_in_pairs():
    compared = compare()
    methods, against = compared["methods"], compared["differences"]
    assert against.keys() == {"popularity", "item_cf"}
    gained = against["popularity"]["ndcg@10"]
    funnel, popularity = methods["funnel"]["ndcg@10"], methods["popularity"]["ndcg@10"]
    assert gained["difference"]["mean"] == pytest.approx(funnel["mean"] - popularity["mean"])
    assert gained["ratio"]["mean"] == pytest.approx(funnel["mean"] / popularity["mean"])
    assert gained["difference"]["low"] > 0


def test_a_method_equal_to_the_funnel_differs_by_exactly_nothing():
    against = compare({"funnel": LISTS["funnel"], "popularity": LISTS["funnel"]})["differences"]
    nothing = {"mean": 0.0, "low": 0.0, "high": 0.0}
    assert against["popularity"]["recall@20"]["difference"] == nothing


def test_without_content_diversity_is_none_and_all_else_stands():
    figures = compare(content=None)["methods"]["funnel"]
    assert figures["diversity@10"] == {"mean": None, "low": None, "high": None}
    assert figures["ndcg@10"]["mean"] > 0.5


def test_graded_relevance_adds_graded_ndcg():
    grades = 1 + np.arange(len(RELEVANT.rows)) % 3
    graded = RowSets.of_pairs(RELEVANT.owners, RELEVANT.rows, U, grades.astype(np.float32))
    figures = compare(relevant=graded)["methods"]["funnel"]
    assert figures["graded_ndcg@10"]["mean"] < figures["ndcg@10"]["mean"]


def test_a_comparison_without_popularity_is_refused():
    with pytest.raises(ValueError, match=r"without the lists of \['popularity'\]"):
        compare({"funnel": LISTS["funnel"]})


def test_ndcg_alone_is_compared_with_the_first_method():
    methods, differences = compare_ndcg(LISTS, RELEVANT, seed=1)
    assert methods.keys() == LISTS.keys()
    assert differences.keys() == LISTS.keys() - {"funnel"}
    gap = methods["funnel"]["mean"] - methods["item_cf"]["mean"]
    assert differences["item_cf"]["mean"] == pytest.approx(gap)
