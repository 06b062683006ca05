"""Methods of exploration: what they choose, and that propensities are probabilities of choice."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from app.contracts import EXPLORE
from app.rerank.exploration import (
    POSTERIOR_DRAWS,
    ExplorationPool,
    epsilon_greedy,
    greedy,
    thompson,
    ucb,
)
from app.rerank.policies import SceneSettings
from app.state.counters import PopularityCounters
from tests.fakes import ITEMS, pool, query, rows
from tests.unit.rerank.slates import BEST, MODELS, PLAIN, build_slate, builder, shown, slots

RELEVANCE = np.array([0.9, 0.5, 0.4, 0.1], np.float32)
ONE_SLOT = replace(PLAIN, explore_slots=1, explore_beta=5.0)


def offered(slots=1, relevance=RELEVANCE):
    return ExplorationPool(np.arange(len(relevance)), np.asarray(relevance, np.float32), slots)


def parts(choice):
    return choice.chosen.tolist(), choice.propensities.tolist()


def test_upper_bounds_follow_the_formula():
    bounds = ucb(np.array([0.5, 0.5, 0.5], np.float32), np.array([0.0, 4.0, 100.0]), 1000.0, 0.3)
    uncertainty = 0.3 * np.sqrt(np.log(1000.0) / np.array([1.0, 4.0, 100.0]))
    assert bounds == pytest.approx(0.5 + uncertainty)
    assert ucb(np.zeros(3, np.float32), np.zeros(3), 0.0, 0.3) == pytest.approx([0.3, 0.3, 0.3])


def test_a_choice_without_chance_has_propensity_one():
    bounds = ucb(RELEVANCE, np.array([100.0, 100, 1, 100]), 301, 1.0)
    assert parts(greedy(bounds, 2)) == ([2, 0], [1.0, 1.0])


def test_epsilon_zero_chooses_the_best_and_epsilon_one_any_item():
    assert parts(epsilon_greedy(offered(2), 0.0, [1])) == ([0, 1], [1.0, 1.0])
    drawn = {epsilon_greedy(offered(), 1.0, [seed]).chosen[0] for seed in range(60)}
    assert drawn == {0, 1, 2, 3}
    assert parts(epsilon_greedy(offered(), 1.0, [3]))[1] == [0.25]


@pytest.mark.parametrize("slots", [1, 2])
def test_propensities_of_epsilon_greedy_are_the_frequencies_of_its_choices(slots):
    n, epsilon = 2_000, 0.6
    choices = [epsilon_greedy(offered(slots), epsilon, [seed]) for seed in range(n)]
    expected = {tuple(c.chosen.tolist()): float(np.prod(c.propensities)) for c in choices}
    counts = Counter(tuple(c.chosen.tolist()) for c in choices)
    assert len(expected) == (4 if slots == 1 else 12)
    assert sum(expected.values()) == pytest.approx(1.0)
    for chosen, chance in expected.items():
        tolerance = 4 * np.sqrt(chance * (1 - chance) / n)
        assert counts[chosen] / n == pytest.approx(chance, abs=tolerance)


@pytest.mark.parametrize("slots", [1, 2])
def test_propensities_of_thompson_are_near_the_frequencies_of_its_choices(slots):
    impressions, clicks, n = np.array([50.0, 5, 0, 0]), np.array([5.0, 2, 0, 9]), 1_500
    choices = [thompson(offered(slots), impressions, clicks, 0.8, [seed]) for seed in range(n)]
    counts = Counter(tuple(c.chosen.tolist()) for c in choices)
    for chosen, count in counts.items():
        if count >= n / 25:
            same = [c.propensities for c in choices if tuple(c.chosen.tolist()) == chosen]
            assert np.mean(np.prod(same, axis=1)) == pytest.approx(count / n, rel=0.25)
    assert min(float(c.propensities.min()) for c in choices) >= 1 / POSTERIOR_DRAWS


def test_thompson_prefers_clicked_items_and_tries_unknown_ones():
    equal = offered(relevance=[0.5] * 3)
    impressions, clicks = np.array([1_000.0, 1_000, 0]), np.array([500.0, 10, 0])
    choices = [thompson(equal, impressions, clicks, 1.0, [seed]) for seed in range(300)]
    counts = Counter(choice.chosen[0] for choice in choices)
    assert counts[1] == 0
    assert min(counts[0], counts[2]) > 100


def test_the_last_place_goes_to_the_item_with_the_fewest_impressions():
    counters = PopularityCounters(MODELS.popularity)
    counters.count_impressions(np.setdiff1d(np.arange(ITEMS), [37]))
    slate = build_slate(ONE_SLOT, counters=counters)
    assert shown(slate) == [20, 21, 22, 23, 37]
    assert slate.explored.tolist() == [False, False, False, False, True]


def test_impressions_end_the_exploration_of_an_item():
    counters = PopularityCounters(MODELS.popularity)
    first = shown(build_slate(ONE_SLOT, counters=counters))[-1]
    for _ in range(50):
        counters.count_impressions(rows(first))
    assert shown(build_slate(ONE_SLOT, counters=counters))[-1] != first


@pytest.mark.parametrize(
    "request_parts",
    [{"k": 4}, {"k": 5, "explore": False}, {"k": 20}],
    ids=["short list", "switched off", "no other candidates"],
)
def test_some_lists_have_no_exploration(request_parts):
    slate = build_slate(replace(PLAIN, explore_slots=1), query(**request_parts))
    assert not slate.explored.any()
    assert shown(slate) == list(BEST[: request_parts["k"]])


UNIFORM = SceneSettings(
    explore="epsilon_greedy", explore_epsilon=1.0, explore_slots=1, explore_from=5
)


def test_two_users_with_the_same_seed_get_different_draws():
    drawn = {shown(build_slate(UNIFORM, query(k=5, user_row=row)))[-1] for row in range(30)}
    assert len(drawn) > 8


def test_a_slot_chooses_from_the_best_candidates_only():
    policy = replace(UNIFORM, explore_among=3)
    drawn = {shown(build_slate(policy, query(k=5, seed=seed)))[-1] for seed in range(60)}
    assert drawn == {24, 25, 26}


@pytest.mark.parametrize("method", ["ucb", "thompson", "epsilon_greedy"])
@pytest.mark.parametrize(
    "other",
    [
        {"provider_cap": 1, "category_cap": 0},
        {"pinned": {"i41": 3}},
        {"sponsored": ("i40", "i46"), "sponsored_places": (2,)},
    ],
)
def test_neither_caps_nor_fixed_positions_remove_what_exploration_chose(method, other):
    policy = replace(SceneSettings(explore=method, provider_cap=2, category_cap=4), **other)
    for seed in range(20):
        one_query, candidates = query(k=10, seed=seed), pool(*range(20, 80))
        draft = dict(builder(policy).build_drafts(one_query, candidates))["explore"]
        chosen = draft.slots == EXPLORE
        slate = builder(policy).rerank(one_query, candidates)
        explored = np.array([slot == "explore" for slot in slots(slate)])
        assert slate.pool.rows[explored].tolist() == (
            draft.pool.rows[draft.listed[chosen]].tolist()
        )
        assert slate.propensities[explored].tolist() == draft.propensities[chosen].tolist()
        assert len(slate) == 10
