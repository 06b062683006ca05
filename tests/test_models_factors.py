from dataclasses import replace

import numpy as np
import pytest

from app.contracts import History
from app.profile import fold_in
from offline.data.dataset import Log
from offline.models import als, bpr, sgd
from offline.models.als import ALSConfig
from offline.models.bpr import BPRConfig
from offline.models.factors import factors
from offline.models.interactions import liked
from offline.models.sgd import SGDConfig, learn
from tests.test_models_interactions import DAY, EMPTY, SHAPE, constant, log_of, random_log

FITS = {
    "als": lambda log, shape, seed: als.fit(log, shape, ALSConfig(size=4), seed),
    "bpr": lambda log, shape, seed: bpr.fit(log, shape, BPRConfig(size=3), seed),
    "sgd": lambda log, shape, seed: sgd.fit(log, shape, SGDConfig(size=4), seed),
}
TASTES = (60, 40)


def two_tastes():
    """Even users like even items, odd users odd ones; three likes in five are in the log."""
    random = np.random.default_rng(5)
    pairs = [(u, i) for u in range(TASTES[0]) for i in range(TASTES[1]) if random.random() < 0.6]
    alike = [(u, i, (u + i) % 2 == 0) for u, i in pairs]
    return log_of(*((u, i, 5 if a else 1, 1 if a else -1, 0) for u, i, a in alike))


@pytest.mark.parametrize("name", FITS)
def test_a_newcomer_who_likes_two_even_items_is_given_even_ones(name):
    found = FITS[name](two_tastes(), TASTES, 0)
    one = np.ones(2, np.float32)
    user = fold_in(found, History(np.array([4, 10]), one, one, np.zeros(2)))
    best = np.argsort(-(found.items @ user))[:15]
    assert (best % 2 == 0).all()


@pytest.mark.parametrize("name", FITS)
def test_the_same_seed_gives_the_same_bits_and_another_seed_others(name):
    log = random_log(0)
    one, two, other = (FITS[name](log, SHAPE, seed) for seed in (7, 7, 8))
    assert one.items.tobytes() == two.items.tobytes()
    assert one.gram.tobytes() == two.gram.tobytes()
    assert one.items.tobytes() != other.items.tobytes()


@pytest.mark.parametrize("name", FITS)
def test_items_that_nobody_touched_are_zero_and_the_gram_matrix_is_that_of_the_items(name):
    found = FITS[name](random_log(0), SHAPE, 0)
    assert not found.items[8].any()
    assert found.items[:8].any(axis=1).all()
    assert np.allclose(found.gram, found.items.T @ found.items, atol=1e-5)
    assert (found.items.dtype, found.gram.dtype) == (np.float32, np.float32)


@pytest.mark.parametrize("name", FITS)
@pytest.mark.parametrize("shape", [(0, 0), (1, 1), (1, 3), (3, 1)])
def test_an_empty_log_gives_zeros(name, shape):
    assert not FITS[name](EMPTY, shape, 0).items.any()


@pytest.mark.parametrize("name", FITS)
@pytest.mark.parametrize("log", [log_of((0, 0, 5, 1, 0)), constant(random_log(2))])
def test_one_event_and_constant_ratings_work(name, log):
    shape = (1, 1) if len(log) == 1 else SHAPE
    found = FITS[name](log, shape, 0)
    assert found.items.shape == (shape[1], 4)
    assert np.isfinite(found.items).all()


def test_als_item_vectors_solve_the_equation_that_serving_folds_users_in_by():
    log = random_log(3)
    config = ALSConfig(size=4, reg=5.0, rounds=200, half_life=np.inf)
    found = als.fit(log, SHAPE, config, 0)
    likes = liked(log, SHAPE).toarray()
    users = np.array([fold_in(found, _history(row)) for row in likes])
    confidence = 1 + config.alpha * likes
    for item in range(8):
        left = (users.T * confidence[:, item]) @ users + config.reg * np.eye(4)
        right = users.T @ (confidence[:, item] * (likes[:, item] > 0))
        assert np.allclose(np.linalg.solve(left, right), found.items[item], atol=2e-3)


def _history(likes):
    rows = np.flatnonzero(likes)
    weights = likes[rows].astype(np.float32)
    return History(rows, weights, weights, np.zeros(len(rows)))


def test_old_likes_count_less_when_they_fade():
    log = random_log(0)
    faded = log.weights * 0.5 ** ((log.times[-1] - log.times) / (7 * DAY))
    by_hand = Log(log.users, log.items, log.values, faded, log.times)
    fading = als.fit(log, SHAPE, ALSConfig(size=4, half_life=7 * DAY), 0)
    steady = als.fit(by_hand, SHAPE, ALSConfig(size=4, half_life=np.inf), 0)
    assert np.allclose(fading.items, steady.items, atol=1e-5)
    unfaded = als.fit(log, SHAPE, ALSConfig(size=4, half_life=np.inf), 0)
    assert not np.allclose(fading.items, unfaded.items, atol=1e-2)


def test_sgd_predicts_ratings_better_than_the_mean_and_biases():
    log = two_tastes()
    random = np.random.default_rng(0)
    held = random.random(len(log)) < 0.2
    train, test = log.take(np.flatnonzero(~held)), log.take(np.flatnonzero(held))
    ratings = learn(train, TASTES, SGDConfig(size=4, rounds=60), 0)
    assert ratings.rmse(test) < 0.5 * test.values.std()
    assert ratings.rmse(train) <= ratings.rmse(test)


def test_sgd_learns_the_biases_of_users_and_items():
    users, items = np.divmod(np.arange(200), 10)
    values = 3 + np.where(users % 2, 0.5, -0.5) + np.where(items % 2, 1.0, -1.0)
    log = log_of(*zip(users, items, values, np.ones(200), np.zeros(200), strict=True))
    ratings = learn(log, (20, 10), SGDConfig(size=1, penalty=0.001, rounds=400, spread=0.0), 0)
    assert np.allclose(ratings.predict(users, items), values, atol=0.05)
    assert ratings.mean == pytest.approx(3.0)


def test_a_step_of_many_ratings_at_once_is_the_sum_of_their_gradients():
    log = random_log(6)
    config = SGDConfig(size=3, batch=len(log), rounds=1)
    before, after = (learn(log, SHAPE, replace(config, rounds=r), 0) for r in (0, 1))
    users, items = before.users.copy(), before.items.copy()
    for u, i, value in zip(log.users, log.items, log.values, strict=True):
        p, q = before.users[u], before.items[i]
        gap = value - (before.mean + p[-1] + q[-1] + p[:-1] @ q[:-1])
        users[u] += config.rate * (gap * np.append(q[:-1], 1) - config.penalty * p)
        items[i] += config.rate * (gap * np.append(p[:-1], 1) - config.penalty * q)
    assert np.allclose(after.users, users)
    assert np.allclose(after.items, items)


def test_a_factorisation_that_diverged_says_so():
    with pytest.raises(FloatingPointError, match="lower the learning rate"):
        factors(np.array([[np.inf]]), 1.0, 1.0)
