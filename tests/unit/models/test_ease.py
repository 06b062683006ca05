import numpy as np
import pytest

from offline.models.ease import EASEConfig, fit_ease
from tests.unit.models.logs import DAY, SHAPE, constant, log_of, random_log, to_dense


def dense_likes(log, config):
    likes = np.zeros(SHAPE)
    for u, i, w, t in zip(log.users, log.items, log.weights, log.times, strict=True):
        likes[u, i] += max(w, 0) * 0.5 ** ((log.times[-1] - t) / config.half_life)
    return likes / log.weights[log.weights > 0].mean()


def one_by_one(log, config):
    """Ridge regression of each item's likes on all others', solved item by item."""
    likes = dense_likes(log, config)
    weights = np.zeros((SHAPE[1], SHAPE[1]))
    for item in range(SHAPE[1]):
        others = np.arange(SHAPE[1]) != item
        x, y = likes[:, others], likes[:, item]
        left = x.T @ x + config.reg * np.eye(SHAPE[1] - 1)
        weights[others, item] = np.linalg.solve(left, x.T @ y)
    return weights


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("half_life", [np.inf, 7 * DAY])
def test_weights_are_those_of_a_ridge_regression_of_each_item_on_the_others(half_life, seed):
    config = EASEConfig(reg=2.0, half_life=half_life, min_likes=1)
    log = random_log(seed, m=60, repeats=True)
    expected = np.maximum(one_by_one(log, config), 0.0)
    found = to_dense(fit_ease(log, SHAPE, config))
    assert np.allclose(found, expected, atol=1e-5)
    assert expected.any()
    assert not np.allclose(expected, expected.T, atol=1e-3)


def test_twice_the_weight_of_every_event_changes_nothing():
    log = constant(random_log(0))
    double = log_of(
        *((u, i, 1, 2, t) for u, i, t in zip(log.users, log.items, log.times, strict=True))
    )
    assert np.allclose(
        to_dense(fit_ease(log, SHAPE, EASEConfig(reg=2.0))),
        to_dense(fit_ease(double, SHAPE, EASEConfig(reg=2.0))),
        atol=1e-6,
    )


def test_items_beyond_the_most_liked_have_no_neighbours_and_are_nobodys():
    events = [(u, i, 1, 1, 0) for u in range(6) for i in range(2) if u + i < 7]
    log = log_of(*events, (6, 3, 1, 1, 0), (6, 0, 1, 1, 0))
    counts = np.bincount(log.items)
    table = fit_ease(log, SHAPE, EASEConfig(reg=0.1, max_items=2))
    few = np.argsort(-counts, kind="stable")[2:]
    assert not np.diff(table.indptr)[few].any()
    assert len(table.rows)
    assert not set(few.tolist()) & set(table.rows.tolist())


def test_items_of_too_few_likes_have_no_neighbours_and_are_nobodys():
    events = [(u, i, 1, 1, 0) for i, likes in enumerate((4, 3, 2)) for u in range(likes)]
    table = fit_ease(log_of(*events), SHAPE, EASEConfig(reg=0.1, min_likes=3))
    assert table.rows.tolist() == [1, 0]
    assert np.diff(table.indptr)[:3].tolist() == [1, 1, 0]


def test_one_user_is_enough():
    table = fit_ease(
        log_of((0, 0, 1, 1, 0), (0, 2, 1, 1, 1)), (1, 3), EASEConfig(reg=1.0, min_likes=1)
    )
    assert table.rows.tolist() == [2, 0]
    assert np.allclose(table.weights, 0.5)
