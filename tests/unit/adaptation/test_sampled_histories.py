"""A long log is reduced to whole histories before constants are chosen."""

import numpy as np

from offline.adaptation.recall_constants import sample_histories
from offline.data.dataset import Log

USERS, EVENTS = 400, 8_000


def long_log():
    random = np.random.default_rng(3)
    users = random.integers(0, USERS, EVENTS).astype(np.int32)
    ones = np.ones(EVENTS, np.float32)
    return Log(users, np.arange(EVENTS, dtype=np.int32), ones, ones, np.arange(EVENTS, dtype=float))


def test_whole_histories_of_about_as_many_events_as_wanted_remain():
    log = long_log()
    sampled = sample_histories(log, 2_000, seed=7)
    assert 1_500 < len(sampled) < 2_500
    kept = np.unique(sampled.users)
    np.testing.assert_array_equal(sampled.items, log.items[np.isin(log.users, kept)])


def test_another_seed_draws_other_users_and_the_same_seed_the_same():
    first, again, other = (sample_histories(long_log(), 2_000, seed) for seed in (7, 7, 8))
    np.testing.assert_array_equal(first.items, again.items)
    assert set(first.users.tolist()) != set(other.users.tolist())


def test_a_log_that_is_short_enough_is_not_changed():
    log = long_log()
    assert sample_histories(log, EVENTS, seed=7) is log
