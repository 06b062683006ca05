"""V-SkNN and sequential rules on sessions that are counted by hand."""

import math

import numpy as np
import pytest

from benchmarks.quality.next_items import list_next_items, ndcg, past_sessions
from benchmarks.quality.session_rivals import SequentialRules, SessionNeighbours, best_items
from offline.config import JobConfig
from tests.fakes import small_dataset

SESSIONS = ([1, 2, 3], [2, 4], [1, 3], [5, 6])  # oldest first


def test_neighbours_add_their_similarity_and_that_of_later_clicks_is_larger():
    scores = SessionNeighbours(SESSIONS).scores([1, 2])
    # [1, 2, 3] shares both: (1/2 + 2/2) / 2; the last shared click is the newest one: step 1.
    # [2, 4]: (2/2) / 2, step 1. [1, 3]: (1/2) / 2, step 2, which counts half.
    assert scores == pytest.approx({1: 0.75 + 0.125, 2: 0.75 + 0.5, 3: 0.75 + 0.125, 4: 0.5})


def test_only_the_nearest_of_the_newest_sessions_that_share_an_item_are_neighbours():
    assert set(SessionNeighbours(SESSIONS, k=1).scores([1, 2])) == {1, 2, 3}
    assert set(SessionNeighbours(SESSIONS, sample=1).scores([1, 2])) == {1, 3}


def test_rare_items_count_more_with_idf():
    plain, rare = (SessionNeighbours(SESSIONS, idf=idf).scores([2]) for idf in (0.0, 1.0))
    assert rare[4] / plain[4] == pytest.approx(math.log(4 / 1))
    assert rare[3] / plain[3] == pytest.approx(math.log(4 / 2))


def test_rules_count_later_items_by_their_distance():
    rules = SequentialRules((*SESSIONS, [1, 1, 4]))
    assert rules.scores([9, 1]) == pytest.approx({2: 1.0, 3: 0.5 + 1.0, 4: 1.0 + 0.5})
    assert SequentialRules(SESSIONS, steps=1).scores([1]) == {2: 1.0, 3: 1.0}
    assert rules.scores([7]) == {}


def test_the_best_items_are_new_to_the_session_and_equal_ones_in_order():
    assert best_items({3: 1.0, 1: 2.0, 2: 1.0, 4: 9.0}, [4], 2).tolist() == [1, 2]


def test_the_gain_falls_with_the_place_and_ends_after_ten():
    assert ndcg(np.array([0, 1, 9, 10])) == pytest.approx(
        [1, 1 / math.log2(3), 1 / math.log2(11), 0]
    )


def test_the_lists_of_a_window_know_the_clicks_before_and_the_item_that_followed():
    dataset = small_dataset()
    log = dataset.log
    start, end = float(log.times[0]), float(log.times[-1]) + 1
    lists = list_next_items(dataset, start, end, 1_000, JobConfig())
    assert len(lists) > 50
    whole = {tuple(one) for one in past_sessions(log)}
    for one in lists:
        assert one.target not in one.session
        assert one.user.since.rows.tolist() == list(reversed(one.session))
        assert any(items[: len(one.session) + 1] == (*one.session, one.target) for items in whole)
    assert [one.user.at for one in lists] == sorted(one.user.at for one in lists)
