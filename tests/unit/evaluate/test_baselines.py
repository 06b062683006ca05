import numpy as np
import pytest

from app.artifacts import DAY, HALF_LIVES, Popularity
from offline.evaluate import baselines
from offline.evaluate.baselines import popular_lists, popularity_order
from offline.evaluate.rowsets import RowSets

RANDOM = np.random.default_rng(5)


def popularity(liked, counts, half_life=np.inf):
    both = np.zeros((2, len(HALF_LIVES), len(liked)))
    both[0, HALF_LIVES.index(half_life)] = liked
    both[1, HALF_LIVES.index(half_life)] = counts
    n = len(liked)
    return Popularity(0.0, both[1], both[0], np.zeros(n), np.zeros(n, np.float32))


def test_popularity_orders_the_whole_catalogue_by_likes_then_events_then_row():
    counts = popularity([0, 5, 5, 0, 0], [3, 6, 8, 3, 0])
    assert popularity_order(counts).tolist() == [2, 1, 0, 3, 4]


def test_recency_weighted_popularity_reads_its_own_half_life():
    counts = popularity([0, 1, 2], [1, 1, 2], half_life=baselines.RECENT)
    assert popularity_order(counts, baselines.RECENT).tolist() == [2, 1, 0]
    with pytest.raises(ValueError, match="no counts with a half-life"):
        popularity_order(counts, 2 * DAY)


@pytest.mark.parametrize("users_at_once", [1, 7, 1_000])
def test_every_user_gets_the_best_they_have_not_seen(users_at_once):
    order = RANDOM.permutation(30)
    seen = RowSets.of([RANDOM.choice(30, u, replace=False) for u in range(31)])
    lists = popular_lists(order, seen, 8, users_at_once)
    for user, rows in enumerate(lists):
        held = set(seen.rows[seen.indptr[user] : seen.indptr[user + 1]].tolist())
        expected = [row for row in order.tolist() if row not in held][:8]
        assert rows.tolist() == expected + [-1] * (8 - len(expected))


def test_a_catalogue_smaller_than_the_list_is_padded():
    assert popular_lists(np.array([1, 0]), RowSets.of([np.array([1])]), 4).tolist() == [
        [0, -1, -1, -1]
    ]
