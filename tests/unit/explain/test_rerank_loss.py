from dataclasses import replace

import numpy as np

from app.deadline import StageResult
from app.explain import explain_rerank_loss
from app.funnel import FunnelRun
from tests.fakes import ITEMS, KeepOrder, pool, query
from tests.unit.rerank.slates import PLAIN, builder


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
