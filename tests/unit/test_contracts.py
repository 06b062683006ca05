import numpy as np
import pytest

from app.contracts import NO_HISTORY, Slate
from tests.fakes import history, pool, proposal, query, rows


@pytest.mark.parametrize("shape", [(2,), (3, 1)])
def test_scores_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=rf"\({shape[0]},.*\) scores for \(3,\) items"):
        pool(1, 2, 3).with_scores(np.zeros(shape, np.float32))


def test_the_columns_of_a_candidate_move_with_it():
    best = pool(7, 8, 9, scores=[1, 3, 2]).top(2)
    assert best.rows.tolist() == [8, 9]
    assert best.ranks[:, 0].tolist() == [1, 2]
    assert best.signals[:, 0].tolist() == [3, 2]
    assert best.features.shape == (2, 0)


def test_equal_scores_keep_their_order():
    assert pool(9, 1, 5, scores=[1, 1, 1]).top(2).rows.tolist() == [9, 1]


def test_liked_events_are_the_newest_positive_ones():
    events = history((1, 5, 1, 9), (2, 1, -1, 8), (3, 3, 0, 7), (4, 4, 1, 6), (5, 5, 1, 5))
    assert events.liked(2).rows.tolist() == [1, 4]
    assert events.liked(2).values.tolist() == [5, 4]


def test_without_positive_events_the_neutral_ones_count_as_liked():
    events = history((2, 1, -1, 8), (3, 3, 0, 7), (4, 1, -1, 6))
    assert events.liked(2).rows.tolist() == [3]
    assert len(NO_HISTORY.liked(5)) == 0


def test_excluded_rows_are_not_allowed():
    one = query(n=5, exclude=[1, 3])
    assert one.allows(rows(0, 1, 2, 3, 4, 1)).tolist() == [True, False, True, False, True, False]


def test_pools_proposals_and_selections_have_a_length():
    one = pool(1, 2)
    assert len(one) == len(proposal(5, 6)) == len(Slate(one, np.zeros(2, np.bool_))) == 2
