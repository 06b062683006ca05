"""What each policy does to a list."""

from dataclasses import replace

import numpy as np
import pytest

from app.artifacts import DAY
from app.rerank.mmr import mmr
from app.rerank.policies import DEFAULT_ORDER, SceneSettings
from app.rerank.utility import freshness_bonus
from app.state.counters import PopularityCounters
from tests.fakes import ITEMS, PROVIDERS, START, pool, query, rows
from tests.unit.rerank.slates import (
    BEST,
    CATALOGUE,
    COUNTERS,
    MODELS,
    PLAIN,
    build_slate,
    builder,
    shown,
    slots,
)

DEMOTING = replace(PLAIN, seen="demote", demotion=2.0)


def test_seen_items_are_demoted_where_the_scene_says_so():
    acted = query(k=20, demoted=rows(20, 22))
    assert shown(build_slate(DEMOTING, acted))[-2:] == [20, 22]
    assert shown(build_slate(DEMOTING, query(k=20)))[0] == 20


def test_items_shown_lately_are_demoted_where_the_scene_says_so():
    showed = query(k=20, impressions=rows(20, 23))
    assert shown(build_slate(replace(PLAIN, shown="demote", demotion=2.0), showed))[-2:] == [20, 23]
    assert shown(build_slate(PLAIN, showed))[0] == 20


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


def test_relevance_and_dissimilarity_are_weighed_by_the_formula():
    relevance = np.array([1.0, 0.9, 0.5], np.float32)
    vectors = np.array([[1, 0], [0.8, 0.6], [0, 1]], np.float32)
    # Second: 0.7·0.9 - 0.3·0.8 = 0.39 against 0.7·0.5 - 0.3·0 = 0.35
    assert mmr(relevance, vectors, np.arange(3), 3, 0.3).tolist() == [0, 1, 2]
    # Second: 0.5·0.9 - 0.5·0.8 = 0.05 against 0.5·0.5 - 0.5·0 = 0.25
    assert mmr(relevance, vectors, np.arange(3), 3, 0.5).tolist() == [0, 2, 1]


def test_diversity_prefers_an_item_that_is_unlike_the_listed_ones():
    content = np.zeros((ITEMS, 2), np.float32)
    content[[20, 21, 22]], content[23] = [1, 0], [0, 1]
    two, four = query(k=2), (20, 21, 22, 23)
    assert shown(build_slate(replace(PLAIN, diversity=0.9), two, four, content=content)) == [20, 23]
    assert shown(build_slate(PLAIN, two, four, content=content)) == [20, 21]


def test_no_provider_has_more_than_its_cap_and_unknown_ones_have_none():
    slate = build_slate(replace(PLAIN, provider_cap=1), query(k=8))
    providers = MODELS.catalogue.providers[slate.pool.rows]
    assert shown(slate)[:3] == [20, 21, 22]
    assert sorted(providers[providers >= 0].tolist()) == list(range(len(PROVIDERS)))
    assert {27, 37} <= set(shown(slate))


def test_no_category_has_more_than_its_cap():
    slate = build_slate(replace(PLAIN, category_cap=1))
    assert MODELS.catalogue.categories[slate.pool.rows].sum(axis=0).max() == 1


def test_caps_count_the_items_that_each_rejects():
    assert not any(build_slate().rejections().values())
    by_one_provider = (20, 26, 32, 38, 21)  # the first four
    capped = build_slate(replace(PLAIN, provider_cap=1), query(k=2), by_one_provider)
    assert (shown(capped), capped.rejections()) == (
        [20, 21],
        {"provider_cap": 3, "category_cap": 0, "duplicate_cap": 0},
    )
    of_one_category = np.flatnonzero(CATALOGUE.categories[:, 0])[:3].tolist()
    one = build_slate(replace(PLAIN, category_cap=1), query(k=1), of_one_category)
    assert not any(one.rejections().values())
    two = build_slate(replace(PLAIN, category_cap=1), query(k=2), of_one_category)
    assert two.rejections()["category_cap"] == 2


def test_caps_fill_a_list_from_the_whole_catalogue():
    by_one_provider = tuple(range(0, 60, 6))
    slate = build_slate(replace(PLAIN, provider_cap=2), query(k=10), by_one_provider)
    assert len(slate) == 10
    assert np.bincount(MODELS.catalogue.providers[slate.pool.rows] + 1)[1:].max() == 2


