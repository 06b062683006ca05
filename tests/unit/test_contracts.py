import numpy as np
import pytest

from app.contracts import NO_HISTORY, Proposal, Selection
from tests.fakes import history, pool, proposal, query, rows


def test_scores_that_do_not_match_the_items_are_refused():
    with pytest.raises(ValueError, match=r"\(2,\) scores for \(3,\) items"):
        pool(1, 2, 3).with_scores(np.zeros(2, np.float32))


def test_a_column_of_scores_is_not_one_score_for_each_item():
    with pytest.raises(ValueError, match="scores for"):
        pool(1, 2).with_scores(np.zeros((2, 1), np.float32))


def test_items_without_a_score_sink_to_the_bottom():
    scored = pool(1, 2, 3).with_scores(np.array([0.1, np.nan, -5.0], np.float32))
    assert scored.top(3).rows.tolist() == [1, 3, 2]
    assert scored.rows.tolist() == [1, 2, 3]


def test_what_is_known_of_a_candidate_moves_with_it():
    best = pool(7, 8, 9, scores=[1, 3, 2]).top(2)
    assert best.rows.tolist() == [8, 9]
    assert best.ranks[:, 0].tolist() == [1, 2]
    assert best.signals[:, 0].tolist() == [3, 2]
    assert best.features.shape == (2, 0)


def test_of_equal_scores_the_first_stays_first():
    assert pool(9, 1, 5, scores=[1, 1, 1]).top(2).rows.tolist() == [9, 1]


def test_the_best_of_a_proposal_are_sorted_and_of_equal_scores_the_first_stays_first():
    best = Proposal.best(rows(4, 3, 2, 1), np.array([1, 2, 1, 2], np.float32), 4)
    assert best.rows.tolist() == [3, 1, 4, 2]
    assert best.scores.tolist() == [2, 2, 1, 1]


@pytest.mark.parametrize("limit", [0, 1, 4, 9])
def test_a_proposal_is_never_longer_than_asked(limit):
    assert len(Proposal.best(rows(4, 3, 2, 1), np.ones(4, np.float32), limit)) == min(limit, 4)


def test_nothing_to_propose_is_an_empty_proposal():
    assert len(Proposal.best(rows(), np.empty(0, np.float32), 5)) == 0


def test_liked_events_are_the_newest_that_speak_for_an_item():
    events = history((1, 5, 1, 9), (2, 1, -1, 8), (3, 3, 0, 7), (4, 4, 1, 6), (5, 5, 1, 5))
    assert events.liked(2).rows.tolist() == [1, 4]
    assert events.liked(2).values.tolist() == [5, 4]


def test_who_liked_nothing_is_judged_by_what_they_did_not_dislike():
    events = history((2, 1, -1, 8), (3, 3, 0, 7), (4, 1, -1, 6))
    assert events.liked(2).rows.tolist() == [3]
    assert len(NO_HISTORY.liked(5)) == 0


def test_what_was_seen_or_is_unwanted_must_not_be_answered():
    asked = query(n=5, exclude=[1, 3])
    assert asked.allows(rows(0, 1, 2, 3, 4, 1)).tolist() == [True, False, True, False, True, False]


def test_parts_know_how_long_they_are():
    one = pool(1, 2)
    assert len(one) == len(proposal(5, 6)) == len(Selection(one, np.zeros(2, np.bool_))) == 2
