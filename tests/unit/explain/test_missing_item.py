"""The stage that lost an item, over a funnel whose rankers have to cut."""

from dataclasses import replace

import numpy as np
import pytest

from app.artifacts import Sizes
from app.build import FunnelConfig
from app.contracts import NO_ROWS
from app.cpu import Cpu
from app.deadline import NO_CHECKPOINTS, StageResult
from app.explain import MissingItem
from app.request_log.request_record import RequestedExclusions
from offline.training.past_requests import build_offline_funnel
from tests.fakes import request, rows, small_models

COARSE, FINE = 40, 15


@pytest.fixture
async def world():
    cpu = Cpu(threads=1)
    config = FunnelConfig(cpu, NO_CHECKPOINTS, Sizes(coarse=COARSE, fine=FINE))
    funnel = build_offline_funnel(small_models(), config)
    yield funnel, await funnel.recommend(request("u03", 5, explore=False, exclude=rows(7)))
    cpu.close()


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
