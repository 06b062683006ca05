from dataclasses import replace

import numpy as np

from app.artifacts import DAY
from app.rerank.utility import freshness_bonus
from app.state.counters import PopularityCounters
from tests.fakes import START, pool, query
from tests.unit.rerank.slates import MODELS, PLAIN, builder, shown


def test_the_bonus_halves_every_half_life_and_an_item_never_seen_is_not_new():
    bonus = freshness_bonus(START, np.array([START, START - 14 * DAY, np.inf, START + DAY]))
    assert bonus.tolist() == [1.0, 0.5, 0.0, 1.0]


def test_a_new_item_gets_a_small_bonus():
    counters = PopularityCounters(MODELS.popularity)
    counters.first_seen[:] = START - 1000 * DAY
    counters.first_seen[22] = START
    fresh = builder(replace(PLAIN, freshness=0.02), counters=counters)
    near = pool(21, 22, 23, scores=[1.0, 0.99, 0.0])
    far = pool(21, 22, scores=[1.0, 0.99])  # here 0.01 is the whole range of scores
    assert shown(fresh.rerank(query(k=2), near)) == [22, 21]
    assert shown(fresh.rerank(query(k=2), far)) == [21, 22]
