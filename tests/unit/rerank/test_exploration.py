"""Ways of exploring: what they choose, and that propensities are the chances there were."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.rerank.exploration import (
    POSTERIOR_DRAWS,
    ExplorationPool,
    epsilon_greedy,
    greedy,
    thompson,
    ucb,
)
from app.rerank.policies import Policy
from app.rerank.slate_builder import SlateBuilder
from app.state.counters import PopularityCounters
from tests.fakes import pool, query, rows, small_models

MODELS = small_models()
BEST = tuple(range(20, 40))
RELEVANCE = np.array([0.9, 0.5, 0.4, 0.1], np.float32)


def offer(slots=1, relevance=RELEVANCE):
    return ExplorationPool(np.arange(len(relevance)), np.asarray(relevance, np.float32), slots)


def of(choice):
    return choice.chosen.tolist(), choice.propensities.tolist()


def test_what_is_chosen_without_chance_has_propensity_one():
    bounds = ucb(RELEVANCE, np.array([100.0, 100, 1, 100]), 301, 1.0)
    assert of(greedy(bounds, 2)) == ([2, 0], [1.0, 1.0])


def test_epsilon_zero_takes_the_best_and_epsilon_one_anything():
    assert of(epsilon_greedy(offer(2), 0.0, [1])) == ([0, 1], [1.0, 1.0])
    drawn = {epsilon_greedy(offer(), 1.0, [seed]).chosen[0] for seed in range(60)}
    assert drawn == {0, 1, 2, 3}
    assert of(epsilon_greedy(offer(), 1.0, [3]))[1] == [0.25]


@pytest.mark.parametrize("slots", [1, 2])
def test_the_propensities_of_epsilon_greedy_are_how_often_it_chooses_so(slots):
    n, epsilon = 4_000, 0.6
    made = [epsilon_greedy(offer(slots), epsilon, [seed]) for seed in range(n)]
    told = {tuple(c.chosen.tolist()): float(np.prod(c.propensities)) for c in made}
    counts = Counter(tuple(c.chosen.tolist()) for c in made)
    assert len(told) == (4 if slots == 1 else 12)
    assert sum(told.values()) == pytest.approx(1.0)
    for one, chance in told.items():
        assert counts[one] / n == pytest.approx(chance, abs=4 * np.sqrt(chance * (1 - chance) / n))


@pytest.mark.parametrize("slots", [1, 2])
def test_the_propensities_of_thompson_are_near_how_often_it_chooses_so(slots):
    tried, taken = np.array([50.0, 5, 0, 0]), np.array([5.0, 2, 0, 9])
    n = 3_000
    made = [thompson(offer(slots), tried, taken, 0.8, [seed]) for seed in range(n)]
    counts = Counter(tuple(c.chosen.tolist()) for c in made)
    for one, count in counts.items():
        if count < n / 50:
            continue
        same = [np.prod(c.propensities) for c in made if tuple(c.chosen.tolist()) == one]
        assert np.mean(same) == pytest.approx(count / n, rel=0.25)
    assert min(float(c.propensities.min()) for c in made) >= 1 / POSTERIOR_DRAWS


def test_thompson_prefers_what_is_taken_and_tries_what_is_unknown():
    same = offer(relevance=[0.5] * 3)
    tried, taken = np.array([1_000.0, 1_000, 0]), np.array([500.0, 10, 0])
    counts = Counter(thompson(same, tried, taken, 1.0, [s]).chosen[0] for s in range(300))
    assert counts[1] == 0
    assert min(counts[0], counts[2]) > 100


@settings(deadline=None)
@given(
    st.sampled_from(["ucb", "thompson", "epsilon_greedy"]),
    st.integers(0, 2**32 - 1),
    st.integers(0, 5),
    st.integers(1, 12),
)
def test_the_same_seed_gives_the_same_list_and_every_item_a_chance(way, seed, slots, k):
    policy = Policy(explore=way, explore_slots=slots, explore_from=1)
    live = PopularityCounters(MODELS.popularity)
    live.count_impressions(rows(20, 21, 25))
    maker = SlateBuilder(MODELS.catalogue, MODELS.content.items, live, policy)
    one, two = (maker.rerank(query(k=k, seed=seed), pool(*BEST)) for _ in range(2))
    assert one.pool.rows.tolist() == two.pool.rows.tolist()
    assert one.propensities.tolist() == two.propensities.tolist()
    assert len(set(one.pool.rows.tolist())) == len(one) == k
    assert one.explored.sum() == min(slots, k)
    assert np.all((one.propensities > 0) & (one.propensities <= 1))
    assert np.all(one.propensities[~one.explored] == 1)
    assert not np.any(np.diff(one.explored.astype(int)) < 0)
    if way == "ucb":
        assert np.all(one.propensities == 1)


def test_two_users_with_the_same_seed_are_not_given_the_same_draw():
    policy = Policy(explore="epsilon_greedy", explore_epsilon=1.0, explore_slots=1)
    maker = SlateBuilder(
        MODELS.catalogue, MODELS.content.items, PopularityCounters(MODELS.popularity), policy
    )
    drawn = {
        maker.rerank(query(k=5, user_row=member), pool(*BEST)).pool.rows[-1] for member in range(30)
    }
    assert len(drawn) > 8


def test_a_slot_chooses_only_of_the_users_best():
    policy = Policy(explore="epsilon_greedy", explore_epsilon=1.0, explore_slots=1, explore_among=3)
    maker = SlateBuilder(
        MODELS.catalogue, MODELS.content.items, PopularityCounters(MODELS.popularity), policy
    )
    drawn = {int(maker.rerank(query(k=5, seed=s), pool(*BEST)).pool.rows[-1]) for s in range(60)}
    assert drawn == {24, 25, 26}
