"""The funnel under other circumstances: other policies, moments, histories and candidates."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from app.artifacts import HALF_LIVES
from app.build import FunnelConfig
from app.contracts import NO_HISTORY
from app.cpu import Cpu
from app.deadline import NO_CHECKPOINTS
from app.recall.registry import CHANNELS
from app.rerank.policies import Policy
from app.state.counters import PopularityCounters
from offline.data.dataset import Log
from offline.data.split import split_by_time
from offline.evaluate import calibration, new_user_curve, recall_ceiling, time_regimes
from offline.evaluate.comparison import ItemBackground
from offline.evaluate.funnel_answers import (
    FunnelAnswers,
    collect_answers,
    evaluated_lists,
    pad_lists,
)
from offline.evaluate.metrics import user_ndcg
from offline.evaluate.policy_prices import diversity_trade_off, policy_prices
from offline.models.registry import fit_models
from offline.training.replay import ReplayUser, build_offline_funnel, find_active_users
from tests.fakes import SMALL, KeepOrder, rows, small_dataset

DATASET = small_dataset()
SPLIT = split_by_time(DATASET.log)
CUT = SPLIT.test_start
STRANGERS = 25  # the first users: the models know nothing of them


@pytest.fixture(scope="module")
def cpu():
    one = Cpu(threads=1)
    yield one
    one.close()


@pytest.fixture(scope="module")
def models():
    known = DATASET.log.before(CUT)
    return fit_models(DATASET, known.take(np.flatnonzero(known.users >= STRANGERS)), SMALL, CUT)


def new_to_all(log: Log) -> list[ReplayUser]:
    """The users of the test window, and what they took in it, seen before or not."""
    window = log.between(CUT, SPLIT.test_end)
    window = window.take(np.flatnonzero(window.users < STRANGERS))
    known = find_active_users(log, CUT, SPLIT.test_end)
    return [
        *find_active_users(window, CUT, SPLIT.test_end),
        *(a for a in known if a.user >= STRANGERS),
    ]


@pytest.fixture(scope="module")
def asked(models, cpu) -> FunnelAnswers:
    """Everybody's answers as of the cut. Shared: what moves the funnel on must put it back."""
    funnel = build_offline_funnel(models, FunnelConfig(cpu, NO_CHECKPOINTS))
    return asyncio.run(collect_answers(funnel, DATASET, new_to_all(DATASET.log), 7))


def background(models, *, content=True) -> ItemBackground:
    return ItemBackground(models.popularity.counts[-1], models.content.items if content else None)


def test_some_users_are_new_and_some_are_known(asked):
    assert 10 < (asked.events == 0).sum() < len(asked)
    assert (asked.seen.sizes[asked.events == 0] == 0).all()
    few = asked.sample(5)
    assert len(few) == len(few.slates) == 5
    assert [user.user for user in few.users] == sorted(user.user for user in few.users)
    assert [user.user for user in few.users] == [u.user for u in asked.sample(5).users]
    assert asked.sample(1_000) is asked


# policies


def test_each_policy_has_a_price_against_the_list_as_served(asked, models):
    prices = {one["name"]: one for one in policy_prices(asked, background(models))}
    assert list(prices) == [
        *("as served", "without diversity", "without freshness", "without exploration"),
        *("with twice the exploration", "the ranking alone"),
    ]
    served = prices.pop("as served")
    assert served["price"] == {"mean": 0.0, "low": 0.0, "high": 0.0}
    for one in prices.values():
        gap = one["ndcg"]["mean"] - served["ndcg"]["mean"]
        assert one["price"]["mean"] == pytest.approx(gap)
        assert one["share"]["mean"] == pytest.approx(gap / one["ndcg"]["mean"])
        assert one["share"]["low"] <= one["share"]["mean"] <= one["share"]["high"]
        assert 0 < one["coverage"] <= 1


def test_the_list_as_served_is_the_one_that_is_shown(asked, models):
    served = policy_prices(asked, background(models))[0]
    ten = pad_lists([rows[:10] for rows in evaluated_lists(asked.funnel, asked.slates)], 10)
    assert served["ndcg"]["mean"] == pytest.approx(user_ndcg(ten, asked.relevant).mean())
    first = pad_lists([slate.selection.pool.rows for slate in asked.slates], 10)
    assert served["ndcg"]["mean"] != pytest.approx(
        user_ndcg(first, asked.relevant).mean(), abs=1e-9
    )


