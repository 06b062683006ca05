"""What is bought together: pairs of one visit, by how much more often than by chance."""

import numpy as np
import pytest

from app.event_weights import type_code
from offline.data.dataset import Log
from offline.models.bought_together import SHRINK, fit_bought_together

HOUR = 3_600.0


def log_of(*events):
    """Events (user, item, hour, type), in order of time."""
    users, items, hours, kinds = zip(*events, strict=True)
    n = len(events)
    return Log(
        np.array(users, np.int32),
        np.array(items, np.int32),
        np.ones(n, np.float32),
        np.ones(n, np.float32),
        np.array(hours) * HOUR,
        np.array([type_code(kind) for kind in kinds], np.int32),
    )


def neighbours(table, item):
    span = slice(table.indptr[item], table.indptr[item + 1])
    return dict(zip(table.rows[span].tolist(), table.weights[span].tolist(), strict=True))


def baskets(*visits, kind="purchase"):
    """A user buys the items of each visit."""
    return [(user, item, user, kind) for user, items in enumerate(visits) for item in items]


def test_the_weight_is_the_lift_of_a_pair_shrunk_by_the_visits_that_it_shares():
    table = fit_bought_together(log_of(*baskets((0, 1), (0, 1), (2,), (3,))), items=4)
    lift = 2 * 4 / (2 * 2)
    assert neighbours(table, 0) == {1: pytest.approx(lift * 2 / (2 + SHRINK))}
    assert neighbours(table, 1) == {0: pytest.approx(lift * 2 / (2 + SHRINK))}
    assert neighbours(table, 2) == {}


def test_an_item_of_every_visit_goes_with_nothing_in_particular():
    table = fit_bought_together(log_of(*baskets((0, 1), (0, 1), (0, 2), (0, 3))), items=4)
    assert neighbours(table, 0) == {}
    assert neighbours(table, 1) == {}


def test_one_shared_visit_is_chance():
    table = fit_bought_together(log_of(*baskets((0, 1), (2,), (3,))), items=4)
    assert len(table.rows) == 0


def test_a_pause_of_more_than_half_an_hour_ends_a_visit():
    apart = [(user, item, user * 10 + item, "purchase") for user in (0, 1) for item in (0, 1)]
    other = [(2, 2, 30.0, "purchase"), (3, 3, 40.0, "purchase")]
    assert not len(fit_bought_together(log_of(*apart, *other), items=4).rows)
    close = [(user, item, user * 10 + item / 3, "purchase") for user in (0, 1) for item in (0, 1)]
    assert set(neighbours(fit_bought_together(log_of(*close, *other), items=4), 0)) == {1}


def test_carts_count_only_where_nothing_was_bought_and_views_never():
    carts = baskets((0, 1), (0, 1), (2,), (3,), kind="add_to_cart")
    views = baskets((0, 1), (0, 1), (2,), (3,), kind="view")
    assert set(neighbours(fit_bought_together(log_of(*carts, *views), items=4), 0)) == {1}
    bought = [(9, 3, 9, "purchase")]
    assert not len(fit_bought_together(log_of(*carts, *bought), items=4).rows)
    assert fit_bought_together(log_of(*views), items=4) is None


def test_blocks_of_items_make_the_same_table():
    random = np.random.default_rng(0)
    visits = [random.choice(12, random.integers(1, 6), replace=False) for _ in range(60)]
    log = log_of(*baskets(*visits))
    whole, parts = fit_bought_together(log, 12), fit_bought_together(log, 12, block_items=5)
    assert len(whole.rows)
    assert np.array_equal(whole.indptr, parts.indptr)
    assert np.array_equal(whole.rows, parts.rows)
    assert np.array_equal(whole.weights, parts.weights)
