"""The funnel under other circumstances: other policies, moments, histories and candidates."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from app.artifacts import HALF_LIVES
from app.build import FunnelConfig
from app.contracts import Proposal
from app.deadline import NO_CHECKPOINTS
from app.recall.registry import CHANNELS
from app.rerank.policies import SceneSettings
from offline.data.dataset import Log
from offline.data.split import split_by_time
from offline.evaluate import attribution, calibration, new_user_curve, time_regimes, visit_moments
from offline.evaluate.calibration import calibration_error, calibration_points
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
from offline.training.past_requests import ActiveUser, build_offline_funnel, find_active_users
from tests.fakes import SMALL, KeepOrder, RecordingFunnel, rows, small_dataset

DATASET = small_dataset()
SPLIT = split_by_time(DATASET.log)
CUT = SPLIT.test_start
STRANGERS = 25  # the first users: the models know nothing of them


@pytest.fixture(scope="module")
def models():
    log = DATASET.log.before(CUT)
    return fit_models(DATASET, log.take(np.flatnonzero(log.users >= STRANGERS)), SMALL, CUT)


def new_to_all(log: Log) -> list[ActiveUser]:
    """The users of the test window, and what they took in it, seen before or not."""
    window = log.between(CUT, SPLIT.test_end)
    window = window.take(np.flatnonzero(window.users < STRANGERS))
    log = find_active_users(log, CUT, SPLIT.test_end)
    return [
        *find_active_users(window, CUT, SPLIT.test_end),
        *(a for a in log if a.user >= STRANGERS),
    ]


@pytest.fixture(scope="module")
def answers(models, cpu) -> FunnelAnswers:
    """Everybody's answers as of the cut. Shared: what moves the funnel on must put it back."""
    funnel = build_offline_funnel(models, FunnelConfig(cpu, NO_CHECKPOINTS))
    return asyncio.run(collect_answers(funnel, DATASET, new_to_all(DATASET.log), 7))


def background(models, *, content=True) -> ItemBackground:
    return ItemBackground(models.popularity.counts[-1], models.content.items if content else None)


def test_some_users_are_cold_and_some_are_warm(answers):
    assert 10 < (answers.events == 0).sum() < len(answers)
    assert (answers.seen.sizes[answers.events == 0] == 0).all()
    few = answers.sample(5)
    assert len(few) == len(few.runs) == 5
    assert [user.user for user in few.users] == sorted(user.user for user in few.users)
    assert [user.user for user in few.users] == [u.user for u in answers.sample(5).users]
    assert answers.sample(1_000) is answers


# policies


def test_each_policy_has_a_price_against_the_list_as_served(answers, models):
    prices = {one["name"]: one for one in policy_prices(answers, background(models))}
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


def test_the_list_as_served_is_the_one_that_is_shown(answers, models):
    served = policy_prices(answers, background(models))[0]
    ten = pad_lists([rows[:10] for rows in evaluated_lists(answers.funnel, answers.runs)], 10)
    assert served["ndcg"]["mean"] == pytest.approx(user_ndcg(ten, answers.relevant).mean())
    first = pad_lists([run.slate.pool.rows for run in answers.runs], 10)
    assert served["ndcg"]["mean"] != pytest.approx(
        user_ndcg(first, answers.relevant).mean(), abs=1e-9
    )


def test_with_all_policies_off_the_list_is_that_of_the_fine_scores(answers, models):
    alone = policy_prices(answers, background(models))[-1]
    by_score = pad_lists([run.fine.top(10).rows for run in answers.runs], 10)
    assert alone["ndcg"]["mean"] == pytest.approx(user_ndcg(by_score, answers.relevant).mean())


def test_more_weight_of_diversity_makes_lists_more_diverse(answers, models):
    points = diversity_trade_off(answers, background(models))
    assert [point["weight"] for point in points] == [0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5]
    assert [point["weight"] for point in points if point["default"]] == [SceneSettings().diversity]
    assert points[-1]["diversity"] > points[0]["diversity"] + 0.02


def test_a_weight_of_ones_own_is_shown_among_the_others(answers, models):
    maker = replace(answers.funnel.reranker, default_scene=SceneSettings(diversity=0.07))
    other = replace(answers, funnel=replace(answers.funnel, reranker=maker))
    points = diversity_trade_off(other, background(models))
    assert [point["weight"] for point in points if point["default"]] == [0.07]
    assert len(points) == 8


