"""The visits that the channel ``session_knn`` reads, on logs that a reader can follow."""

import numpy as np
import pytest

from app.artifacts import DAY
from offline.data.dataset import Log
from offline.models.session_knn import SessionKNNConfig, fit_visits

HOUR = 3_600.0
SHAPE = (3, 6)


def log_of(*events):
    """A log of (user, item, hours, weight), in order of time."""
    in_order = sorted(events, key=lambda one: one[2])
    users, items, hours, weights = map(np.array, zip(*in_order, strict=True))
    return Log(
        users.astype(np.int32),
        items.astype(np.int32),
        np.ones(len(users), np.float32),
        weights.astype(np.float32),
        hours * HOUR,
    )


def items_of(visits):
    """The items of each visit."""
    return [part.tolist() for part in np.split(visits.rows, visits.indptr[1:-1])]


TWO_USERS = log_of(
    *((0, 1, 0.0, 1.0), (0, 2, 0.1, 1.0), (0, 3, 0.2, 1.0)),  # a visit of user 0
    *((1, 2, 1.0, 1.0), (1, 4, 1.1, -1.0), (1, 3, 1.2, 1.0), (1, 2, 1.3, 1.0)),  # 2 stands last
    *((0, 5, 9.0, 1.0),),  # a single like is no visit
    *((0, 1, 20.0, 1.0), (0, 4, 20.4, 1.0)),
)


def test_a_pause_ends_a_visit_and_dislikes_and_single_likes_are_left_out():
    assert items_of(fit_visits(TWO_USERS, SHAPE, SessionKNNConfig())) == [[1, 2, 3], [3, 2], [1, 4]]


def test_with_a_longer_pause_the_visits_of_a_user_become_one():
    visits = fit_visits(TWO_USERS, SHAPE, SessionKNNConfig(pause=np.inf))
    assert items_of(visits) == [[3, 2], [2, 3, 5, 1, 4]]


def test_a_long_visit_counts_as_several():
    log = log_of(*((0, item, item / 100, 1.0) for item in range(5)))
    visits = fit_visits(log, SHAPE, SessionKNNConfig(visit_items=2))
    assert items_of(visits) == [[0, 1], [2, 3]]


def test_each_item_has_its_newest_visits_and_its_place_in_them():
    visits = fit_visits(TWO_USERS, SHAPE, SessionKNNConfig(visits_per_item=1))
    spans = [slice(*visits.item_indptr[item : item + 2]) for item in range(SHAPE[1])]
    assert [visits.item_visits[span].tolist() for span in spans] == [[], [2], [1], [1], [2], []]
    assert [visits.item_places[span].tolist() for span in spans] == [[], [0], [1], [0], [1], []]


def test_only_the_newest_visits_are_kept():
    assert items_of(fit_visits(TWO_USERS, SHAPE, SessionKNNConfig(max_visits=1))) == [[1, 4]]


def test_a_visit_counts_by_its_age_and_length_and_an_item_by_its_rarity():
    config = SessionKNNConfig(half_life=DAY, length_power=1.0, rarity=2.0)
    visits = fit_visits(TWO_USERS, SHAPE, config)
    ages = (20.4 - np.array([0.2, 1.3, 20.4])) / 24
    assert visits.weights == pytest.approx(2.0**-ages / [3, 2, 2])
    assert visits.item_weights[[1, 3, 4]] == pytest.approx(np.log1p([1.5, 1.5, 3.0]) ** 2)


def test_without_likes_there_are_no_visits():
    disliked = log_of((0, 1, 0.0, -1.0), (0, 2, 0.1, -1.0))
    assert not len(fit_visits(disliked, SHAPE, SessionKNNConfig()))
