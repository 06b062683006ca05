import numpy as np
import pytest

from app.artifacts import DAY, HALF_LIVES, Popularity, Segments
from offline.evaluate import baselines, metrics, segments
from offline.evaluate.baselines import popular_lists, popularity_order
from offline.evaluate.comparison import ItemBackground, compare_methods
from offline.evaluate.rowsets import RowSets

U, N, W = 60, 100, 20
RANDOM = np.random.default_rng(5)
RELEVANT = RowSets.of([RANDOM.choice(N, u % 7, replace=False) for u in range(U)])
COUNTS = np.arange(N, 0, -1).astype(float) - 20  # the last have no event, as the clip below says
COUNTS = np.maximum(COUNTS, 0.0)
CONTENT = RANDOM.normal(size=(N, 6)).astype(np.float32)


def lists(share):
    """Lists that begin with each user's relevant items, in this share of the users."""
    made = np.empty((U, W), np.int64)
    for u in range(U):
        start = RELEVANT.rows[RELEVANT.indptr[u] : RELEVANT.indptr[u + 1]] * 1
        start = start if RANDOM.random() < share else start[:0]
        rest = RANDOM.permutation(np.setdiff1d(np.arange(N), start))
        made[u] = np.concatenate([start, rest])[:W]
    return made


LISTS = {"funnel": lists(0.9), "popularity": lists(0.3), "item_cf": lists(0.6)}
BANDED = LISTS | {"recency_popularity": LISTS["item_cf"]}
KINDS = Segments(
    ("age", "sex", "town"),
    (("young", "old"), ("f", "m"), tuple("abcdefghijkl")),
    np.array([0, 2, 4, 16]),
    np.zeros((17, N), np.float32),
    np.ones(17),
    1.0,
)


def test_every_method_gets_every_metric_at_both_cuts():
    compared = compare_methods(
        LISTS, RELEVANT, ItemBackground(COUNTS, CONTENT), seed=1, resamples=200
    )
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
    figures = compare_methods(LISTS, RELEVANT, ItemBackground(COUNTS, CONTENT), 1, 50)["methods"][
        "item_cf"
    ]
    some = np.flatnonzero(RELEVANT.sizes)
    judged = metrics.grade_lists(LISTS["item_cf"], RELEVANT)
    assert figures["ndcg@10"]["mean"] == pytest.approx(metrics.ndcg(judged, 10)[some].mean())
    assert figures["coverage@20"] == {
        "mean": metrics.coverage(LISTS["item_cf"][some], 20, N),
        "low": None,
        "high": None,
    }


def test_the_funnel_is_compared_with_every_other_method_in_pairs():
    compared = compare_methods(
        LISTS, RELEVANT, ItemBackground(COUNTS, CONTENT), seed=1, resamples=500
    )
    methods, against = compared["methods"], compared["differences"]
    assert against.keys() == {"popularity", "item_cf"}
    gained = against["popularity"]["ndcg@10"]
    funnel, popularity = methods["funnel"]["ndcg@10"], methods["popularity"]["ndcg@10"]
    assert gained["difference"]["mean"] == pytest.approx(funnel["mean"] - popularity["mean"])
    assert gained["ratio"]["mean"] == pytest.approx(funnel["mean"] / popularity["mean"])
    assert gained["difference"]["low"] > 0


def test_a_method_equal_to_the_funnel_differs_by_exactly_nothing():
    same = {"funnel": LISTS["funnel"], "popularity": LISTS["funnel"]}
    against = compare_methods(same, RELEVANT, ItemBackground(COUNTS, None), 1, 100)["differences"]
    nothing = {"mean": 0.0, "low": 0.0, "high": 0.0}
    assert against["popularity"]["recall@20"]["difference"] == nothing


def test_without_content_diversity_is_none_and_all_else_stands():
    figures = compare_methods(LISTS, RELEVANT, ItemBackground(COUNTS, None), 1, 50)["methods"][
        "funnel"
    ]
    assert figures["diversity@10"] == {"mean": None, "low": None, "high": None}
    assert figures["ndcg@10"]["mean"] > 0.5


def test_graded_relevance_adds_graded_ndcg():
    grades = 1 + np.arange(len(RELEVANT.rows)) % 3
    graded = RowSets.of_pairs(RELEVANT.owners, RELEVANT.rows, U, grades.astype(np.float32))
    figures = compare_methods(LISTS, graded, ItemBackground(COUNTS, None), 1, 50)["methods"][
        "funnel"
    ]
    assert figures["graded_ndcg@10"]["mean"] < figures["ndcg@10"]["mean"]


def test_a_comparison_without_popularity_is_refused():
    with pytest.raises(ValueError, match=r"without the lists of \['popularity'\]"):
        compare_methods({"funnel": LISTS["funnel"]}, RELEVANT, ItemBackground(COUNTS, None), 1)


def test_history_bands_split_the_evaluated_users():
    events = np.resize([0, 1, 9, 10, 49, 50, 199, 300], U)
    bands = segments.ndcg_by_history(BANDED, RELEVANT, events, seed=1)
    assert [band["band"] for band in bands] == list(segments.HISTORY_BANDS)
    assert sum(band["count"] for band in bands) == (RELEVANT.sizes > 0).sum()
    scores = metrics.ndcg(metrics.grade_lists(LISTS["funnel"], RELEVANT), 10)
    members = (events >= 1) & (events < 10) & (RELEVANT.sizes > 0)
    assert bands[1]["methods"]["funnel"]["mean"] == pytest.approx(scores[members].mean())