def test_with_all_policies_off_the_list_is_that_of_the_fine_scores(asked, models):
    alone = policy_prices(asked, background(models))[-1]
    by_score = pad_lists([slate.fine.top(10).rows for slate in asked.slates], 10)
    assert alone["ndcg"]["mean"] == pytest.approx(user_ndcg(by_score, asked.relevant).mean())


def test_more_weight_of_diversity_makes_lists_more_diverse(asked, models):
    points = diversity_trade_off(asked, background(models))
    assert [point["weight"] for point in points] == [0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5]
    assert [point["weight"] for point in points if point["default"]] == [Policy().diversity]
    assert points[-1]["diversity"] > points[0]["diversity"] + 0.02


def test_a_weight_of_ones_own_is_shown_among_the_others(asked, models):
    maker = replace(asked.funnel.reranker, policy=Policy(diversity=0.07))
    other = replace(asked, funnel=replace(asked.funnel, reranker=maker))
    points = diversity_trade_off(other, background(models))
    assert [point["weight"] for point in points if point["default"]] == [0.07]
    assert len(points) == 8


def test_without_content_nobody_knows_what_is_diverse(asked, models):
    unknown = background(models, content=False)
    assert diversity_trade_off(asked, unknown) == []
    assert {one["diversity"] for one in policy_prices(asked, unknown)} == {None}
    blank = ItemBackground(unknown.counts, np.zeros((len(unknown.counts), 3), np.float32))
    assert {one["diversity"] for one in policy_prices(asked, blank)} == {None}


def test_a_reranker_without_policies_has_no_prices(asked, models):
    plain = replace(asked, funnel=replace(asked.funnel, reranker=KeepOrder()))
    assert policy_prices(plain, background(models)) == []
    assert diversity_trade_off(plain, background(models)) == []


# candidates


async def test_more_candidates_reach_more_of_what_is_relevant(asked):
    found = await recall_ceiling.recall_ceiling(asked)
    assert [point["candidates"] for point in found] == list(recall_ceiling.SIZES)
    recall = [point["recall"] for point in found]
    assert recall == sorted(recall)
    sizes = asked.relevant.sizes
    inside = [
        np.isin(user.relevant, slate.merged.rows).sum()
        for user, slate in zip(asked.users, asked.slates, strict=True)
    ]
    assert recall[0] == pytest.approx((np.array(inside) / sizes).mean())  # all 80 items fit in
    assert recall[0] > 0.5


async def test_channels_are_widened_for_more_candidates(asked):
    narrow = replace(asked, funnel=replace(asked.funnel, recall_limit=2))
    assert await recall_ceiling.recall_ceiling(narrow) == await recall_ceiling.recall_ceiling(asked)


async def test_the_best_candidates_are_those_that_many_channels_place_high(asked, monkeypatch):
    monkeypatch.setattr(recall_ceiling, "SIZES", (5, 80))
    monkeypatch.setattr(recall_ceiling, "MAX_USERS", 12)
    few = asked.sample(12)
    hits = [
        np.isin(user.relevant, slate.merged.top(5).rows).mean()
        for user, slate in zip(few.users, few.slates, strict=True)
    ]
    assert (await recall_ceiling.recall_ceiling(asked))[0]["recall"] == pytest.approx(np.mean(hits))


# new users


@pytest.fixture
def asked_with(monkeypatch):
    """Keeps every answer to the cold curve's requests, and makes the curve short."""
    slates = []
    ask_once = new_user_curve.recommend_once

    async def spied(funnel, request):
        slates.append(await ask_once(funnel, request))
        return slates[-1]

    monkeypatch.setattr(new_user_curve, "recommend_once", spied)
    monkeypatch.setattr(new_user_curve, "REVEALED", (0, 1, 3))
    monkeypatch.setattr(new_user_curve, "MIN_WHOLE_CURVES", 5)
    return slates


