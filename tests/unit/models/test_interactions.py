"""The log as sparse matrices."""

import numpy as np
import pytest

from offline.models.interactions import (
    MAX_PROPENSITY,
    centre_by_user,
    event_matrix,
    like_matrix,
    mean_positive_weight,
    propensity_weights,
    ratings_vary,
    time_decay,
)
from tests.unit.models.logs import DAY, EMPTY, SHAPE, constant, log_of, random_log


def test_the_last_event_counts_whole_and_one_half_life_earlier_half():
    log = log_of((0, 0, 1, 1, 0.0), (0, 1, 1, 1, 10 * DAY))
    assert time_decay(log, 10 * DAY).tolist() == [0.5, 1.0]
    assert time_decay(log, np.inf).tolist() == [1.0, 1.0]
    assert len(time_decay(EMPTY, DAY)) == 0


def test_an_event_counts_less_the_more_popular_its_item():
    log = log_of(*((u, 0, 1, 1, 0) for u in range(4)), (0, 1, 1, 1, 0))
    raw = np.array([0.5] * 4 + [1.0])
    assert np.allclose(propensity_weights(log, 2, 0.5), raw / raw.mean())
    assert propensity_weights(log, 2, 0.0).tolist() == [1.0] * 5
    assert len(propensity_weights(EMPTY, 2, 0.5)) == 0


def test_no_propensity_is_out_of_bounds():
    log = log_of(*((u, 0, 1, 1, 0) for u in range(200)), (0, 1, 1, 1, 0))
    found = propensity_weights(log, 2, 5.0)
    assert found.max() == MAX_PROPENSITY
    assert found.min() == 1 / MAX_PROPENSITY


def test_likes_are_weighed_against_popularity_among_likes():
    log = log_of((0, 0, 1, 1, 0), (1, 0, 1, 1, 0), (2, 0, 1, -1, 0), (0, 1, 1, 1, 0))
    worth = np.array([0.5, 0.5, 1.0])
    dense = like_matrix(log, (3, 2), power=1.0).toarray()
    assert np.allclose([dense[0, 0], dense[1, 0], dense[0, 1]], worth / worth.mean())
    assert dense[2, 0] == 0


def test_the_unit_is_the_mean_weight_of_a_like():
    assert mean_positive_weight(log_of((0, 0, 1, 1, 0), (0, 1, 1, 3, 0), (0, 2, 1, -9, 0))) == 2.0
    assert mean_positive_weight(EMPTY) == 1.0


def test_likes_are_summed_and_dislikes_left_out():
    log = log_of((0, 1, 5, 1, 0), (0, 1, 5, 2, 1), (0, 2, 1, -1, 2), (1, 0, 3, 0, 3))
    assert like_matrix(log, (2, 3)).toarray().tolist() == [[0, 3, 0], [0, 0, 0]]


def test_a_matrix_keeps_an_opinion_of_zero():
    assert event_matrix(log_of((0, 0, 3, 0, 0)), np.zeros(1), (1, 1)).nnz == 1


def test_deviations_are_from_the_users_own_mean():
    log = log_of((0, 0, 5, 1, 0), (1, 0, 2, -1, 1), (0, 1, 2, -1, 2))
    assert centre_by_user(log, 3).tolist() == [1.5, 0.0, -1.5]


def test_a_constant_rating_that_floats_cannot_write_has_no_deviation():
    assert not centre_by_user(constant(random_log(0), 0.1), SHAPE[0]).any()


@pytest.mark.parametrize(
    ("values", "vary"), [((1, 2, 1, 1), True), ((1, 1, 1, 2), True), ((3, 3, 1, 1), False)]
)
def test_ratings_vary_when_half_of_the_events_are_by_users_of_two_opinions(values, vary):
    users = (0, 0, 1, 1)
    log = log_of(*((u, i, v, 1, i) for i, (u, v) in enumerate(zip(users, values, strict=True))))
    assert ratings_vary(log, 2) is vary


def test_an_empty_log_does_not_vary():
    assert not ratings_vary(EMPTY, 2)
