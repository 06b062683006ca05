from dataclasses import replace

import numpy as np
import pytest

from offline.data.dataset import Log
from offline.training.past_requests import add_later_moments, find_active_users
from offline.training.visits import (
    VisitConfig,
    add_visit_moments,
    choose_pause,
    describe_visits,
    find_moments,
    is_session_data,
    keep_next,
    training_moments,
)
from tests.fakes import small_dataset

MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0


def log_at(times, users=None, items=None):
    """Likes at these times, in order of time."""
    order = np.argsort(times, kind="stable")
    n = len(order)
    users = np.zeros(n, np.int32) if users is None else np.asarray(users, np.int32)
    items = np.arange(n) if items is None else np.asarray(items)
    ones = np.ones(n, np.float32)
    times = np.asarray(times, np.float64)
    return Log(users[order], items[order].astype(np.int32), ones, ones, times[order])


def visiting(within, between, users=20, visits=5, events=8):
    """Users who come several times; ``within`` and ``between`` are the lengths of the gaps."""
    random = np.random.default_rng(1)
    gaps = np.full((users, visits, events), within) * random.uniform(0.5, 1.5, (users, visits, 1))
    gaps[:, :, 0] = between
    times = np.cumsum(gaps.reshape(users, -1), axis=1)
    return log_at(times.ravel(), np.repeat(np.arange(users), visits * events))


@pytest.mark.parametrize(
    ("within", "between"), [(20.0, DAY), (5 * MINUTE, 7 * DAY), (2 * HOUR, 60 * DAY)]
)
def test_the_pause_lies_between_the_gaps_within_and_between_visits(within, between):
    assert 1.5 * within < choose_pause(visiting(within, between)) < between


def test_short_gaps_alone_end_no_visit_before_the_default():
    assert choose_pause(visiting(20.0, 20.0)) == 30 * MINUTE


@pytest.mark.parametrize(
    "log",
    [
        visiting(3 * DAY, 9 * DAY),
        visiting(0.0, DAY),  # only the days are known
        visiting(20.0, DAY, events=1),
        log_at([]),
    ],
)
def test_data_without_visits_have_no_pause(log):
    assert choose_pause(log) == 0


def test_moments_are_at_the_start_of_each_visit_and_within_it():
    first, second = np.arange(7) * MINUTE, DAY + np.arange(3) * MINUTE
    own = log_at([*first, *second])
    assert find_moments(own, HOUR) == [0, 1, 2, 5, 7, 8, 9]
    assert find_moments(own, HOUR, reached=(0,)) == [0, 7]
    assert find_moments(own, 2 * DAY) == [0, 1, 2, 5]
    assert find_moments(log_at([]), HOUR) == []


def test_events_of_one_time_are_all_later_than_their_moment():
    own = log_at([0, 10, 10, 10, 20, 30])
    assert find_moments(own, HOUR) == [0, 1, 5]


DATASET = small_dataset()
LOG = DATASET.log
WINDOW = float(LOG.times[500]), float(LOG.times[-1]) + 1
USERS = find_active_users(LOG, *WINDOW)
CONFIG = VisitConfig(pause=1e9)


def test_a_user_within_a_visit_has_the_events_before_and_likes_what_comes_after():
    moments = add_visit_moments(LOG, USERS, WINDOW, CONFIG, 3)
    assert moments[: len(USERS)] == USERS  # all of them at the window's start
    within = moments[len(USERS) :]
    assert [one.at for one in within] == sorted(one.at for one in within)
    assert {len(one.since) for one in within} >= {0, 1, 2, 5}
    window = LOG.between(*WINDOW)
    for one in within:
        own = window.take(np.flatnonzero(window.users == one.user))
        before, after = own.before(one.at), own.between(one.at, np.inf)
        assert one.at in own.times
        assert one.since.rows.tolist() == before.items[::-1].tolist()
        assert len(one.relevant)
        assert set(one.relevant) <= set(after.items[after.weights > 0]) - set(before.items)


def test_no_user_has_more_moments_than_are_configured():
    for limit in (1, 2, 5):
        moments = add_visit_moments(LOG, USERS, WINDOW, replace(CONFIG, moments=limit), 3)
        counts = np.bincount([one.user for one in moments[len(USERS) :]])
        assert counts.max() == limit


def test_the_seed_draws_the_moments():
    one, same, other = (
        [(user.user, user.at) for user in add_visit_moments(LOG, USERS, WINDOW, CONFIG, seed)]
        for seed in (3, 3, 4)
    )
    assert one == same != other


@pytest.mark.parametrize(
    ("dataset", "config"),
    [
        (DATASET, VisitConfig(pause=0)),
        (DATASET, VisitConfig(moments=0)),
        (replace(DATASET, traits=replace(DATASET.traits, has_times=False)), VisitConfig()),
    ],
)
def test_without_visits_each_user_has_one_later_moment(dataset, config):
    moments = training_moments(dataset, USERS, WINDOW, config, 3)
    expected = add_later_moments(LOG, USERS, *WINDOW, 3)
    assert [(one.user, one.at) for one in moments] == [(one.user, one.at) for one in expected]
    assert "one later moment" in describe_visits(config, dataset.traits)


def test_the_report_says_what_a_visit_is():
    text = describe_visits(VisitConfig(pause=4 * HOUR, moments=3), DATASET.traits)
    assert "240 minutes" in text
    assert "3 moments" in text


@pytest.mark.parametrize(
    ("log", "pause", "expected"),
    [
        (visiting(20.0, DAY, users=40, visits=1), HOUR, True),
        (visiting(20.0, DAY, users=40, visits=2), HOUR, False),  # all users return
        (visiting(20.0, DAY, users=40, visits=1, events=1), HOUR, False),
        (visiting(20.0, DAY, users=40, visits=1), 0.0, False),  # no visits
        (log_at([]), HOUR, False),
    ],
)
def test_data_are_of_sessions_where_hardly_any_user_returns(log, pause, expected):
    assert is_session_data(log, pause) is expected


def test_only_the_next_new_item_is_relevant_in_data_of_sessions():
    log = DATASET.log
    window = float(log.times[len(log) // 2]), float(log.times[-1])
    users = find_active_users(log, *window)
    later, following = (
        add_visit_moments(log, users, window, replace(CONFIG, relevant=relevant), seed=3)
        for relevant in ("later", "next")
    )
    within = [pair for pair in zip(later, following, strict=True) if len(pair[0].since)]
    assert len(within) > 10
    assert any(len(one.relevant) > 1 for one, _ in within)
    for one, other in within:
        own = log.take(np.flatnonzero((log.users == one.user) & (log.weights > 0)))
        own = own.between(one.at, window[1])
        new = own.items[np.isin(own.items, one.relevant)]
        assert other.relevant.tolist() == new[:1].tolist()
    starts = [pair for pair in zip(later, following, strict=True) if not len(pair[0].since)]
    assert all(one.relevant.tolist() == other.relevant.tolist() for one, other in starts)


def test_items_that_are_liked_next_at_one_time_are_all_relevant():
    own = log_at([1.0, 2.0, 2.0, 3.0], items=[4, 5, 6, 7])
    (user,) = find_active_users(own, 0.0, 9.0)
    moment = keep_next(own, replace(user, at=2.0))
    assert moment.relevant.tolist() == [5, 6]