def test_without_content_nobody_knows_what_is_diverse(answers, models):
    unknown = background(models, content=False)
    assert diversity_trade_off(answers, unknown) == []
    assert {one["diversity"] for one in policy_prices(answers, unknown)} == {None}
    blank = ItemBackground(unknown.counts, np.zeros((len(unknown.counts), 3), np.float32))
    assert {one["diversity"] for one in policy_prices(answers, blank)} == {None}


def test_a_reranker_without_policies_has_no_prices(answers, models):
    plain = replace(answers, funnel=replace(answers.funnel, reranker=KeepOrder()))
    assert policy_prices(plain, background(models)) == []
    assert diversity_trade_off(plain, background(models)) == []


# candidates


async def test_more_candidates_reach_more_of_what_is_relevant(answers):
    figures = await attribution.recall_ceiling(answers)
    assert [point["candidates"] for point in figures] == list(attribution.CANDIDATE_COUNTS)
    recall = [point["recall"] for point in figures]
    assert recall == sorted(recall)
    sizes = answers.relevant.sizes
    inside = [
        np.isin(user.relevant, run.merged.rows).sum()
        for user, run in zip(answers.users, answers.runs, strict=True)
    ]
    assert recall[0] == pytest.approx((np.array(inside) / sizes).mean())  # all 80 items fit in
    assert recall[0] > 0.5


async def test_channels_are_widened_for_more_candidates(answers):
    narrow = replace(answers, funnel=replace(answers.funnel, recall_limit=2))
    assert await attribution.recall_ceiling(narrow) == await attribution.recall_ceiling(answers)


async def test_the_best_candidates_are_those_that_many_channels_place_high(answers):
    few = answers.sample(12)
    hits = [
        np.isin(user.relevant, run.merged.top(5).rows).mean()
        for user, run in zip(few.users, few.runs, strict=True)
    ]
    points = await attribution.recall_ceiling(answers, (5, 80), max_users=12)
    assert points[0]["recall"] == pytest.approx(np.mean(hits))


# new users


@pytest.fixture
def recorded(answers):
    """The answers; their funnel keeps its runs."""
    return replace(answers, funnel=RecordingFunnel(answers.funnel))


async def test_the_curve_is_of_the_same_new_users_throughout(answers, models):
    points = await new_user_curve.new_user_curve(answers, models, (0, 1, 3), 5)
    assert [point["events"] for point in points] == [0, 1, 3]
    assert len({point["users"] for point in points}) == 1
    assert 5 <= points[0]["users"] < (answers.events == 0).sum()
    assert points[0]["methods"].keys() == {
        *("funnel", "popularity", "recency_popularity"), *CHANNELS
    }  # fmt: skip
    for point in points:
        best = max(CHANNELS, key=lambda name: point["methods"][name]["mean"])
        assert point["best_channel"] == best
        gap = point["methods"]["funnel"]["mean"] - point["methods"][best]["mean"]
        assert point["differences"][best]["mean"] == pytest.approx(gap)


