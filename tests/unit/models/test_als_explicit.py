from dataclasses import replace

import numpy as np
import pytest

from offline.models.als_explicit import (
    ExplicitALSConfig,
    fit_explicit_als,
    fit_explicit_als_ratings,
)
from offline.models.interactions import latest_events
from tests.unit.models.logs import DAY, EMPTY, SHAPE, constant, log_of, random_log

CONFIG = ExplicitALSConfig(size=3, rounds=4)


def row_by_row(log, config):
    """The same, user by user and item by item, from a dense matrix."""
    rated, worth = np.zeros(SHAPE), np.zeros(SHAPE)
    for u, i, v, t in zip(log.users, log.items, log.values, log.times, strict=True):
        rated[u, i], worth[u, i] = v, 0.5 ** ((log.times[-1] - t) / config.half_life)
    mean = (rated * worth).sum() / worth.sum()
    of_items = ((rated - mean) * worth).sum(0) / (worth.sum(0) + config.bias_penalty)
    left = rated - mean - of_items
    of_users = (left * worth).sum(1) / (worth.sum(1) + config.bias_penalty)
    left -= of_users[:, None]
    q = np.random.default_rng(7).normal(0, config.spread, (SHAPE[1], config.size))
    p = np.zeros((SHAPE[0], config.size))
    for _ in range(config.rounds):
        p = np.array([ridge(q, left[u], worth[u], config) for u in range(SHAPE[0])])
        q = np.array([ridge(p, left[:, i], worth[:, i], config) for i in range(SHAPE[1])])
    return mean + of_users[:, None] + of_items + p @ q.T, p, q


def ridge(others, left, worth, config):
    told = np.flatnonzero(worth)
    if not len(told):
        return np.zeros(config.size)
    x, w = others[told], worth[told]
    square = (x.T * w) @ x + config.penalty * w.sum() * np.eye(config.size)
    return np.linalg.solve(square, x.T @ (w * left[told]))


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("half_life", [np.inf, 8 * DAY])
@pytest.mark.parametrize("block", [1, 10_000_000])
def test_ratings_are_those_of_the_obvious_loop_whatever_the_block(block, half_life, seed):
    log, config = random_log(seed, repeats=True), replace(CONFIG, half_life=half_life)
    found = fit_explicit_als_ratings(log, SHAPE, config, 7, block)
    expected, p, q = row_by_row(log, config)
    users, items = np.indices(SHAPE).reshape(2, -1)
    assert np.allclose(found.predict(users, items), expected.ravel(), atol=1e-6)
    assert np.allclose(found.users[:, :-1], p, atol=1e-6)
    assert np.allclose(found.items[:, :-1], q, atol=1e-6)
    assert p.any()


def test_only_the_newest_rating_of_a_pair_counts():
    log = random_log(4, repeats=True)
    assert len(latest_events(log)) < len(log)
    one, two = (
        fit_explicit_als_ratings(log, SHAPE, CONFIG, 0),
        fit_explicit_als_ratings(latest_events(log), SHAPE, CONFIG, 0),
    )
    assert one.items.tobytes() == two.items.tobytes()


def test_vectors_explain_more_than_biases():
    users, items = np.divmod(np.arange(400), 20)
    values = np.where((users + items) % 2, 5.0, 1.0)
    held = np.random.default_rng(0).random(400) < 0.2
    parts = [
        log_of(*((u, i, v, 1, 0) for u, i, v in zip(*of, strict=True)))
        for of in (
            (users[~held], items[~held], values[~held]),
            (users[held], items[held], values[held]),
        )
    ]
    assert (
        fit_explicit_als_ratings(parts[0], (20, 20), replace(CONFIG, rounds=10), 0).rmse(parts[1])
        < 0.5
    )


def test_ratings_that_have_all_faded_away_teach_nothing():
    log = log_of((0, 0, 5, 1, 0), (1, 1, 1, -1, 9e9), (1, 2, 5, 1, 9e9))
    found = fit_explicit_als_ratings(log, (2, 3), replace(CONFIG, half_life=1.0), 0)
    assert not found.items[0].any()
    assert found.items[1].any()


def test_item_vectors_without_biases_are_what_users_are_folded_into():
    log = random_log(1)
    found, ratings = (
        fit_explicit_als(log, SHAPE, CONFIG, 3),
        fit_explicit_als_ratings(log, SHAPE, CONFIG, 3),
    )
    assert np.allclose(found.items, ratings.items[:, :-1])
    assert (found.alpha, found.reg) == (CONFIG.alpha, CONFIG.reg)


@pytest.mark.parametrize("log", [EMPTY, log_of((0, 0, 5, 1, 0)), constant(random_log(0))])
def test_nothing_and_one_rating_and_constant_ones_leave_nothing_to_explain(log):
    found = fit_explicit_als_ratings(log, SHAPE, CONFIG, 0)
    assert np.allclose(found.items, 0.0, atol=1e-9)
    assert np.isfinite(found.users).all()


def test_a_catalogue_of_nothing_has_no_vectors():
    assert fit_explicit_als(EMPTY, (0, 0), CONFIG, 0).items.shape == (0, 3)
