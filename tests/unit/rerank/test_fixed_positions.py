from dataclasses import replace

import numpy as np

from app.rerank.policies import SceneSettings
from tests.fakes import query
from tests.unit.rerank.slates import CATALOGUE, PLAIN, build_slate, shown, slots

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
    slate = build_slate(SceneSettings(pinned={"i70": 1}), query(k=10))
    assert slots(slate) == ["pinned"] + ["organic"] * 7 + ["explore"] * 2
