"""The stage, or the policy, that lost an item."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from app.artifacts import Sizes
from app.build import FunnelConfig
from app.contracts import NO_ROWS
from app.deadline import NO_CHECKPOINTS, StageResult
from app.explain import MissingItem, explain_rerank_loss
from app.funnel import FunnelRun
from app.request_log.request_record import RequestedExclusions
from offline.training.past_requests import build_offline_funnel
from tests.fakes import ITEMS, KeepOrder, pool, query, request, rows, small_models
from tests.unit.rerank.slates import PLAIN, builder

COARSE, FINE = 40, 15


@pytest.fixture(scope="module")
def world(cpu):
    config = FunnelConfig(cpu, NO_CHECKPOINTS, Sizes(coarse=COARSE, fine=FINE))
    funnel = build_offline_funnel(small_models(), config)
    asked = request("u03", 5, explore=False, exclude=rows(7))
    return funnel, asyncio.run(funnel.recommend(asked))


def explain(world, row, run=None, exclusions=None):
    exclusions = exclusions or RequestedExclusions(rows(7), NO_ROWS)
    return MissingItem(world[0], run or world[1], int(row), exclusions).explain()


def lost_rows(before, after):
    lost = np.setdiff1d(before.rows, after.rows)
    assert len(lost)
    return lost


@pytest.mark.parametrize("stage", ["coarse", "fine"])
def test_an_item_that_a_ranker_cut_has_rank_score_and_threshold(world, stage):
    run = world[1]
    before, after = (run.merged, run.coarse) if stage == "coarse" else (run.coarse, run.fine)
    explanations = [explain(world, row) for row in lost_rows(before, after)]
    facts = [each.facts for each in explanations]
    assert {each.stage for each in explanations} == {stage}
    assert sorted(f["rank"] for f in facts) == list(range(len(after) + 1, len(before) + 1))
    assert {f["threshold"] for f in facts} == {float(after.scores[-1])}
    assert all(f["score"] <= f["threshold"] for f in facts)
    assert all(f["channels"] for f in facts)
    prefix = f"{stage}: the ranker put it at"
    assert all(each.reason.startswith(prefix) for each in explanations)


def test_the_order_before_a_ranker_that_failed_is_named(world):
    run = world[1]
    results = tuple(
        StageResult("coarse", 0.0, "bug", 0, 0) if result.stage == "coarse" else result
        for result in run.results
    )
    coarse = run.merged.top(COARSE)
    row = lost_rows(run.merged, coarse)[0]
    explanation = explain(world, row, replace(run, results=results, coarse=coarse))
    assert "the ranker failed" in explanation.reason
    assert explanation.facts["rank"] > COARSE


@pytest.mark.parametrize(
    ("result", "stage", "reason"),
    [
        (StageResult("funnel", 0.1, "late", 0, 0), "recall", "the funnel was cut off"),
        (StageResult("rerank", 0.1, "bug", 0, 0), "rerank", "the last stage failed"),
    ],
)
def test_a_stage_that_failed_is_the_reason(world, result, stage, reason):
    run = world[1]
    row = lost_rows(run.fine, run.slate.pool)[0]
    explanation = explain(world, row, replace(run, results=(*run.results, result)))
    assert explanation.stage == stage
    assert reason in explanation.reason


def test_items_outside_the_catalogue_excluded_seen_and_shown_ones_are_named(world):
    run = world[1]
    assert explain(world, -1).stage == "catalogue"
    assert explain(world, 7).facts == {"policy": "exclude"}
    earlier = RequestedExclusions(NO_ROWS, rows(7))
    assert explain(world, 7, exclusions=earlier).reason == "an earlier page had it"
    seen = next(row for row in run.query.history.rows if row != 7)
    assert explain(world, seen).facts["policy"] in {"seen", "disliked"}
    first = explain(world, run.slate.pool.rows[0])
    assert (first.stage, first.facts["position"], first.facts["slot"]) == ("shown", 1, "organic")
    merged = run.merged.take(np.arange(3))
    row = lost_rows(run.fine, run.slate.pool)[0]
    others = replace(run, merged=replace(merged, rows=merged.rows[merged.rows != row]))
    assert explain(world, row, others).reason.startswith("no channel proposed it; ")


def loss(reranker, k, row, *items, results=()):
    """Where the last stage loses ``row``; the first of the items has the highest score."""
    one_query, candidates = query(k=k), pool(*items)
    slate = reranker.rerank(one_query, candidates)
    run = FunnelRun(one_query, (), candidates, candidates, candidates, slate, results)
    return explain_rerank_loss(reranker, run, row)


def test_an_item_that_a_pinned_one_displaces_lost_its_place_to_placed_items():
    reason, facts = loss(builder(replace(PLAIN, pinned={"i30": 1})), 3, 22, 20, 21, 22, 23, 30)
    assert facts["policy"] == "finish"
    assert reason.startswith("it was in the list, and lost its position to the caps, or items that")


def test_an_item_that_the_tail_displaces_names_the_item_that_took_its_place():
    policy = replace(PLAIN, provider_places={"acme": 1})
    reason, facts = loss(builder(policy), 2, 21, 22, 21, 24)  # the last one is by acme
    assert reason.endswith("lost its position to the positions kept for a group of providers")
    assert facts == {"policy": "providers", "lost_to_row": 24}


def test_an_item_that_is_too_similar_to_another_has_the_figures_of_both():
    content = np.zeros((ITEMS, 2), np.float32)
    content[[20, 21, 22]], content[23] = [1, 0], [0, 1]
    diverse = builder(replace(PLAIN, diversity=0.6), content=content)
    reason, facts = loss(diverse, 2, 21, 20, 21, 22, 23)
    assert "too similar to an item in the list" in reason
    assert (facts["policy"], facts["lost_to_row"], facts["nearest_row"]) == ("diversity", 23, 20)
    assert facts["nearest_cosine"] == 1.0
    value = facts["utility"] * 0.4 - facts["likeness_penalty"]
    assert value <= facts["lost_to_utility"] * 0.4 - facts["lost_to_penalty"]


def test_an_item_with_less_worth_lost_to_the_last_of_the_ranking():
    reason, facts = loss(builder(), 2, 23, 20, 21, 22, 23)
    assert reason == "the last position of the ranking went to an item with a higher utility"
    assert facts["lost_to_row"] == 21


def test_an_empty_list_has_no_place_for_the_ranking():
    assert loss(builder(), 0, 20, 20, 21) == (
        "the ranking had no position left",
        {"policy": "finish"},
    )


def test_a_last_stage_that_failed_is_the_reason():
    failed = (StageResult("rerank", 0.1, "bug", 0, 0),)
    assert "the last stage failed" in loss(builder(), 2, 23, 20, 21, 22, 23, results=failed)[0]
    assert "the last stage failed" in loss(KeepOrder(), 2, 23, 20, 21, 22, 23)[0]
