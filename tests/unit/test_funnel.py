from dataclasses import replace

import numpy as np
import pytest

from app.contracts import NO_HISTORY, Blocked, StageError, UserRecord
from app.deadline import NO_CHECKPOINTS, Checkpoints, StageRunner
from app.funnel import Funnel, RankStage
from app.query_builder import QueryBuilder
from app.recall.popularity import PopularityChannel
from app.rerank.filters import PolicyFilters
from app.state.counters import PopularityCounters
from tests.fakes import (
    ITEMS,
    Broken,
    Down,
    FakeChannel,
    FakeHistories,
    FakeLocalChannel,
    HighestRowFirst,
    KeepOrder,
    LowestRowFirst,
    MustNotBeAsked,
    Reverse,
    RowFeatures,
    TooFewScores,
    history,
    proposal,
    request,
    rows,
    small_models,
)

POPULAR = proposal(1, 2, 3, 4, 5, 6)
ROOMY = Checkpoints(*[5.0] * 5)  # seconds; a stage is late only where a test makes it late
MODELS = small_models()


@pytest.fixture
def funnel():
    coarse = RankStage("coarse", RowFeatures(), HighestRowFirst(), keep=5, by=ROOMY.coarse)
    return Funnel(
        query_builder=QueryBuilder(MODELS, PopularityCounters(MODELS.popularity)),
        histories=FakeHistories({"new": history((11, 5, 1, 2e9))}),
        awaited_channels=[FakeChannel("table", proposal(11, 8, 9))],
        local_channels=[FakeLocalChannel("popular", proposal(9, 10))],
        fallback=PopularityChannel("fallback", lambda: POPULAR, MODELS.catalogue.available),
        coarse=coarse,
        fine=replace(coarse, name="fine", keep=4, by=ROOMY.fine),
        reranker=KeepOrder(),
        by=ROOMY,
        recall_limit=6,
    )


def with_channel(funnel, **fields):
    return replace(
        funnel,
        awaited_channels=[FakeChannel("slow", proposal(70), **fields), *funnel.awaited_channels],
    )


def with_late_stage(funnel, stage):
    """Return a funnel of which this stage is past its checkpoint."""
    by = replace(ROOMY, **{stage: 0.0})
    parts = {s: replace(getattr(funnel, s), by=getattr(by, s)) for s in ("coarse", "fine")}
    return replace(funnel, by=by, **parts)


def shown(run):
    return run.slate.pool.rows.tolist()


def outcomes(run):
    return {step.stage: step.outcome for step in run.results if step.outcome != "ok"}


async def test_best_items_come_back_best_first(funnel):
    run = await funnel.recommend(request("stranger", 3))
    assert shown(run) == [11, 10, 9]
    assert outcomes(run) == {}


async def test_every_stage_reports_how_many_candidates_came_in_and_went_out(funnel):
    run = await funnel.recommend(request("new", 3))
    counts = {s.stage: (s.n_in, s.n_out) for s in run.results}
    assert list(counts)[:2] == ["history", "profile"]
    assert list(counts)[-3:] == ["coarse", "fine", "rerank"]
    assert counts["recall.table"] == (0, 2)
    assert counts["recall.popular"] == (0, 2)
    assert counts["coarse"] == (9, 5)  # 8, 9, 10 and the six popular items; 11 is seen
    assert counts["fine"] == (5, 4)
    assert counts["rerank"] == (4, 3)


async def test_what_the_user_has_seen_is_not_shown(funnel):
    assert shown(await funnel.recommend(request("new", 3))) == [10, 9, 8]


async def test_what_the_caller_excludes_is_not_shown(funnel):
    assert shown(await funnel.recommend(request("", 3, exclude=rows(10, 8)))) == [11, 9, 6]


async def test_an_inline_history_counts_without_a_user(funnel):
    run = await funnel.recommend(request("", 3, inline=history((9, 5, 1, 2e9))))
    assert shown(run) == [11, 10, 8]
    assert run.query.vectors.factors.any()
    assert "history" not in [s.stage for s in run.results]


async def test_the_fine_ranker_reorders_only_what_the_coarse_one_kept(funnel):
    run = await funnel.recommend(request("", 3))
    other = replace(funnel, fine=replace(funnel.fine, scorer=LowestRowFirst()))
    assert shown(await other.recommend(request("", 3))) == [6, 8, 9]
    assert set(run.fine.rows) <= set(run.coarse.rows) <= set(run.merged.rows)


async def test_the_reranker_decides_the_final_order(funnel):
    assert shown(await replace(funnel, reranker=Reverse()).recommend(request("", 3))) == [8, 9, 10]