def test_in_each_band_the_funnel_leads_by_its_distance_to_recent_popularity():
    events = np.resize([1, 20], U)
    by_users = segments.ndcg_by_history(BANDED, RELEVANT, events, seed=1)
    by_items = segments.recall_by_popularity(BANDED, RELEVANT, COUNTS, seed=1)
    for band in [*by_users, *by_items]:
        mine, theirs = (band["methods"][name]["mean"] for name in ("funnel", "recency_popularity"))
        assert band["lead"]["mean"] == pytest.approx(mine - theirs)
        assert band["lead"]["low"] <= band["lead"]["mean"] <= band["lead"]["high"]


def test_users_are_told_apart_by_each_attribute_that_parts_them():
    codes = np.stack([np.arange(U) % 2, np.full(U, 1), np.full(U, -1)], axis=1)
    codes[:3, 0] = -1
    (age,) = segments.ndcg_by_attribute(BANDED, RELEVANT, codes, KINDS, seed=1)
    assert age["name"] == "age"
    assert [band["band"] for band in age["bands"]] == ["young", "old"]
    known = (RELEVANT.sizes > 0) & (codes[:, 0] >= 0)
    assert sum(band["count"] for band in age["bands"]) == known.sum()
    scores = metrics.ndcg(metrics.grade_lists(BANDED["funnel"], RELEVANT), 10)
    old = known & (codes[:, 0] == 1)
    assert age["bands"][1]["methods"]["funnel"]["mean"] == pytest.approx(scores[old].mean())


def test_of_an_attribute_only_the_largest_bands_of_enough_users_are_shown(monkeypatch):
    codes = np.full((U, 3), -1)
    codes[:, 2] = np.minimum(np.arange(U) // 10, 3)  # a to c: ten users each, d: the other thirty
    monkeypatch.setattr(segments, "MAX_BANDS", 2)
    monkeypatch.setattr(segments, "MIN_BAND_USERS", 8)
    (town,) = segments.ndcg_by_attribute(BANDED, RELEVANT, codes, KINDS, seed=1)
    assert len(town["bands"]) == 2
    assert town["bands"][-1]["band"] == "d"
    monkeypatch.setattr(segments, "MIN_BAND_USERS", 25)
    assert segments.ndcg_by_attribute(BANDED, RELEVANT, codes, KINDS, seed=1) == []


def test_bands_without_users_are_left_out():
    bands = segments.ndcg_by_history(BANDED, RELEVANT, np.full(U, 12), seed=1)
    assert [band["band"] for band in bands] == ["10-49 events"]


def test_popularity_bands_are_5_15_and_80_percent_of_items_with_events_and_the_rest():
    bands = segments.popularity_bands(COUNTS)
    assert np.bincount(bands).tolist() == [4, 12, 64, 20]
    assert bands[np.argsort(-COUNTS, kind="stable")].tolist() == sorted(bands)


def test_each_popularity_band_counts_the_relevant_items_found():
    bands = segments.recall_by_popularity(BANDED, RELEVANT, COUNTS, seed=1)
    assert [band["band"] for band in bands] == [*segments.POPULARITY_BANDS, segments.NEVER_SEEN]
    of_row, found, wanted = segments.popularity_bands(COUNTS), 0, 0
    for owner, row in zip(RELEVANT.owners, RELEVANT.rows, strict=True):
        wanted += of_row[row] == 2
        found += of_row[row] == 2 and row in LISTS["item_cf"][owner, :10]
    assert bands[2]["methods"]["item_cf"]["mean"] == pytest.approx(found / wanted)


def popularity(liked, counts, half_life=np.inf):
    both = np.zeros((2, len(HALF_LIVES), len(liked)))
    both[0, HALF_LIVES.index(half_life)] = liked
    both[1, HALF_LIVES.index(half_life)] = counts
    n = len(liked)
    return Popularity(0.0, both[1], both[0], np.zeros(n), np.zeros(n, np.float32))


def test_popularity_orders_the_whole_catalogue_by_likes_then_events_then_row():
    known = popularity([0, 5, 5, 0, 0], [3, 6, 8, 3, 0])
    assert popularity_order(known).tolist() == [2, 1, 0, 3, 4]


def test_recency_weighted_popularity_reads_its_own_half_life():
    known = popularity([0, 1, 2], [1, 1, 2], half_life=baselines.RECENT)
    assert popularity_order(known, baselines.RECENT).tolist() == [2, 1, 0]
    with pytest.raises(ValueError, match="no counts with a half-life"):
        popularity_order(known, 2 * DAY)


@pytest.mark.parametrize("block", [1, 7, 1_000])
def test_every_user_gets_the_best_they_have_not_seen(monkeypatch, block):
    monkeypatch.setattr(baselines, "BLOCK", block)
    order = RANDOM.permutation(30)
    seen = RowSets.of([RANDOM.choice(30, u, replace=False) for u in range(31)])
    made = popular_lists(order, seen, k=8)
    for user, rows in enumerate(made):
        held = set(seen.rows[seen.indptr[user] : seen.indptr[user + 1]].tolist())
        expected = [row for row in order.tolist() if row not in held][:8]
        assert rows.tolist() == expected + [-1] * (8 - len(expected))


def test_a_catalogue_smaller_than_the_list_is_padded():
    assert popular_lists(np.array([1, 0]), RowSets.of([np.array([1])]), 4).tolist() == [
        [0, -1, -1, -1]
    ]
