from dataclasses import replace

import numpy as np
import pytest

from app.artifacts import DAY
from app.rerank.exploration import ucb
from app.rerank.filters import is_permitted
from app.rerank.freshness import freshness_bonus
from app.rerank.mmr import mmr
from app.rerank.policies import Policy
from app.rerank.slate_builder import SlateBuilder
from app.state.counters import PopularityCounters
from tests.fakes import ITEMS, START, pool, query, rows, small_models

MODELS = small_models()
PLAIN = Policy(diversity=0.0, freshness=0.0, explore_slots=0)
BEST = tuple(range(20, 40))


def maker(policy=PLAIN, **known):
    parts = {
        "catalogue": MODELS.catalogue,
        "content": MODELS.content.items,
        "counters": PopularityCounters(MODELS.popularity),
    }
    return SlateBuilder(**(parts | known), policy=policy)


def shown(selection):
    return selection.pool.rows.tolist()


def test_without_policies_the_order_of_the_ranker_stands():
    chosen = maker().rerank(query(k=5), pool(*BEST))
    assert shown(chosen) == [20, 21, 22, 23, 24]
    assert not chosen.explored.any()


def test_the_pool_need_not_come_sorted():
    assert shown(maker().rerank(query(k=2), pool(3, 4, 5, scores=[1, 3, 2]))) == [4, 5]


def test_what_a_filter_forbids_is_not_shown_and_the_reserve_fills_the_gap():
    available = np.ones(ITEMS, np.bool_)
    available[[21, 22]] = False
    sold_out = maker(catalogue=replace(MODELS.catalogue, available=available))
    chosen = sold_out.rerank(query(k=3, exclude=[20, 24]), pool(*BEST))
    assert shown(chosen) == [23, 25, 26]


def test_the_filter_says_what_may_be_shown():
    available = np.array([True, False, True, True])
    asked = query(n=4, exclude=[2])
    assert is_permitted(asked, rows(3, 2, 1, 0), available).tolist() == [True, False, False, True]


@pytest.mark.parametrize("policy", [PLAIN, Policy(), Policy(explore_slots=5, explore_from=1)])
@pytest.mark.parametrize("k", [0, 1, 5, 19, 20, 21, 500])
def test_a_list_holds_k_different_items_or_all_there_are(policy, k):
    chosen = maker(policy).rerank(query(k=k), pool(*BEST))
    assert len(shown(chosen)) == len(set(shown(chosen))) == min(k, len(BEST))
    assert set(shown(chosen)) <= set(BEST)
    assert chosen.explored.shape == (len(chosen),)


@pytest.mark.parametrize("policy", [PLAIN, Policy()])
def test_an_empty_pool_gives_an_empty_list(policy):
    assert shown(maker(policy).rerank(query(k=5), pool())) == []
    assert shown(maker(policy).rerank(query(k=5, exclude=BEST), pool(*BEST))) == []


def test_diversity_trades_relevance_for_unlikeness():
    content = np.zeros((ITEMS, 2), np.float32)
    content[[20, 21, 22]] = [1, 0]
    content[23] = [0, 1]
    four = pool(20, 21, 22, 23)
    asked = query(k=2)
    assert shown(maker(replace(PLAIN, diversity=0.9), content=content).rerank(asked, four)) == [
        20,
        23,
    ]
    assert shown(maker(content=content).rerank(asked, four)) == [20, 21]


def test_a_new_item_gets_a_small_bonus():
    live = PopularityCounters(MODELS.popularity)
    live.first_seen[:] = START - 1000 * DAY
    live.first_seen[22] = START
    two = pool(21, 22, scores=[1.0, 0.99])
    wide = pool(21, 22, 23, scores=[1.0, 0.99, 0.0])
    fresh = maker(replace(PLAIN, freshness=0.02), counters=live)
    assert shown(fresh.rerank(query(k=2), wide)) == [22, 21]
    assert shown(fresh.rerank(query(k=2), two)) == [21, 22]  # here 0.01 is the whole range