async def test_the_callers_candidates_are_ranked_and_nothing_else(funnel):
    build = replace(funnel.query_builder, filters=PolicyFilters(MODELS.catalogue))
    funnel = replace(funnel, query_builder=build)
    run = await funnel.recommend(request("stranger", 4, candidates=rows(8, 70, 9, 71)))
    assert sorted(run.merged.rows.tolist()) == [8, 9, 70, 71]  # no channel proposes 70 and 71
    assert shown(run) == [71, 70, 9, 8]
    assert run.proposals[0].rows.tolist() == [11, 8, 9]  # recall is that of any request
    place = run.merged.rows.tolist().index(8)
    assert run.merged.ranks[place, 0] == 1  # among all that the channel proposes


async def test_candidates_stay_the_only_ones_when_the_funnel_fails(funnel):
    build = replace(funnel.query_builder, filters=PolicyFilters(MODELS.catalogue))
    funnel = replace(funnel, query_builder=build)
    wanted = request("stranger", 4, candidates=rows(70, 9))
    run = funnel.recommend_fallback(wanted, StageRunner(wanted.arrived))
    assert sorted(shown(run)) == [9, 70]
    none = await funnel.recommend(request("stranger", 4, candidates=rows()))
    assert shown(none) == []


async def test_a_late_channel_is_left_out_and_named(funnel):
    late = replace(with_channel(funnel, delay=1.0), by=replace(ROOMY, recall=0.1))
    run = await late.recommend(request("", 3))
    assert 70 not in run.merged.rows
    assert shown(run) == [11, 10, 9]
    assert outcomes(run) == {"recall.slow": "late"}


async def test_a_channel_in_time_contributes(funnel):
    run = await with_channel(funnel).recommend(request("", 3))
    assert shown(run) == [70, 11, 10]


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [(StageError("down"), "down"), (KeyError("rows"), "bug"), (TimeoutError(), "late")],
)
async def test_a_channel_that_fails_does_not_affect_the_others(funnel, fault, outcome):
    run = await with_channel(funnel, fault=fault).recommend(request("", 3))
    assert shown(run) == [11, 10, 9]
    assert outcomes(run) == {"recall.slow": outcome}


@pytest.mark.parametrize(
    ("fault", "outcome"), [(StageError("down"), "down"), (KeyError("rows"), "bug")]
)
async def test_a_local_channel_that_fails_does_not_affect_the_others(funnel, fault, outcome):
    broken = FakeLocalChannel("broken", proposal(70), fault=fault)
    run = await replace(funnel, local_channels=[broken, *funnel.local_channels]).recommend(
        request("", 3)
    )
    assert shown(run) == [11, 10, 9]
    assert outcomes(run) == {"recall.broken": outcome}


async def test_channels_wait_concurrently(funnel):
    slow = [FakeChannel(f"c{c}", proposal(c), delay=0.2) for c in range(40)]
    run = await replace(funnel, awaited_channels=slow).recommend(request("", 3))
    assert outcomes(run) == {}  # one after the other they would take 8 of the 5 seconds


async def test_when_all_channels_are_down_popular_items_are_served(funnel):
    down = [FakeChannel("a", proposal(9), fault=StageError("down"))]
    buggy = [FakeLocalChannel("b", proposal(9), fault=ZeroDivisionError())]
    run = await replace(funnel, awaited_channels=down, local_channels=buggy).recommend(
        request("", 3)
    )
    assert shown(run) == [6, 5, 4]
    assert outcomes(run) == {"recall.a": "down", "recall.b": "bug"}


async def test_popular_items_fill_up_only_where_channels_propose_too_little(funnel):
    full = [FakeChannel("full", proposal(*range(20, 40)))]
    run = await replace(funnel, awaited_channels=full).recommend(request("", 3))
    assert not set(POPULAR.rows) & set(run.merged.rows)
    assert [len(p) for p in run.proposals] == [6, 2, 0]


async def test_the_merged_pool_has_a_column_for_each_channel_and_one_for_the_fallback(funnel):
    run = await funnel.recommend(request("", 3))
    assert run.merged.ranks.shape[1] == 3  # channels, local channels, fallback
    result = np.flatnonzero(run.merged.rows == 9)
    assert run.merged.ranks[result].tolist() == [[2, 0, -1]]


@pytest.mark.parametrize(
    ("scorer", "outcome"), [(Broken(), "bug"), (Down(), "down"), (TooFewScores(), "bug")]
)
async def test_when_the_fine_ranker_fails_the_coarse_order_is_kept(funnel, scorer, outcome):
    broken = replace(funnel, fine=replace(funnel.fine, scorer=scorer))
    run = await broken.recommend(request("", 3))
    assert shown(run) == [11, 10, 9]
    assert outcomes(run) == {"fine": outcome}
    assert len(run.fine) == 4


