from dataclasses import replace

import numpy as np
import pytest

from app.contracts import History
from app.user_vectors import fold_in
from offline.data.dataset import Log
from offline.models import als, als_explicit, bpr, sgd
from offline.models.als import ALSConfig
from offline.models.als_explicit import ExplicitALSConfig
from offline.models.bpr import BPRConfig
from offline.models.factors import build_factors
from offline.models.interactions import like_matrix, mean_positive_weight
from offline.models.sgd import SGDConfig, fit_sgd_ratings
from tests.unit.models.logs import DAY, EMPTY, SHAPE, constant, log_of, random_log

FITS = {
    "als": lambda log, shape, seed: als.fit_als(log, shape, ALSConfig(size=4), seed),
    "bpr": lambda log, shape, seed: bpr.fit_bpr(log, shape, BPRConfig(size=3), seed),
    "sgd": lambda log, shape, seed: sgd.fit_sgd(log, shape, SGDConfig(size=4), seed),
    "als_explicit": lambda log, shape, seed: als_explicit.fit_explicit_als(
        log, shape, ExplicitALSConfig(size=4), seed
    ),
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
    user = fold_in(found, History(np.array([4, 10]), one, one, np.zeros(2)), 0.0)
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


@pytest.mark.parametrize("power", [0.0, 0.5])
def test_als_item_vectors_solve_the_equation_that_serving_folds_users_in_by(power):
    log = random_log(3)
    config = ALSConfig(size=4, reg=5.0, rounds=200, half_life=np.inf, propensity_power=0.0)
    found = als.fit_als(log, SHAPE, replace(config, power=power), 0)
    likes = like_matrix(log, SHAPE).toarray()
    users = np.array([fold_in(found, _history(row), 0.0) for row in likes])
    extra = found.alpha * likes
    confidence = 1 + extra
    held = found.reg * (1 + extra.sum(axis=0) / np.count_nonzero(likes.any(axis=1))) ** power
    for item in range(8):
        left = (users.T * confidence[:, item]) @ users + held[item] * np.eye(4)
        right = users.T @ (confidence[:, item] * (likes[:, item] > 0))
        assert np.allclose(np.linalg.solve(left, right), found.items[item], atol=2e-3)


def _history(likes):
    rows = np.flatnonzero(likes)
    weights = likes[rows].astype(np.float32)
    return History(rows, weights, weights, np.zeros(len(rows)))


def test_few_data_are_not_regularised_to_nothing():
    few = als.fit_als(random_log(3), SHAPE, ALSConfig(size=4), 0)
    assert few.reg < ALSConfig().reg
    assert np.linalg.norm(few.items[:8], axis=1).min() > 0.05
    likes = few.alpha * like_matrix(random_log(3), SHAPE, 30 * DAY, 0.25).toarray()
    usual = 1 + likes.sum() / np.count_nonzero(likes.any(0)) / np.count_nonzero(likes.any(1))
    largest = np.linalg.svd(likes)[1][0]
    assert few.reg == pytest.approx(als.MAX_REG_SHARE * largest / usual, rel=0.01)


def test_old_likes_count_less_when_they_fade():
    log = random_log(0)
    faded = log.weights * 0.5 ** ((log.times[-1] - log.times) / (7 * DAY))
    by_hand = Log(log.users, log.items, log.values, faded, log.times)
    plain = ALSConfig(size=4, half_life=np.inf, propensity_power=0.0, reg=1.0)
    # events count in units of their mean weight
    alpha = plain.alpha * mean_positive_weight(log) / mean_positive_weight(by_hand)
    fading = als.fit_als(log, SHAPE, replace(plain, half_life=7 * DAY, alpha=alpha), 0)
    steady = als.fit_als(by_hand, SHAPE, plain, 0)
    assert np.allclose(fading.items, steady.items, atol=1e-5)
    unfaded = als.fit_als(log, SHAPE, plain, 0)
    assert not np.allclose(fading.items, unfaded.items, atol=1e-2)


@pytest.mark.parametrize("name", ["als", "bpr"])
def test_propensities_change_what_popular_items_are_worth(name):
    popular = [(u, 0, 1, 1, 0) for u in range(9)]
    log = log_of(*popular, *((u, 1 + u % 3, 1, 1, 1) for u in range(9)))
    config = {"als": ALSConfig(size=4, reg=1.0, power=0.0), "bpr": BPRConfig(size=3)}[name]
    fit = {"als": als.fit_als, "bpr": bpr.fit_bpr}[name]
    found = [
        fit(log, SHAPE, replace(config, propensity_power=power), 0).items for power in (0.0, 1.0)
    ]
    plain, even = (np.linalg.norm(v[1:4]) / np.linalg.norm(v[0]) for v in found)
    assert even != pytest.approx(plain, rel=0.01)
    assert name == "bpr" or even > plain


def test_bpr_draws_a_like_as_often_as_its_weight_says():
    likes = like_matrix(log_of((0, 0, 1, 1, 0), (0, 2, 1, 3, 0), (2, 1, 1, 2, 0)), (3, 3))
    draws = bpr.count_draws(likes.data)
    assert draws.tolist() == [2, 6, 4]
    drawn = bpr.repeat_likes(likes, draws)
    assert drawn.indices.tolist() == [0] * 2 + [2] * 6 + [1] * 4
    assert drawn.indptr.tolist() == [0, 8, 8, 12]
    assert bpr.count_draws(np.array([1e-9, 1.0])).tolist() == [1, 8]


@pytest.mark.parametrize(("weights", "rounds"), [((0.3, 0.3), 30), ((1, 3), 8)])
def test_bpr_draws_no_more_often_in_all_when_weights_differ(weights, rounds):
    draws = bpr.count_draws(np.array(weights, np.float64))
    assert bpr.count_rounds(30, draws) == rounds
    assert rounds * draws.sum() == pytest.approx(2 * 30, rel=0.1)


def test_bpr_learns_mostly_from_what_is_drawn_most():
    even = [(u, i, 1, 9, 0) for u in range(30) for i in range(0, 20, 2) if (u + i) % 3]
    odd = [(u, i, 1, 0.1, 0) for u in range(30) for i in range(1, 20, 2) if (u + i) % 3]
    found = bpr.fit_bpr(log_of(*even, *odd), (30, 20), BPRConfig(size=3), 0)
    biases = found.items[:, -1]
    assert biases[::2].mean() > biases[1::2].mean()


def test_sgd_predicts_ratings_better_than_the_mean_and_biases():
    log = two_tastes()
    random = np.random.default_rng(0)
    held = random.random(len(log)) < 0.2
    train, test = log.take(np.flatnonzero(~held)), log.take(np.flatnonzero(held))
    ratings = fit_sgd_ratings(train, TASTES, SGDConfig(size=4, rounds=60), 0)
    assert ratings.rmse(test) < 0.5 * test.values.std()
    assert ratings.rmse(train) <= ratings.rmse(test)


def test_sgd_learns_the_biases_of_users_and_items():
    users, items = np.divmod(np.arange(200), 10)
    values = 3 + np.where(users % 2, 0.5, -0.5) + np.where(items % 2, 1.0, -1.0)
    log = log_of(*zip(users, items, values, np.ones(200), np.zeros(200), strict=True))
    ratings = fit_sgd_ratings(
        log, (20, 10), SGDConfig(size=1, penalty=0.001, rounds=400, spread=0.0), 0
    )
    assert np.allclose(ratings.predict(users, items), values, atol=0.05)
    assert ratings.mean == pytest.approx(3.0)


@pytest.mark.parametrize("half_life", [np.inf, 5 * DAY])
def test_a_step_of_many_ratings_at_once_is_the_sum_of_ten_gradients_at_most(half_life):
    log = random_log(6)
    config = SGDConfig(size=3, batch=len(log), rounds=1, half_life=half_life)
    before, after = (fit_sgd_ratings(log, SHAPE, replace(config, rounds=r), 0) for r in (0, 1))
    users, items = before.users.copy(), before.items.copy()
    shares = [np.minimum(1.0, 10 / np.bincount(rows)) for rows in (log.users, log.items)]
    assert shares[1].min() < 1
    for u, i, value, time in zip(log.users, log.items, log.values, log.times, strict=True):
        p, q = before.users[u], before.items[i]
        rate = config.rate * 0.5 ** ((log.times[-1] - time) / half_life)
        gap = value - (before.mean + p[-1] + q[-1] + p[:-1] @ q[:-1])
        users[u] += shares[0][u] * rate * (gap * np.append(q[:-1], 1) - config.penalty * p)
        items[i] += shares[1][i] * rate * (gap * np.append(p[:-1], 1) - config.penalty * q)
    assert np.allclose(after.users, users)
    assert np.allclose(after.items, items)


def test_a_factorisation_that_diverged_says_so():
    with pytest.raises(FloatingPointError, match="lower the learning rate"):
        build_factors(np.array([[np.inf]]), 1.0, 1.0)


SMALL_SHAPES = [(60, 40, 1_500), (60, 100, 5_000), (3, 3, 2_000), (2, 500, 5_000)]


@pytest.mark.parametrize(("users", "items", "ratings"), SMALL_SHAPES)
@pytest.mark.parametrize("values", ["stars", "equal", "amounts", "percent"])
def test_sgd_converges_on_few_users_and_on_any_scale(users, items, ratings, values):
    random = np.random.default_rng(1)
    drawn = {
        "stars": random.integers(1, 6, ratings),
        "equal": np.full(ratings, 5.0),
        "amounts": random.lognormal(5, 2, ratings),
        "percent": 100 * random.random(ratings),
    }[values].astype(np.float32)
    who, what = random.integers(0, users, ratings), random.integers(0, items, ratings)
    log = Log(who.astype(np.int32), what.astype(np.int32), drawn, drawn, np.arange(ratings) * 1.0)
    fitted = fit_sgd_ratings(log, (users, items), SGDConfig(rounds=5), 0)
    assert fitted.rmse(log) <= 1.05 * log.values.std() + 0.05


def test_sgd_that_diverges_is_refused_with_what_to_change():
    random = np.random.default_rng(1)
    who, what = random.integers(0, 9, 500, np.int32), random.integers(0, 9, 500, np.int32)
    stars = random.integers(1, 6, 500).astype(np.float32)
    log = Log(who, what, stars, stars, np.arange(500.0))
    with pytest.raises(FloatingPointError, match=r"lower recall.sgd.rate \(1\)"):
        fit_sgd_ratings(log, (9, 9), SGDConfig(rate=1.0), 0)
