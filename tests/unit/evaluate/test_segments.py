import numpy as np
import pytest

from app.artifacts import Segments
from offline.evaluate import metrics, segments
from offline.evaluate.rowsets import RowSets
from tests.unit.evaluate.test_comparison import COUNTS, LISTS, RELEVANT, N, U, W

BANDED = LISTS | {"recency_popularity": LISTS["item_cf"]}
KINDS = Segments(
    ("age", "sex", "town"),
    (("young", "old"), ("f", "m"), tuple("abcdefghijkl")),
    np.array([0, 2, 4, 16]),
    np.zeros((17, N), np.float32),
    np.ones(17),
    1.0,
)


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


def test_users_are_grouped_by_each_attribute_with_two_bands():
    codes = np.stack([np.arange(U) % 2, np.full(U, 1), np.full(U, -1)], axis=1)
    codes[:3, 0] = -1
    (age,) = segments.ndcg_by_attribute(BANDED, RELEVANT, codes, KINDS, seed=1)
    assert age["name"] == "age"
    assert [band["band"] for band in age["bands"]] == ["young", "old"]
    has_code = (RELEVANT.sizes > 0) & (codes[:, 0] >= 0)
    assert sum(band["count"] for band in age["bands"]) == has_code.sum()
    scores = metrics.ndcg(metrics.grade_lists(BANDED["funnel"], RELEVANT), 10)
    old = has_code & (codes[:, 0] == 1)
    assert age["bands"][1]["methods"]["funnel"]["mean"] == pytest.approx(scores[old].mean())


def test_of_an_attribute_only_the_largest_bands_of_enough_users_are_shown():
    sizes = [9, 10, 10, 11, 12, 13, 14, 15, 16, 17]  # the first is too small, the second too many
    users = sum(sizes)
    relevant = RowSets.of([np.array([user % N]) for user in range(users)])
    lists = {name: np.tile(np.arange(W), (users, 1)) for name in BANDED}
    codes = np.full((users, 3), -1)
    codes[:, 2] = np.repeat(np.arange(len(sizes)), sizes)
    (town,) = segments.ndcg_by_attribute(lists, relevant, codes, KINDS, seed=1)
    assert [band["band"] for band in town["bands"]] == list("bdefghij")
    small = np.full((users, 3), -1)
    small[:9, 2] = 1
    assert segments.ndcg_by_attribute(lists, relevant, small, KINDS, seed=1) == []


def test_bands_without_users_are_left_out():
    bands = segments.ndcg_by_history(BANDED, RELEVANT, np.full(U, 12), seed=1)
    assert [band["band"] for band in bands] == ["10-49 events"]


def test_popularity_bands_are_5_15_and_80_percent_of_items_with_events_and_the_rest():
    bands = segments.popularity_bands(COUNTS)
    assert np.bincount(bands).tolist() == [4, 12, 64, 20]
    assert bands[np.argsort(-COUNTS, kind="stable")].tolist() == sorted(bands)


def test_each_popularity_band_counts_the_relevant_items_in_the_lists():
    bands = segments.recall_by_popularity(BANDED, RELEVANT, COUNTS, seed=1)
    assert [band["band"] for band in bands] == [*segments.POPULARITY_BANDS, segments.NEVER_SEEN]
    of_row, hits, wanted = segments.popularity_bands(COUNTS), 0, 0
    for owner, row in zip(RELEVANT.owners, RELEVANT.rows, strict=True):
        wanted += of_row[row] == 2
        hits += of_row[row] == 2 and row in LISTS["item_cf"][owner, :10]
    assert bands[2]["methods"]["item_cf"]["mean"] == pytest.approx(hits / wanted)