@pytest.mark.parametrize(("scorer", "outcome"), [(Broken(), "bug"), (Down(), "down")])
async def test_when_the_coarse_ranker_fails_the_merged_order_is_kept(funnel, scorer, outcome):
    broken = replace(
        funnel,
        coarse=replace(funnel.coarse, scorer=scorer, keep=3),
        fine=replace(funnel.fine, keep=3),
    )
    run = await broken.recommend(request("", 2))
    assert run.coarse.rows.tolist() == run.merged.top(3).rows.tolist()
    assert run.coarse.rows[0] == 9  # two channels agree on it
    assert outcomes(run) == {"coarse": outcome}


async def test_when_the_reranker_fails_the_fine_order_is_kept(funnel):
    run = await replace(funnel, reranker=Broken()).recommend(request("", 3))
    assert shown(run) == [11, 10, 9]
    assert outcomes(run) == {"rerank": "bug"}
    assert not run.slate.explored.any()


@pytest.mark.parametrize("stage", ["coarse", "fine", "rerank"])
async def test_any_ranking_stage_may_be_late_and_the_list_is_still_full(funnel, stage):
    run = await with_late_stage(funnel, stage).recommend(request("new", 3))
    assert len(set(shown(run))) == 3
    assert outcomes(run) == {stage: "late"}


async def test_a_late_history_is_named_and_the_list_is_still_full(funnel):
    hung = replace(funnel.histories, delay=60.0)
    late = replace(funnel, histories=hung, by=replace(ROOMY, history=0.02))
    run = await late.recommend(request("new", 3))
    assert len(set(shown(run))) == 3
    assert outcomes(run) == {"history": "late"}


async def test_a_history_may_come_as_late_as_the_turn_of_the_request(funnel):
    slow = replace(funnel.histories, delay=0.1)
    brief = replace(funnel, histories=slow, by=replace(ROOMY, history=0.005))
    queued = request("new", 3)
    run = await brief.recommend(queued, StageRunner(queued.arrived, turn_in=60.0))
    assert outcomes(run) == {}
    assert run.query.history.rows.tolist() == [11]


async def test_a_request_that_queued_too_long_starts_no_ranking_stage_and_keeps_its_history(funnel):
    untouched = replace(
        funnel,
        coarse=replace(funnel.coarse, features=MustNotBeAsked()),
        fine=replace(funnel.fine, features=MustNotBeAsked()),
        reranker=MustNotBeAsked(),
    )
    run = await untouched.recommend(request("new", 3, age=60))
    assert len(set(shown(run))) == 3
    assert 11 not in shown(run)  # seen
    assert outcomes(run) == dict.fromkeys(("coarse", "fine", "rerank"), "late")
    assert [channel.n_calls for channel in [*funnel.awaited_channels, *funnel.local_channels]] == [
        1,
        1,
    ]


async def test_a_request_that_waited_for_its_turn_is_answered_by_all_stages(funnel):
    async def turn(_arrived):
        pass

    waited = request("new", 3, age=60)
    run = await funnel.recommend(waited, StageRunner(waited.arrived, turn=turn))
    assert outcomes(run) == {}
    assert shown(run) == [10, 9, 8]


async def test_a_request_past_its_budget_falls_back_to_popular_items_without_what_is_seen(funnel):
    async def turn(_arrived):
        raise TimeoutError

    late = request("new", 3)
    runner = StageRunner(late.arrived, turn=turn)
    with pytest.raises(TimeoutError):
        await funnel.recommend(late, runner)
    seen = replace(
        funnel, fallback=replace(funnel.fallback, read_list=lambda: proposal(11, 2, 3, 4))
    )
    assert shown(seen.recommend_fallback(late, runner)) == [2, 3, 4]


async def test_when_histories_are_down_the_history_of_the_bundle_is_used(funnel):
    down = replace(funnel, histories=FakeHistories(None))
    run = await down.recommend(request("u03", 3))
    assert outcomes(run) == {"history": "down"}
    fields = MODELS.users.history(3)
    assert run.query.history.rows.tolist() == fields.rows.tolist()
    assert not set(fields.rows) & set(run.merged.rows)
    assert run.query.vectors.factors.any()


async def test_what_was_last_known_of_the_user_holds_while_histories_are_down(funnel):
    remembered = {"new": history((11, 5, 1, 2e9))}
    run = await replace(funnel, histories=FakeHistories(None, remembered=remembered)).recommend(
        request("new", 3)
    )
    assert outcomes(run) == {"history": "down"}
    assert run.query.history.rows.tolist() == [11]


