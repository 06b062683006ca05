import numpy as np
import pytest

from offline.data.dataset import Log
from offline.models.transitions import TransitionsConfig, fit_transitions
from tests.unit.models.logs import DAY, SHAPE, log_of, random_log, to_dense


def pair_by_pair(log, config):
    """The same, from each user's history as a list."""
    weigh = log.weights[log.weights > 0].mean()
    counts, before = np.zeros((SHAPE[1], SHAPE[1])), np.zeros(SHAPE[1])
    for user in range(SHAPE[0]):
        own = [
            (t, i, w / weigh * 0.5 ** ((log.times[-1] - t) / config.half_life))
            for u, i, w, t in zip(log.users, log.items, log.weights, log.times, strict=True)
            if u == user and w > 0
        ]
        times = [t for t, _, _ in own]
        for t, i, worth in own:
            before[i] += worth
            for s, j, other in own:
                places = [np.mean([p for p, x in enumerate(times) if x == y]) for y in (t, s)]
                far = places[1] - places[0]
                if i != j and t < s and far <= config.span:
                    counts[i, j] += config.fade ** max(far - 1, 0) * np.sqrt(worth * other)
                crowd = times.count(t)
                if i != j and t == s and crowd <= 2 * config.span:
                    counts[i, j] += np.sqrt(worth * other)
    after = np.where(counts.any(axis=0), counts.sum(axis=0), 1.0) ** config.damping
    return counts / (before[:, None] + config.shrink) / after if counts.any() else counts


SETTINGS = [
    {},
    {"span": 2, "fade": 0.5, "shrink": 0.5},
    {"span": 1, "damping": 0.0, "half_life": 10 * DAY},
    {"span": 4, "damping": 0.8, "shrink": 1.0},
]


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("settings", SETTINGS)
def test_weights_are_those_of_the_obvious_loop(settings, seed):
    config = TransitionsConfig(**settings)
    log = random_log(seed, m=90, repeats=True)
    moments = np.floor(log.times / (5 * DAY)) * 5 * DAY
    stronger = np.where(log.values == 5, 2.0, log.weights).astype(np.float32)
    log = Log(log.users, log.items, log.values, stronger, moments)
    expected = pair_by_pair(log, config)
    assert np.allclose(to_dense(fit_transitions(log, SHAPE, config)), expected, atol=1e-6)
    assert expected.any()


def test_what_comes_after_follows_and_not_the_other_way_round():
    log = log_of((0, 3, 5, 1, 0), (0, 5, 5, 1, 10))
    found = to_dense(fit_transitions(log, SHAPE, TransitionsConfig()))
    assert found[3, 5] > 0
    assert found[5, 3] == 0


def test_likes_of_one_moment_follow_one_another_both_ways():
    log = log_of((0, 3, 5, 1, 0), (0, 5, 5, 1, 0))
    found = to_dense(fit_transitions(log, SHAPE, TransitionsConfig()))
    assert found[3, 5] == found[5, 3] > 0


def test_the_order_of_rows_within_a_moment_changes_nothing():
    events = [(0, i, 5, 1, t) for i, t in ((1, 0), (2, 0), (3, 0), (4, 9), (5, 9))]
    swapped = [events[i] for i in (2, 0, 1, 4, 3)]
    one, two = (
        fit_transitions(log_of(*e), SHAPE, TransitionsConfig(span=2)) for e in (events, swapped)
    )
    assert np.allclose(to_dense(one), to_dense(two))


def test_a_history_written_in_one_moment_says_nothing():
    log = log_of(*((0, i, 5, 1, 0) for i in range(7)))
    assert len(fit_transitions(log, SHAPE, TransitionsConfig(span=3)).rows) == 0
    assert len(fit_transitions(log, SHAPE, TransitionsConfig(span=4)).rows) > 0


def test_histories_of_different_users_do_not_meet():
    log = log_of((0, 1, 5, 1, 0), (1, 2, 5, 1, 1))
    assert len(fit_transitions(log, SHAPE, TransitionsConfig()).rows) == 0