async def test_the_curve_is_of_the_same_new_users_throughout(asked, models, asked_with):
    points = await new_user_curve.new_user_curve(asked, models.popularity)
    assert [point["events"] for point in points] == [0, 1, 3]
    assert len({point["users"] for point in points}) == 1
    assert 5 <= points[0]["users"] < (asked.events == 0).sum()
    assert points[0]["methods"].keys() == {
        *("funnel", "popularity", "recency_popularity"), *CHANNELS
    }  # fmt: skip
    for point in points:
        best = max(CHANNELS, key=lambda name: point["methods"][name]["mean"])
        assert point["best_channel"] == best
        gap = point["methods"]["funnel"]["mean"] - point["methods"][best]["mean"]
        assert point["differences"][best]["mean"] == pytest.approx(gap)


async def test_a_request_knows_the_events_revealed_and_no_later_moment(asked, models, asked_with):
    points = await new_user_curve.new_user_curve(asked, models.popularity)
    assert len(asked_with) == 3 * points[0]["users"]
    window = DATASET.log.between(CUT, np.inf)
    for at, slate in enumerate(asked_with):
        revealed = points[at // points[0]["users"]]["events"]
        user = DATASET.users.row(slate.query.user)
        own = window.take(np.flatnonzero(window.users == user)[:revealed])
        assert slate.query.history.rows.tolist() == own.items[::-1].tolist()
        assert slate.query.now == (own.times[-1] if revealed else CUT)
        assert slate.query.excluded.sum() == len(set(own.items.tolist()))


async def test_what_comes_after_the_events_revealed_changes_no_answer(asked, models, asked_with):
    await new_user_curve.new_user_curve(asked, models.popularity)
    before = [slate.selection.pool.rows.tolist() for slate in asked_with]
    asked_with.clear()
    log = DATASET.log
    nth = np.array([(log.users[:at] == u).sum() for at, u in enumerate(log.users)])
    first = np.array([int((log.before(CUT).users == u).sum()) for u in range(len(DATASET.users))])
    later = (log.times >= CUT) & (nth - first[log.users] >= 3)
    items = np.where(later, (log.items + 31) % len(DATASET.catalogue), log.items)
    shuffled = replace(DATASET, log=replace(log, items=items.astype(np.int32)))
    users = [replace(user, relevant=np.arange(len(DATASET.catalogue))) for user in asked.users]
    other = replace(asked, dataset=shuffled, users=users)
    await new_user_curve.new_user_curve(other, models.popularity)
    after = [slate.selection.pool.rows.tolist() for slate in asked_with]
    assert len(set(map(str, before))) > 3
    assert set(map(str, before)) <= set(map(str, after))


async def test_where_few_have_a_whole_curve_each_point_has_its_own_users(
    asked, models, asked_with, monkeypatch
):
    monkeypatch.setattr(new_user_curve, "MIN_WHOLE_CURVES", 1_000)
    points = await new_user_curve.new_user_curve(asked, models.popularity)
    users = [point["users"] for point in points]
    assert users == sorted(users, reverse=True)
    assert users[0] == (asked.events == 0).sum() > users[-1]


async def test_without_new_users_there_is_no_curve(asked, models):
    warm = asked.take(np.flatnonzero(asked.events > 0))
    assert await new_user_curve.new_user_curve(warm, models.popularity) == []


# moments


async def test_users_come_at_a_moment_of_their_own_and_so_does_the_crowd(asked, monkeypatch):
    seen = []
    ask_once = time_regimes.recommend_once

    async def spied(funnel, request):
        live = funnel.query_builder.counters
        slate = await ask_once(funnel, request)
        seen.append((slate.query, live.liked[-1].copy(), live.now))
        return slate

    monkeypatch.setattr(time_regimes, "recommend_once", spied)
    at_cut, own = await time_regimes.compare_time_regimes(asked)
    assert (at_cut["name"], own["name"]) == ("as of the cut", "at their own moment")
    assert at_cut["users"] == own["users"] == len(seen) == len(asked)
    assert (
        at_cut["methods"].keys()
        == own["methods"].keys()
        == {"funnel", *time_regimes.POPULARITY_HALF_LIVES}
    )
    assert [now for _, _, now in seen] == sorted(now for _, _, now in seen)
    assert len({now for _, _, now in seen}) > 10
    names = DATASET.users.names(np.arange(len(DATASET.users)))
    by_user = dict(zip(names, range(len(names)), strict=True))
    assert {by_user[query.user] for query, _, _ in seen} == {user.user for user in asked.users}
    for query, _, now in seen:
        assert query.now == max(now, CUT)
        assert (query.history.times <= now).all()


async def test_the_crowds_lists_are_of_what_users_have_not_seen(asked):
    live = PopularityCounters(asked.funnel.query_builder.models.popularity)
    slate = next(slate for slate in asked.slates if slate.query.excluded.any())
    found = time_regimes._crowd(live, slate)
    for name, half_life in time_regimes.POPULARITY_HALF_LIVES.items():
        liked = live.liked[HALF_LIVES.index(half_life)].astype(np.float32)
        free = np.flatnonzero(~slate.query.excluded & (liked > 0))
        assert set(found[name].tolist()) <= set(free.tolist())
        assert liked[found[name]].tolist() == np.sort(liked[free])[::-1][:10].tolist()


async def test_the_crowd_is_put_back_as_it_was(asked):
    live = asked.funnel.query_builder.counters
    before = live.now, live.liked.copy(), live.trending()
    await time_regimes.compare_time_regimes(asked)
    assert live.now == before[0] == CUT
    assert np.array_equal(live.liked, before[1])
    assert live.trending().rows.tolist() == before[2].rows.tolist()
    again = await collect_answers(asked.funnel, DATASET, asked.users[:5], 7)
    for then, now in zip(asked.slates[:5], again.slates, strict=True):
        assert then.selection.pool.rows.tolist() == now.selection.pool.rows.tolist()


async def test_asked_at_the_cut_the_funnel_has_its_headline(asked):
    at_cut, _ = await time_regimes.compare_time_regimes(asked)
    ten = pad_lists([rows[:10] for rows in evaluated_lists(asked.funnel, asked.slates)], 10)
    headline = user_ndcg(ten, asked.relevant).mean()
    assert at_cut["methods"]["funnel"]["mean"] == pytest.approx(headline)
    gap = at_cut["methods"]["funnel"]["mean"] - at_cut["methods"]["popularity"]["mean"]
    assert at_cut["differences"]["popularity"]["mean"] == pytest.approx(gap)


def test_who_has_nothing_left_to_choose_comes_at_the_cut(asked):
    user = asked.users[0]
    nothing = replace(user, relevant=rows(len(DATASET.catalogue) + 5))
    moved = time_regimes._at_own_moment(asked.take(np.array([0])))
    stayed = time_regimes._at_own_moment(replace(asked.take(np.array([0])), users=[nothing]))
    assert moved[0].at >= CUT
    assert stayed == [nothing]
    assert stayed[0].since is NO_HISTORY


# calibration


def test_scores_that_order_well_become_probabilities(asked):
    found = {one["stage"]: one for one in calibration.compute_calibrations(asked)}
    assert found.keys() == {"coarse", "fine"}
    assert found["fine"]["raw_error"] is None
    assert found["coarse"]["raw_error"] > found["coarse"]["error"]
    for one in found.values():
        predicted = [point["predicted"] for point in one["points"]]
        assert predicted == sorted(predicted)
        assert all(0 <= p <= 1 for p in predicted)
        count = sum(point["count"] for point in one["points"])
        taken = sum(point["observed"] * point["count"] for point in one["points"]) / count
        assert one["taken"] == pytest.approx(taken)


def test_nobody_is_judged_by_a_map_of_their_own_outcomes(asked):
    half = np.arange(len(asked)) % 2
    everything = [
        replace(user, relevant=np.sort(slate.fine.rows)) if half[at] else
        replace(user, relevant=np.empty(0, np.int64))
        for at, (user, slate) in enumerate(zip(asked.users, asked.slates, strict=True))
    ]  # fmt: skip
    told = replace(asked, users=everything)
    one = calibration._judge("fine", [slate.fine for slate in told.slates], told, half)
    assert one["error"] == pytest.approx(1.0, abs=0.1)  # each is told what the other did


def test_a_perfect_prediction_has_no_error_and_a_wrong_one_has_its_distance():
    taken = np.repeat([0.0, 1.0], 50)
    assert calibration.calibration_error(calibration.calibration_points(taken, taken)) == 0.0
    assert calibration.calibration_error(
        calibration.calibration_points(np.full(100, 0.75), taken)
    ) == pytest.approx(0.5)
    assert (
        sum(point["count"] for point in calibration.calibration_points(taken[:3], taken[:3])) == 3
    )


def test_one_user_alone_cannot_be_calibrated(asked):
    assert calibration.compute_calibrations(asked.take(np.array([0]))) == []
