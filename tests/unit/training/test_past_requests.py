import numpy as np
import pytest

from app.artifacts import Rankers
from app.build import FunnelConfig, untrained_rankers
from app.deadline import NO_CHECKPOINTS, Checkpoints
from app.query_builder import QueryBuilder
from app.state.counters import PopularityCounters
from offline.data.dataset import Log
from offline.models import popularity
from offline.models.popularity import PopularityConfig
from offline.models.registry import fit_models
from offline.training.past_requests import (
    ActiveUser,
    add_later_moments,
    advance_counters,
    build_offline_funnel,
    find_active_users,
    label_rows,
    recommend_each,
    sample_users,
    without_ranking,
)
from tests.fakes import SMALL, Broken, rows, small_dataset, small_models

DATASET = small_dataset()
LOG = DATASET.log
UNSOUND = Rankers(untrained_rankers().coarse, Broken())


def log_of(*events):
    """Events as (user, item, weight, time)."""
    users, items, weights, times = np.array(events, np.float64).reshape(-1, 4).T
    values = np.ones(len(events), np.float32)
    return Log(
        users.astype(np.int32), items.astype(np.int32), values, weights.astype(np.float32), times
    )


def told(found):
    return [(asker.user, asker.relevant.tolist()) for asker in found]


def test_active_users_are_those_who_liked_something_new_to_them():
    log = log_of(
        *[(2, 5, 1, 0), (1, 7, -1, 1), (0, 1, 1, 2)],
        *[(2, 5, 1, 10), (2, 9, 1, 11), (2, 3, 1, 12), (2, 3, 1, 13), (1, 7, 1, 14)],
        *[(0, 4, 0, 15), (3, 8, 1, 16), (3, 6, -1, 17)],
        *[(0, 2, 1, 20)],
    )
    assert told(find_active_users(log, 10, 20)) == [(2, [3, 9]), (3, [8])]


def test_a_window_begins_with_its_start_and_ends_before_its_end():
    log = log_of((0, 1, 1, 10), (1, 1, 1, 20))
    assert told(find_active_users(log, 10, 20)) == [(0, [1])]
    assert told(find_active_users(log, 20, 21)) == [(1, [1])]


@pytest.mark.parametrize("window", [(0, 5), (50, 60), (10, 20)])
def test_a_window_in_which_nobody_took_anything_new_has_no_active_users(window):
    log = log_of((0, 1, 1, 6), (0, 1, 1, 10), (1, 2, -1, 12))
    assert find_active_users(log, *window) == []
    assert find_active_users(log_of(), *window) == []


def test_active_users_of_a_real_log_are_those_of_a_slow_count():
    start, end = np.quantile(LOG.times, [0.5, 0.8])
    expected = {}
    for user in range(60):
        mine = [
            (int(i), float(w), float(t))
            for u, i, w, t in zip(LOG.users, LOG.items, LOG.weights, LOG.times, strict=True)
            if u == user
        ]
        seen = {item for item, _, time in mine if time < start}
        new = {item for item, weight, time in mine if start <= time < end and weight > 0} - seen
        if new:
            expected[user] = sorted(new)
    assert told(find_active_users(LOG, start, end)) == list(expected.items())


def test_a_sample_is_drawn_by_its_seed_and_keeps_the_order():
    everyone = [ActiveUser(user, rows(user)) for user in range(50)]
    chosen = [asker.user for asker in sample_users(everyone, 10, seed=1)]
    assert len(set(chosen)) == 10
    assert chosen == sorted(chosen)
    assert chosen == [asker.user for asker in sample_users(everyone, 10, seed=1)]
    assert chosen != [asker.user for asker in sample_users(everyone, 10, seed=2)]
    assert sample_users(everyone, 50, seed=1) is everyone


def test_labels_say_what_was_relevant():
    assert label_rows(rows(5, 1, 3), rows(1, 2, 5)).tolist() == [True, True, False]
    assert label_rows(rows(5), rows()).tolist() == [False]


async def test_every_user_is_answered_in_turn_as_of_the_moment_of_the_models(cpu):
    at = float(np.quantile(LOG.times, 0.6))
    models = fit_models(DATASET, LOG.before(at), SMALL, at)
    funnel = build_offline_funnel(models, FunnelConfig(cpu, NO_CHECKPOINTS))
    names = ["u03", "u17", "u42"]
    runs = [run async for run in recommend_each(funnel, names, 7, 0, explore=False)]
    assert [run.query.user for run in runs] == names
    for run in runs:
        assert run.query.now == at
        assert len(run.slate) == 7
        assert run.query.candidate_share == 1.0
        assert (run.query.history.times < at).all()
        assert not run.slate.explored.any()