@pytest.mark.parametrize("is_in_time", [True, False])
async def test_unknown_filters_withhold_what_others_hide_and_are_named(funnel, is_in_time):
    names = MODELS.catalogue.ids.names(rows(9, 10))
    record = UserRecord(withheld=Blocked(tuple(names)))
    remembered = {"u03": replace(NO_HISTORY, record=record, filters="down")}
    filters = PolicyFilters(MODELS.catalogue)
    down = replace(
        funnel,
        histories=FakeHistories(None, remembered=remembered),
        query_builder=replace(funnel.query_builder, filters=filters),
    )
    asked = request("u03", 20)
    late = StageRunner(0.0)
    run = await down.recommend(asked) if is_in_time else down.recommend_fallback(asked, late)
    assert outcomes(run)["filters"] == "down"
    assert shown(run)
    assert not {9, 10} & set(shown(run))


async def test_an_unknown_user_gets_popular_items(funnel):
    run = await funnel.recommend(request("nobody", 3))
    assert run.query.user_row == -1
    assert len(run.query.history) == 0
    assert not run.query.vectors.factors.any()
    assert len(shown(run)) == 3
    assert "profile" not in [s.stage for s in run.results]


async def test_a_k_beyond_the_catalogue_returns_the_whole_catalogue(funnel):
    run = await funnel.recommend(request("", 100_000))
    assert sorted(shown(run)) == list(range(ITEMS))
    assert outcomes(run) == {}


async def test_a_k_of_zero_returns_no_items(funnel):
    run = await funnel.recommend(request("", 0))
    assert shown(run) == []
    assert outcomes(run) == {}


async def test_when_everything_is_excluded_the_list_is_empty_and_no_stage_fails(funnel):
    run = await funnel.recommend(request("", 3, exclude=np.arange(ITEMS)))
    assert shown(run) == []
    assert outcomes(run) == {}


async def test_the_same_request_twice_gives_the_same_slate(funnel):
    one, two = [await funnel.recommend(request("new", 3)) for _ in range(2)]
    for part in ("merged", "coarse", "fine"):
        a, b = getattr(one, part), getattr(two, part)
        assert a.rows.tobytes() == b.rows.tobytes()
        assert a.scores.tobytes() == b.scores.tobytes()
    assert shown(one) == shown(two)


async def test_under_load_fewer_candidates_are_recalled_and_kept_but_never_fewer_than_k(funnel):
    calm = await funnel.recommend(request("", 2))
    busy = await funnel.recommend(request("", 2, candidate_share=0.5))
    assert (len(calm.coarse), len(calm.fine)) == (5, 4)
    assert (len(busy.coarse), len(busy.fine)) == (2, 2)
    assert funnel.awaited_channels[0].limit == 3
    assert len((await funnel.recommend(request("", 4, candidate_share=0.1))).slate) == 4


async def test_unavailable_items_are_not_shown_even_when_the_reranker_fails(funnel):
    available = np.ones(ITEMS, np.bool_)
    available[[1, 10]] = False
    models = replace(MODELS, catalogue=replace(MODELS.catalogue, available=available))
    sold_out = replace(
        funnel, query_builder=replace(funnel.query_builder, models=models), reranker=Broken()
    )
    assert shown(await sold_out.recommend(request("", 3))) == [11, 9, 8]
    assert shown(sold_out.recommend_fallback(request("", 3), StageRunner(0.0))) == [2, 3, 4]


def test_the_fallback_slate_has_the_popular_items_that_the_user_has_not_seen(funnel):
    seen = history((2, 5, 1, 2e9))
    run = funnel.recommend_fallback(request("nobody", 3, inline=seen), StageRunner(0.0))
    assert shown(run) == [1, 3, 4]
    assert run.merged.ranks.shape[1] == 3  # channels, local channels, fallback
    assert not any(map(len, run.proposals[:-1]))
    assert set(shown(run)) <= set(run.fine.rows) & set(run.coarse.rows)
    assert len(run.query.history) == 1


def test_the_fallback_slate_keeps_the_results_of_the_stages(funnel):
    run = funnel.recommend_fallback(request("u03", 50), StageRunner(0.0, ["steps"]))
    assert run.results == ("steps",)
    assert not set(shown(run)) & set(MODELS.users.history(3).rows)


async def test_the_job_runs_the_same_funnel_without_a_clock(funnel):
    parts = {s: replace(getattr(funnel, s), by=np.inf) for s in ("coarse", "fine")}
    unhurried = replace(funnel, by=NO_CHECKPOINTS, **parts)
    run = await unhurried.recommend(replace(request("new", 3), arrived=0.0))
    assert outcomes(run) == {}
    assert NO_HISTORY is not run.query.history
