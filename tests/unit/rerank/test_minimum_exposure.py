from dataclasses import replace

import numpy as np
import pytest

from app.rerank.policies import DEFAULT_ORDER
from tests.fakes import ITEMS, PROVIDERS, query
from tests.unit.rerank.slates import BEST, COUNTERS, MODELS, PLAIN, build_slate, shown

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