async def test_a_request_knows_the_events_revealed_and_no_later_moment(recorded, models):
    points = await new_user_curve.new_user_curve(recorded, models, (0, 1, 3), 5)
    assert len(recorded.funnel.runs) == 3 * points[0]["users"]
    window = DATASET.log.between(CUT, np.inf)
    for at, run in enumerate(recorded.funnel.runs):
        revealed = points[at // points[0]["users"]]["events"]
        user = DATASET.users.row(run.query.user)
        own = window.take(np.flatnonzero(window.users == user)[:revealed])
        assert run.query.history.rows.tolist() == own.items[::-1].tolist()
        assert run.query.now == (own.times[-1] if revealed else CUT)
        assert len(run.query.excluded) == len(set(own.items.tolist()))


async def test_what_comes_after_the_events_revealed_changes_no_answer(recorded, models):
    await new_user_curve.new_user_curve(recorded, models, (0, 1, 3), 5)
    before = [run.slate.pool.rows.tolist() for run in recorded.funnel.runs]
    recorded.funnel.runs.clear()
    log = DATASET.log
    nth = np.array([(log.users[:at] == u).sum() for at, u in enumerate(log.users)])
    first = np.array([int((log.before(CUT).users == u).sum()) for u in range(len(DATASET.users))])
    later = (log.times >= CUT) & (nth - first[log.users] >= 3)
    items = np.where(later, (log.items + 31) % len(DATASET.catalogue), log.items)
    shuffled = replace(DATASET, log=replace(log, items=items.astype(np.int32)))
    users = [replace(user, relevant=np.arange(len(DATASET.catalogue))) for user in recorded.users]
    other = replace(recorded, dataset=shuffled, users=users)
    await new_user_curve.new_user_curve(other, models, (0, 1, 3), 5)
    after = [run.slate.pool.rows.tolist() for run in recorded.funnel.runs]
    assert len(set(map(str, before))) > 3
    assert set(map(str, before)) <= set(map(str, after))


async def test_where_few_have_a_whole_curve_each_point_has_its_own_users(answers, models):
    points = await new_user_curve.new_user_curve(answers, models, (0, 1, 3), 1_000)
    users = [point["users"] for point in points]
    assert users == sorted(users, reverse=True)
    assert users[0] == (answers.events == 0).sum() > users[-1]


async def test_without_new_users_there_is_no_curve(answers, models):
    warm = answers.take(np.flatnonzero(answers.events > 0))
    assert await new_user_curve.new_user_curve(warm, models) == []


# moments


async def test_users_come_at_a_moment_of_their_own_and_so_do_the_counters(recorded):
    answers, moments = recorded, recorded.funnel.moments
    at_cut, own = await time_regimes.compare_time_regimes(answers)
    assert (at_cut["name"], own["name"]) == ("as of the cut", "at their own moment")
    assert at_cut["users"] == own["users"] == len(moments) == len(answers)
    assert (
        at_cut["methods"].keys()
        == own["methods"].keys()
        == {"funnel", *time_regimes.POPULARITY_HALF_LIVES}
    )
    assert [now for _, _, now in moments] == sorted(now for _, _, now in moments)
    assert len({now for _, _, now in moments}) > 10
    names = DATASET.users.names(np.arange(len(DATASET.users)))
    by_user = dict(zip(names, range(len(names)), strict=True))
    assert {by_user[query.user] for query, _, _ in moments} == {user.user for user in answers.users}
    for query, _, now in moments:
        assert query.now == max(now, CUT)
        assert (query.history.times <= now).all()


async def test_popularity_lists_hold_the_most_liked_of_what_users_have_not_seen(answers):
    at_cut, _ = await time_regimes.compare_time_regimes(answers)
    popularity = answers.funnel.query_builder.models.popularity
    for name, half_life in time_regimes.POPULARITY_HALF_LIVES.items():
        liked = popularity.liked[HALF_LIVES.index(half_life)].astype(np.float32)
        best = []
        for run in answers.runs:
            allowed = np.setdiff1d(np.flatnonzero(liked > 0), run.query.excluded)
            best.append(Proposal.best(allowed, liked[allowed], 10).rows)
        expected = user_ndcg(pad_lists(best, 10), answers.relevant).mean()
        assert at_cut["methods"][name]["mean"] == pytest.approx(expected)


async def test_the_counters_are_restored(answers):
    live = answers.funnel.query_builder.counters
    before = live.now, live.liked.copy(), live.trending()
    await time_regimes.compare_time_regimes(answers)
    assert live.now == before[0] == CUT
    assert np.array_equal(live.liked, before[1])
    assert live.trending().rows.tolist() == before[2].rows.tolist()
    again = await collect_answers(answers.funnel, DATASET, answers.users[:5], 7)
    for then, now in zip(answers.runs[:5], again.runs, strict=True):
        assert then.slate.pool.rows.tolist() == now.slate.pool.rows.tolist()


async def test_as_of_the_cut_the_funnel_has_its_headline(answers):
    at_cut, _ = await time_regimes.compare_time_regimes(answers)
    ten = pad_lists([rows[:10] for rows in evaluated_lists(answers.funnel, answers.runs)], 10)
    headline = user_ndcg(ten, answers.relevant).mean()
    assert at_cut["methods"]["funnel"]["mean"] == pytest.approx(headline)
    gap = at_cut["methods"]["funnel"]["mean"] - at_cut["methods"]["popularity"]["mean"]
    assert at_cut["differences"]["popularity"]["mean"] == pytest.approx(gap)


async def test_a_user_with_nothing_left_to_choose_comes_at_the_cut(recorded):
    nothing = replace(recorded.users[0], relevant=rows(len(DATASET.catalogue) + 5))
    one = recorded.take(np.array([0]))
    await time_regimes.compare_time_regimes(one)
    await time_regimes.compare_time_regimes(replace(one, users=[nothing]))
    (moved, _, _), (stayed, _, _) = recorded.funnel.moments
    assert moved.now > CUT
    assert stayed.now == CUT


# visits

ONE_VISIT = 1e9  # seconds without an event: longer than the data


async def test_requests_of_a_visit_know_the_events_before_and_no_later_ones(recorded):
    moments = recorded.funnel.moments
    await visit_moments.evaluate_visits(recorded, ONE_VISIT)
    assert len(moments) > 50
    assert [now for _, _, now in moments] == sorted(now for _, _, now in moments)
    window = DATASET.log.between(CUT, np.inf)
    names = DATASET.users.names(np.arange(len(DATASET.users)))
    by_user = dict(zip(names, range(len(names)), strict=True))
    events_by_user: dict[int, set[int]] = {}
    for query, _, now in moments:
        user = by_user[query.user]
        own = window.take(np.flatnonzero(window.users == user))
        since = int((query.history.times >= CUT).sum())
        assert query.history.rows[:since].tolist() == own.items[:since][::-1].tolist()
        assert now <= own.times[since]
        events_by_user.setdefault(user, set()).add(since)
    assert set.union(*events_by_user.values()) >= {0, 1, 2, 5}
    assert all(min(events) == 0 for events in events_by_user.values())


async def test_each_line_of_visits_has_its_own_users_and_both_groups(answers):
    lines = await visit_moments.evaluate_visits(answers, ONE_VISIT)
    assert {line["group"] for line in lines} == {"warm", "cold"}
    for group in ("warm", "cold"):
        own = [line for line in lines if line["group"] == group]
        *by_events, later = own
        assert [line["events"] for line in by_events][:3] == [0, 1, 2]
        assert later["events"] is None
        assert later["lists"] == sum(line["lists"] for line in by_events[1:])
        for name in ("funnel", "ranking", "recency_popularity", *CHANNELS):
            parts = [line["methods"][name]["mean"] * line["lists"] for line in by_events[1:]]
            mean = sum(parts) / later["lists"]
            assert later["methods"][name]["mean"] == pytest.approx(mean)
        for line in own:
            best = line["methods"][line["best_channel"]]["mean"]
            assert best == max(line["methods"][name]["mean"] for name in CHANNELS)
            recall, coarse, fine = (stage["oracle_ndcg"] for stage in line["stages"])
            assert recall >= coarse >= fine >= line["stages"][2]["ndcg"]


async def test_visits_leave_the_counters_as_they_were_and_need_a_pause(answers):
    live = answers.funnel.query_builder.counters
    before = live.now, live.liked.copy()
    assert await visit_moments.evaluate_visits(answers, ONE_VISIT)
    assert live.now == before[0]
    assert np.array_equal(live.liked, before[1])
    assert await visit_moments.evaluate_visits(answers, 0.0) == []


# calibration


def test_scores_that_order_well_become_probabilities(answers):
    figures = {one["stage"]: one for one in calibration.compute_calibrations(answers)}
    assert figures.keys() == {"coarse", "fine"}
    assert figures["fine"]["raw_error"] is None
    assert figures["coarse"]["raw_error"] > figures["coarse"]["error"]
    for one in figures.values():
        predicted = [point["predicted"] for point in one["points"]]
        assert predicted == sorted(predicted)
        assert all(0 <= p <= 1 for p in predicted)
        count = sum(point["count"] for point in one["points"])
        positive = sum(point["observed"] * point["count"] for point in one["points"]) / count
        assert one["positive_share"] == pytest.approx(positive)


def test_no_user_is_evaluated_with_a_map_of_their_own_outcomes(answers):
    half = np.random.default_rng(answers.seed).permutation(len(answers)) % 2
    nothing = np.empty(0, np.int64)
    users = [
        replace(user, relevant=np.sort(run.fine.rows) if half[at] else nothing)
        for at, (user, run) in enumerate(zip(answers.users, answers.runs, strict=True))
    ]
    figures = calibration.compute_calibrations(replace(answers, users=users))
    (fine,) = [figure for figure in figures if figure["stage"] == "fine"]
    assert fine["error"] == pytest.approx(1.0, abs=0.1)  # each half has the other's outcomes


def test_a_perfect_prediction_has_no_error_and_a_wrong_one_has_its_distance():
    positive = np.repeat([0.0, 1.0], 50)
    assert calibration_error(calibration_points(positive, positive)) == 0.0
    assert calibration_error(calibration_points(np.full(100, 0.75), positive)) == pytest.approx(0.5)
    assert sum(point["count"] for point in calibration_points(positive[:3], positive[:3])) == 3


def test_one_user_alone_cannot_be_calibrated(answers):
    assert calibration.compute_calibrations(answers.take(np.array([0]))) == []