LIKES = COUNTERS.liked[-1]
TAIL = np.argsort(LIKES, kind="stable")[: ITEMS // 2]
HEAD = [row for row in BEST if row not in TAIL]
HEAD_FIRST = (*HEAD, *(row for row in BEST if row in TAIL))
TWO_OF_TAIL = replace(PLAIN, tail_places=2, tail_share=0.5)
FOUR = query(k=4)


def count_tail(slate):
    return int((LIKES[slate.pool.rows] <= np.sort(LIKES)[ITEMS // 2 - 1]).sum())


def count_by(slate, *names):
    codes = [PROVIDERS.index(name) for name in names]
    return int(np.isin(MODELS.catalogue.providers[slate.pool.rows], codes).sum())


def test_the_tail_has_its_places_and_they_are_the_last_ones():
    slate = build_slate(TWO_OF_TAIL, FOUR, HEAD_FIRST)
    assert count_tail(slate) == 2
    assert shown(slate)[:3] == [*HEAD[:2], HEAD_FIRST[len(HEAD)]]


def test_a_group_of_providers_has_its_places():
    slate = build_slate(replace(PLAIN, provider_places={"acme|fern": 3, "nobody": 2}))
    assert count_by(slate, "acme", "fern") == 3
    assert shown(slate)[:2] == [20, 21]
    satisfied = build_slate(replace(PLAIN, provider_places={"corn": 1}))
    assert shown(satisfied) == [20, 21, 22, 23, 24]


@pytest.mark.parametrize("order", [DEFAULT_ORDER, DEFAULT_ORDER[::-1]])
@pytest.mark.parametrize("pinned", [{}, {"i23": 1}, {"i23": 1, "i24": 2}])
def test_fixed_positions_do_not_take_the_places_of_the_tail(order, pinned):
    policy = replace(TWO_OF_TAIL, pinned=pinned, order=order)
    assert count_tail(build_slate(policy, FOUR, HEAD_FIRST)) == 2
    sponsored = replace(policy, sponsored=("i26",), sponsored_places=(4,))
    expected = 2 if len(pinned) < 2 else 1
    assert count_tail(build_slate(sponsored, FOUR, HEAD_FIRST)) == expected


def test_one_minimum_does_not_take_the_places_of_another():
    providers = build_slate(replace(PLAIN, provider_places={"acme": 2, "bell": 2}), FOUR)
    assert (count_by(providers, "acme"), count_by(providers, "bell")) == (2, 2)
    both = build_slate(replace(TWO_OF_TAIL, provider_places={"corn": 2}), FOUR, HEAD_FIRST)
    assert (count_tail(both), count_by(both, "corn")) == (2, 2)


def test_the_first_minimum_has_priority_where_room_is_short():
    slate = build_slate(replace(PLAIN, provider_places={"acme": 3, "bell": 3}), FOUR)
    assert (count_by(slate, "acme"), count_by(slate, "bell")) == (3, 1)


def test_a_minimum_takes_what_the_caps_leave_it():
    wanted = replace(PLAIN, provider_places={"acme|bell": 3})
    capped = build_slate(replace(wanted, provider_cap=2), FOUR)
    assert (count_by(capped, "acme"), count_by(capped, "bell")) == (2, 1)
    pinned = build_slate(replace(wanted, provider_cap=2, pinned={"i60": 1, "i66": 2}), FOUR)
    assert (count_by(pinned, "acme"), count_by(pinned, "bell")) == (2, 1)
    assert count_by(build_slate(replace(wanted, provider_cap=1), FOUR), "acme", "bell") == 2
    by_one_provider, other = (20, 32), 21
    items = (*HEAD, *by_one_provider, other)
    assert sorted(shown(build_slate(replace(TWO_OF_TAIL, provider_cap=1), FOUR, items))) == [
        20,
        21,
        23,
        24,
    ]


THREE = ("i60", "i61", "i62")


def test_a_pinned_item_stands_at_its_position_and_is_labelled():
    slate = build_slate(replace(PLAIN, pinned={"i30": 1, "i70": 3, "i20": 5}))
    assert shown(slate) == [30, 21, 70, 22, 20]
    assert slots(slate) == ["pinned", "organic", "pinned", "organic", "pinned"]


def test_an_item_that_no_channel_proposed_has_neither_ranks_nor_broken_scores():
    slate = build_slate(replace(PLAIN, pinned={"i70": 1}))
    assert (slate.pool.ranks[0] < 0).all()
    assert np.isfinite(slate.pool.scores).all()


def test_a_pinned_item_that_is_filtered_or_does_not_exist_is_not_shown():
    policy = replace(PLAIN, pinned={"i70": 1, "i36": 2, "nothing": 3, "i71": 99})
    assert shown(build_slate(policy, query(k=3, exclude=[70]), catalogue=CATALOGUE)) == [20, 21, 22]


def test_sponsored_items_are_labelled_and_at_most_as_many_as_the_cap():
    policy = replace(PLAIN, sponsored=THREE, sponsored_places=(4, 2, 3))
    assert shown(build_slate(policy)) == [20, 60, 21, 22, 23]
    two = build_slate(replace(policy, sponsored_cap=2))
    assert shown(two) == [20, 60, 61, 21, 22]
    assert slots(two) == ["organic", "sponsored", "sponsored", "organic", "organic"]
    assert shown(build_slate(replace(policy, sponsored_cap=0))) == [20, 21, 22, 23, 24]


def test_the_next_sponsored_item_replaces_one_that_is_filtered():
    policy = replace(PLAIN, sponsored=THREE[:2], sponsored_places=(1,))
    assert shown(build_slate(policy, query(k=3, exclude=[60]))) == [61, 20, 21]


def test_positions_count_over_all_pages():
    policy = replace(PLAIN, pinned={"i60": 1, "i61": 7}, sponsored=("i62",), sponsored_places=(3,))
    assert shown(build_slate(policy, query(k=5, offset=5))) == [20, 61, 21, 22, 23]


def test_each_page_has_the_sponsored_items_of_its_own_positions_and_the_cap_is_of_all_pages():
    policy = replace(PLAIN, sponsored=THREE, sponsored_places=(1, 7, 12), sponsored_cap=2)
    first = build_slate(policy)
    second = build_slate(policy, query(k=5, offset=5, exclude=shown(first)))
    third = build_slate(policy, query(k=5, offset=10, exclude=[*shown(first), *shown(second)]))
    assert shown(first) == [60, 20, 21, 22, 23]
    assert shown(second) == [24, 61, 25, 26, 27]
    assert slots(third) == ["organic"] * 5


def test_pinned_items_and_exploration_leave_each_other_their_places():
    slate = build_slate(SceneSettings(pinned={"i70": 1}, explore_from=5), query(k=10))
    assert slots(slate) == ["pinned"] + ["organic"] * 7 + ["explore"] * 2