def test_the_last_place_goes_to_the_item_that_was_shown_least():
    live = PopularityCounters(MODELS.popularity)
    live.count_impressions(np.setdiff1d(np.arange(ITEMS), [37]))
    chosen = maker(replace(PLAIN, explore_slots=1, explore_beta=5.0), counters=live).rerank(
        query(k=5), pool(*BEST)
    )
    assert shown(chosen) == [20, 21, 22, 23, 37]
    assert chosen.explored.tolist() == [False, False, False, False, True]


def test_items_that_were_shown_are_known_better():
    live = PopularityCounters(MODELS.popularity)
    exploring = maker(replace(PLAIN, explore_slots=1, explore_beta=5.0), counters=live)
    first = shown(exploring.rerank(query(k=5), pool(*BEST)))[-1]
    for _ in range(50):
        live.count_impressions(rows(first))
    assert shown(exploring.rerank(query(k=5), pool(*BEST)))[-1] != first


@pytest.mark.parametrize(
    "known", [{"k": 4}, {"k": 5, "explore": False}, {"k": 20}], ids=["short", "asked", "no reserve"]
)
def test_some_lists_have_no_exploration(known):
    chosen = maker(replace(PLAIN, explore_slots=1)).rerank(query(**known), pool(*BEST))
    assert not chosen.explored.any()
    assert shown(chosen) == list(BEST[: known["k"]])


@pytest.mark.parametrize("policy", [PLAIN, Policy(explore_slots=2)])
def test_items_whose_score_is_broken_sink_and_nothing_is_shown_twice(policy):
    scores = np.linspace(1, 0.5, len(BEST)).astype(np.float32)
    scores[[0, 3]] = np.nan
    broken = pool(*BEST).with_scores(scores)
    chosen = maker(policy).rerank(query(k=10), broken)
    assert len(set(shown(chosen))) == 10
    assert not {20, 23} & set(shown(chosen)[:8])
    everything = maker(policy).rerank(query(k=20), broken)
    assert set(shown(everything)) == set(BEST)


def test_where_every_score_is_broken_the_list_is_still_full():
    chosen = maker(Policy()).rerank(
        query(k=5), pool(*BEST).with_scores(np.full(20, np.nan, np.float32))
    )
    assert len(set(shown(chosen))) == 5


def test_the_same_pool_twice_gives_the_same_list():
    one, two = [maker(Policy()).rerank(query(k=10), pool(*BEST)) for _ in range(2)]
    assert shown(one) == shown(two)


def test_relevance_comes_before_unlikeness_by_the_formula():
    relevance = np.array([1.0, 0.9, 0.5], np.float32)
    vectors = np.array([[1, 0], [0.8, 0.6], [0, 1]], np.float32)
    # Second: 0.7·0.9 - 0.3·0.8 = 0.39 against 0.7·0.5 - 0.3·0 = 0.35
    assert mmr(relevance, vectors, 3, 0.3).tolist() == [0, 1, 2]
    # Second: 0.5·0.9 - 0.5·0.8 = 0.05 against 0.5·0.5 - 0.5·0 = 0.25
    assert mmr(relevance, vectors, 3, 0.5).tolist() == [0, 2, 1]


def test_upper_bounds_are_those_of_the_formula():
    found = ucb(np.array([0.5, 0.5, 0.5], np.float32), np.array([0.0, 4.0, 100.0]), 1000.0, 0.3)
    doubt = 0.3 * np.sqrt(np.log(1000.0) / np.array([1.0, 4.0, 100.0]))
    assert found == pytest.approx(0.5 + doubt)


def test_before_anything_was_tried_all_are_equally_unknown():
    found = ucb(np.zeros(3, np.float32), np.zeros(3), 0.0, 0.3)
    assert found == pytest.approx([0.3, 0.3, 0.3])


def test_an_item_that_was_never_seen_is_not_new():
    found = freshness_bonus(START, np.array([START, START - 14 * DAY, np.inf, START + DAY]))
    assert found.tolist() == [1.0, 0.5, 0.0, 1.0]
