"""The funnel is judged as it is, on the users of the test window."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from app.build import FunnelConfig
from app.deadline import NO_CHECKPOINTS
from app.recall.registry import CHANNELS
from offline.data.split import split_by_time
from offline.evaluate.evaluation import evaluate_funnel
from offline.evaluate.funnel_answers import (
    collect_answers,
    evaluated_lists,
    method_lists,
    pad_lists,
)
from offline.evaluate.metrics import MAX_K
from offline.models.registry import RecallConfig, fit_models
from offline.report.report_figures import manifest_metrics
from offline.training.past_requests import (
    ActiveUser,
    build_offline_funnel,
    find_active_users,
    recommend_each,
)
from tests.fakes import small_dataset

PAUSE = 1e9  # seconds: the whole test window of a user is one visit
METHODS = {"funnel", "ranking", "popularity", "recency_popularity", *CHANNELS}


@pytest.fixture(scope="module")
def as_of_the_cut(cpu):
    """Data set, models as of the cut, the funnel over them, and the users of the test window."""
    dataset = small_dataset()
    split = split_by_time(dataset.log)
    cut = split.test_start
    models = fit_models(dataset, dataset.log.before(cut), RecallConfig(), cut)
    users = find_active_users(dataset.log, cut, split.test_end)
    return dataset, models, build_offline_funnel(models, FunnelConfig(cpu, NO_CHECKPOINTS)), users


async def evaluate_users(as_of_the_cut, users=None, models=None):
    dataset, cut_models, funnel, everyone = as_of_the_cut
    return await evaluate_funnel(
        funnel, models or cut_models, dataset, everyone if users is None else users, 7, PAUSE
    )


@pytest.fixture(scope="module")
def evaluation(as_of_the_cut):
    return asyncio.run(evaluate_users(as_of_the_cut))


async def test_every_method_is_evaluated_on_the_same_users(as_of_the_cut, evaluation):
    assert set(evaluation.warm["methods"]) == METHODS
    assert set(evaluation.warm["differences"]) == METHODS - {"funnel"}
    assert evaluation.users == len(as_of_the_cut[3]) == evaluation.warm["evaluated_users"]
    assert evaluation.cold is None
    assert evaluation.warm["methods"]["funnel"]["ndcg@10"]["mean"] > 0
    assert evaluation.warm["methods"]["funnel"]["diversity@10"]["mean"] > 0


async def test_no_list_has_an_item_that_the_funnel_may_not_show(as_of_the_cut):
    dataset, models, funnel, users = as_of_the_cut
    available = np.arange(len(dataset.catalogue)) % 2 == 0
    hidden = replace(models, catalogue=replace(models.catalogue, available=available))
    answers = await collect_answers(funnel, dataset, users[:20], 7)
    everything = method_lists(answers.runs, [], models, MAX_K)
    lists = method_lists(answers.runs, [], hidden, MAX_K)
    assert all(available[rows[rows >= 0]].all() for rows in lists.values())
    assert lists["popular"].any()
    assert not available[everything["popular"]].all()
    assert not available[everything["popularity"]].all()


async def test_the_same_seed_gives_the_same_figures_and_leaves_the_funnel_unchanged(
    as_of_the_cut, evaluation
):
    again = await evaluate_users(as_of_the_cut)
    assert again.warm == evaluation.warm
    assert again.segments == evaluation.segments
    assert again.sweeps == evaluation.sweeps
    assert again.attribution == evaluation.attribution


def test_every_sweep_that_the_data_allows_has_figures(evaluation):
    assert evaluation.sweeps["cold_curve"] == []  # all users of the small data have a history
    assert all(value for name, value in evaluation.sweeps.items() if name != "cold_curve")
    assert {one["name"] for one in evaluation.segments["attributes"]} == {"sex", "group"}


async def test_the_evaluated_list_of_ten_is_the_one_that_a_caller_gets(as_of_the_cut):
    dataset, _, funnel, users = as_of_the_cut
    names = dataset.users.names(np.array([user.user for user in users[:10]], np.int64))
    runs = [
        [run async for run in recommend_each(funnel, names, k, 7, explore=True)]
        for k in (10, MAX_K)
    ]
    for ten, twenty in zip(*runs, strict=True):
        (rows,) = evaluated_lists(funnel, [twenty])  # nothing was shown to anybody before
        assert rows[:10].tolist() == ten.slate.pool.rows.tolist()
        assert len(set(rows.tolist())) == len(rows)
        assert set(twenty.slate.pool.rows.tolist()) <= set(rows.tolist())


async def test_an_item_shown_to_one_user_counts_for_the_next(as_of_the_cut):
    dataset, _, funnel, users = as_of_the_cut
    names = dataset.users.names(np.array([users[0].user], np.int64))
    (run,) = [run async for run in recommend_each(funnel, names, MAX_K, 7, explore=True)]
    before = funnel.reranker.counters.exposures.copy()
    one, two = evaluated_lists(funnel, [run, run])
    ranked = 10 - 10 // funnel.reranker.default_scene.explore_from
    assert one[:ranked].tolist() == two[:ranked].tolist()
    assert not set(one[ranked:10]) & set(two[ranked:10])
    assert np.array_equal(funnel.reranker.counters.exposures, before)


async def test_cold_users_are_evaluated_separately(as_of_the_cut, cpu):
    dataset, models, _, users = as_of_the_cut
    stranger = users[0].user
    forgotten = replace(models, users=without_history(models.users, stranger))
    funnel = build_offline_funnel(forgotten, FunnelConfig(cpu, NO_CHECKPOINTS))
    evaluation = await evaluate_funnel(funnel, forgotten, dataset, users, 7)
    assert evaluation.cold is not None
    assert evaluation.cold["evaluated_users"] == 1
    assert evaluation.warm["evaluated_users"] == len(users) - 1
    only = await evaluate_funnel(funnel, forgotten, dataset, users[:1], 7)
    assert only.cold is None
    assert only.warm["evaluated_users"] == only.users == 1


def without_history(users, user):
    """Users, of whom one did nothing."""
    start, end = int(users.indptr[user]), int(users.indptr[user + 1])
    kept = np.r_[0:start, end : len(users.rows)]
    indptr = users.indptr.copy()
    indptr[user + 1 :] -= end - start
    columns = {name: getattr(users, name)[kept] for name in ("rows", "values", "weights", "times")}
    return replace(users, indptr=indptr, **columns)


async def test_without_content_there_is_no_diversity_to_measure(cpu):
    dataset = small_dataset(known=False)
    split = split_by_time(dataset.log)
    models = fit_models(
        dataset, dataset.log.before(split.test_start), RecallConfig(), split.test_start
    )
    users = find_active_users(dataset.log, split.test_start, split.test_end)
    funnel = build_offline_funnel(models, FunnelConfig(cpu, NO_CHECKPOINTS))
    evaluation = await evaluate_funnel(funnel, models, dataset, users, 7)
    assert set(evaluation.warm["methods"]) == METHODS
    diversity = [
        v for name, v in evaluation.warm["methods"]["funnel"].items() if "diversity" in name
    ]
    assert all(value["mean"] is None for value in diversity)


def test_the_funnels_losses_are_listed_cut_by_cut(evaluation):
    figures = evaluation.attribution
    assert [cut["stage"] for cut in figures["cuts"]] == ["recall", "coarse", "fine", "final"]
    alive = [cut["alive"] for cut in figures["cuts"]]
    assert alive == sorted(alive, reverse=True)
    assert figures["cuts"][-1]["size"] <= 10


async def test_an_item_that_was_taken_is_a_hit_where_it_was_shown(as_of_the_cut):
    dataset, models, funnel, users = as_of_the_cut
    name = dataset.users.names(np.array([users[0].user], np.int64))
    (run,) = [run async for run in recommend_each(funnel, name, 10, 7, explore=True)]
    right = ActiveUser(users[0].user, np.sort(run.slate.pool.rows[:1]))
    evaluation = await evaluate_funnel(funnel, models, dataset, [right], 7)
    assert evaluation.warm["methods"]["funnel"]["ndcg@10"]["mean"] == pytest.approx(1.0)


def test_the_manifest_has_the_headline_of_every_method_but_silent_channels(evaluation):
    metrics = manifest_metrics(evaluation)
    assert metrics["users"] == evaluation.warm["evaluated_users"]
    shares = evaluation.attribution["channels"]
    silent = {name for name in shares if not shares[name]["size"]}  # proposed nothing to anybody
    assert "social" in silent
    assert set(metrics["ndcg@10"]) == METHODS - silent
    assert set(metrics["against"]) == METHODS - silent - {"funnel"}


def test_lists_are_cut_and_filled_to_one_length():
    lists = pad_lists([np.arange(30), np.arange(3), np.empty(0, np.int64)])
    assert lists.shape == (3, MAX_K)
    assert lists[0].tolist() == list(range(MAX_K))
    assert lists[1].tolist() == [0, 1, 2, *[-1] * 17]
    assert lists[2].tolist() == [-1] * MAX_K