async def test_a_stage_that_fails_ends_the_job_with_its_name(cpu):
    funnel = build_offline_funnel(small_models(), FunnelConfig(cpu, NO_CHECKPOINTS), UNSOUND)
    with pytest.raises(RuntimeError, match="stage fine is bug for user u03"):
        _ = [run async for run in recommend_each(funnel, ["u03"], 7, 0, explore=False)]


async def test_without_ranking_the_slate_is_the_head_of_the_same_merge(cpu):
    funnel = build_offline_funnel(small_models(), FunnelConfig(cpu, NO_CHECKPOINTS))
    ranked, plain = [
        [run async for run in recommend_each(one, ["u03", "u17"], 7, 0, explore=False)]
        for one in (funnel, without_ranking(funnel))
    ]
    for run, other in zip(ranked, plain, strict=True):
        np.testing.assert_array_equal(run.merged.rows, other.merged.rows)
        np.testing.assert_array_equal(other.slate.pool.rows, other.merged.top(7).rows)


async def test_a_job_in_a_hurry_is_told_so(cpu):
    funnel = build_offline_funnel(small_models(), FunnelConfig(cpu, Checkpoints()))
    with pytest.raises(RuntimeError, match="is late for user u03"):
        _ = [run async for run in recommend_each(funnel, ["u03"], 7, 0, explore=True)]


def test_an_asker_within_a_window_knows_what_came_before_and_is_judged_by_what_came_after():
    dataset = small_dataset()
    log = dataset.log
    start, end = float(log.times[500]), float(log.times[-1]) + 1
    found = find_active_users(log, start, end)
    spread = add_later_moments(log, found, start, end, 3)
    assert spread[: len(found)] == found  # all come at the window's start
    within = spread[len(found) :]
    assert [a.at for a in within] == sorted(a.at for a in within)
    assert {a.user for a in within} < {a.user for a in found}
    assert len({a.user for a in within}) == len(within) > 0.5 * len(found)
    for asker in within:
        own = log.between(start, end).take(
            np.flatnonzero(log.between(start, end).users == asker.user)
        )
        done = own.before(asker.at)
        assert len(done) > 0
        assert asker.since.rows.tolist() == done.items[::-1].tolist()
        after = own.take(np.flatnonzero((own.times >= asker.at) & (own.weights > 0)))
        assert len(asker.relevant)
        assert set(asker.relevant) <= set(after.items) - set(done.items)


def test_first_visits_are_many():
    """The number of events done is even on a logarithmic scale: half are below the root."""
    dataset = small_dataset()
    log = dataset.log
    start, end = float(log.times[300]), float(log.times[-1]) + 1
    found = find_active_users(log, start, end)
    sizes = np.bincount(log.between(start, end).users)
    early = [
        len(asker.since) <= np.sqrt(sizes[asker.user])
        for seed in range(5)
        for asker in add_later_moments(log, found, start, end, seed)[len(found) :]
    ]
    assert 0.35 < np.mean(early) < 0.65


def test_the_same_seed_gives_the_same_moments_and_another_others():
    log = small_dataset().log
    start, end = float(log.times[500]), float(log.times[-1]) + 1
    one, same, other = (
        [a.at for a in add_later_moments(log, find_active_users(log, start, end), start, end, s)]
        for s in (3, 3, 4)
    )
    assert one == same != other


def test_the_crowd_that_moved_on_is_the_crowd_of_a_later_moment():
    dataset = small_dataset()
    log = dataset.log
    start, later = float(log.times[500]), float(log.times[900])
    n = len(dataset.catalogue)
    models = fit_models(dataset, log.before(start), SMALL, start)
    live = PopularityCounters.of(models)
    advance_counters(QueryBuilder(models, live), log, start, later)
    fresh = PopularityCounters(
        popularity.fit_popularity(log.before(later), n, later, PopularityConfig())
    )
    every = np.arange(n)
    assert np.allclose(live.liked_at(later, every), fresh.liked_at(later, every))
    assert np.array_equal(live.first_seen, fresh.first_seen)
    assert live.popular().rows.tolist() == fresh.popular().rows.tolist()
