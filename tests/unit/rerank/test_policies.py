"""The policies of the last stage, each alone, and that no order of them breaks a hard filter."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.contracts import NO_HISTORY, SLOTS, Blocked, UserRecord
from app.query_builder import QueryBuilder
from app.rerank.exploration import choose_explored
from app.rerank.filters import PolicyFilters
from app.rerank.policies import DEFAULT_ORDER, Policy
from app.rerank.slate_builder import SlateBuilder
from app.state.counters import PopularityCounters
from tests.fakes import (
    CATEGORIES,
    ITEMS,
    PROVIDERS,
    history,
    pool,
    query,
    request,
    rows,
    small_models,
)

MODELS = small_models()
FLAGS = (np.arange(ITEMS)[:, None] % 4 == 3).astype(np.uint8)
CATALOGUE = replace(
    MODELS.catalogue,
    available=np.arange(ITEMS) % 9 != 0,
    flags=FLAGS,
    flag_names=("adult",),
)
BEST = tuple(range(20, 40))
PLAIN = Policy(diversity=0.0, freshness=0.0, explore_slots=0)
LIVE = PopularityCounters(MODELS.popularity)


def made(policy, asked=None, catalogue=MODELS.catalogue, items=BEST):
    maker = SlateBuilder(catalogue, MODELS.content.items, LIVE, policy)
    return maker.rerank(asked or query(k=5), pool(*items))


def shown(selection):
    return selection.pool.rows.tolist()


def slots(selection):
    return [SLOTS[code] for code in selection.slots]


def test_a_pinned_item_stands_at_its_place_and_is_labelled():
    chosen = made(replace(PLAIN, pinned={"i30": 1, "i70": 3, "i20": 5}))
    assert shown(chosen) == [30, 21, 70, 22, 20]
    assert slots(chosen) == ["pinned", "organic", "pinned", "organic", "pinned"]


def test_what_was_not_proposed_has_neither_channels_nor_features():
    chosen = made(replace(PLAIN, pinned={"i70": 1}))
    assert (chosen.pool.ranks[0] < 0).all()
    assert np.isfinite(chosen.pool.scores).all()


def test_a_pin_is_not_shown_to_who_may_not_see_it_nor_one_that_does_not_exist():
    pinned = replace(PLAIN, pinned={"i70": 1, "i36": 2, "nothing": 3, "i71": 99})
    assert shown(made(pinned, query(k=3, exclude=[70]), CATALOGUE)) == [20, 21, 22]


def test_sponsored_items_are_labelled_and_not_more_than_the_cap():
    policy = replace(PLAIN, sponsored=("i60", "i61", "i62"), sponsored_places=(4, 2, 3))
    assert shown(made(policy)) == [20, 60, 21, 22, 23]
    two = made(replace(policy, sponsored_cap=2))
    assert shown(two) == [20, 60, 61, 21, 22]
    assert slots(two) == ["organic", "sponsored", "sponsored", "organic", "organic"]
    assert shown(made(replace(policy, sponsored_cap=0))) == [20, 21, 22, 23, 24]


def test_the_next_sponsored_item_stands_in_for_one_that_may_not_be_shown():
    policy = replace(PLAIN, sponsored=("i60", "i61"), sponsored_places=(1,))
    assert shown(made(policy, query(k=3, exclude=[60]))) == [61, 20, 21]


def test_places_count_over_all_pages():
    policy = replace(PLAIN, pinned={"i60": 1, "i61": 7}, sponsored=("i62",), sponsored_places=(3,))
    assert shown(made(policy, query(k=5, offset=5))) == [20, 61, 21, 22, 23]


def test_each_page_has_the_sponsored_items_of_its_own_places():
    policy = replace(
        PLAIN, sponsored=("i60", "i61", "i62"), sponsored_places=(1, 7, 12), sponsored_cap=2
    )
    first = made(policy)
    second = made(policy, query(k=5, offset=5, exclude=shown(first)))
    third = made(policy, query(k=5, offset=10, exclude=[*shown(first), *shown(second)]))
    assert shown(first) == [60, 20, 21, 22, 23]
    assert shown(second) == [24, 61, 25, 26, 27]
    assert slots(third) == ["organic"] * 5  # the cap is that of the list, over all its pages


def test_pins_and_exploration_leave_each_other_their_places():
    chosen = made(Policy(pinned={"i70": 1}), query(k=10))
    assert slots(chosen) == ["pinned"] + ["organic"] * 7 + ["explore"] * 2


@pytest.mark.parametrize("way", ["ucb", "thompson", "epsilon_greedy"])
@pytest.mark.parametrize(
    "other",
    [
        {"provider_cap": 1, "category_cap": 0},
        {"pinned": {"i41": 3}},
        {"sponsored": ("i40", "i46"), "sponsored_places": (2,)},
    ],
)
def test_what_exploration_has_drawn_neither_caps_nor_placed_items_take_away(
    way, other, monkeypatch
):
    drawn = []

    def noting(*asked):
        found = choose_explored(*asked)
        drawn.append((asked[2].rows[found.chosen].tolist(), found.propensities.tolist()))
        return found

    monkeypatch.setattr("app.rerank.exploration.choose_explored", noting)
    policy = replace(Policy(explore=way, provider_cap=2, category_cap=4), **other)
    for seed in range(20):
        chosen = made(policy, query(k=10, seed=seed), items=tuple(range(20, 80)))
        explored = [name == "explore" for name in slots(chosen)]
        assert (chosen.pool.rows[explored].tolist(), chosen.propensities[explored].tolist()) == (
            drawn.pop()
        )
        assert len(chosen) == 10


def test_no_provider_has_more_than_its_cap_and_unknown_ones_have_none():
    chosen = made(replace(PLAIN, provider_cap=1), query(k=8))
    providers = MODELS.catalogue.providers[chosen.pool.rows]
    assert shown(chosen)[:3] == [20, 21, 22]
    assert sorted(providers[providers >= 0].tolist()) == list(range(len(PROVIDERS)))
    assert {27, 37} <= set(shown(chosen))


def test_no_category_has_more_than_its_cap():
    chosen = made(replace(PLAIN, category_cap=1), query(k=5))
    assert MODELS.catalogue.categories[chosen.pool.rows].sum(axis=0).max() == 1


def test_the_trace_says_how_many_items_each_cap_kept_out():
    assert made(PLAIN).rejections() == {"provider_cap": 0, "category_cap": 0}
    of_one = (20, 26, 32, 38, 21)  # the first four are by one provider
    capped = made(replace(PLAIN, provider_cap=1), query(k=2), items=of_one)
    assert (shown(capped), capped.rejections()) == (
        [20, 21],
        {"provider_cap": 3, "category_cap": 0},
    )
    same = np.flatnonzero(CATALOGUE.categories[:, 0])[:3].tolist()
    by_category = made(replace(PLAIN, category_cap=1), query(k=1), items=same)
    assert by_category.rejections() == {"provider_cap": 0, "category_cap": 0}
    two = made(replace(PLAIN, category_cap=1), query(k=2), items=same)
    assert two.rejections() == {"provider_cap": 0, "category_cap": 2}


def test_caps_fill_a_list_from_the_whole_catalogue():
    acme = tuple(range(0, 60, 6))
    chosen = made(replace(PLAIN, provider_cap=2), query(k=10), items=acme)
    assert len(chosen) == 10
    counts = np.bincount(MODELS.catalogue.providers[chosen.pool.rows] + 1)[1:]
    assert counts.max() == 2


def test_the_tail_has_its_places():
    liked = LIVE.liked[-1]
    tail = np.argsort(liked, kind="stable")[: ITEMS // 2]
    head = [row for row in BEST if row not in tail]
    order = (*head, *(row for row in BEST if row in tail))
    policy = replace(PLAIN, tail_places=2, tail_share=0.5)
    chosen = made(policy, query(k=4), items=order)
    is_tail = liked[chosen.pool.rows] <= np.sort(liked)[ITEMS // 2 - 1]
    assert is_tail.sum() == 2
    assert shown(chosen)[:2] == head[:2]
    assert shown(chosen)[2] == order[len(head)]


def test_a_group_of_providers_has_its_places():
    chosen = made(replace(PLAIN, provider_places={"acme|fern": 3, "nobody": 2}), query(k=5))
    of_group = np.isin(MODELS.catalogue.providers[chosen.pool.rows], [0, 5])
    assert of_group.sum() == 3
    assert shown(chosen)[:2] == [20, 21]
    same = made(replace(PLAIN, provider_places={"corn": 1}), query(k=5))
    assert shown(same) == [20, 21, 22, 23, 24]


TAIL = np.argsort(LIVE.liked[-1], kind="stable")[: ITEMS // 2]
HEAD = [row for row in BEST if row not in TAIL]
HEAD_FIRST = (*HEAD, *(row for row in BEST if row in TAIL))
TAIL_OF_TWO = replace(PLAIN, tail_places=2, tail_share=0.5)
FOUR = query(k=4)


def in_tail(selection):
    few = np.sort(LIVE.liked[-1])[ITEMS // 2 - 1]
    return int((LIVE.liked[-1][selection.pool.rows] <= few).sum())


def by(selection, *names):
    codes = [PROVIDERS.index(name) for name in names]
    return int(np.isin(MODELS.catalogue.providers[selection.pool.rows], codes).sum())


@pytest.mark.parametrize("order", [DEFAULT_ORDER, DEFAULT_ORDER[::-1]])
@pytest.mark.parametrize("pinned", [{}, {"i23": 1}, {"i23": 1, "i24": 2}])
def test_what_is_placed_by_hand_does_not_take_the_places_of_the_tail(order, pinned):
    policy = replace(TAIL_OF_TWO, pinned=pinned, order=order)
    assert in_tail(made(policy, FOUR, items=HEAD_FIRST)) == 2
    sold = replace(policy, sponsored=("i26",), sponsored_places=(4,))
    assert in_tail(made(sold, FOUR, items=HEAD_FIRST)) == (2 if len(pinned) < 2 else 1)


def test_one_floor_does_not_take_the_places_of_another():
    policy = replace(PLAIN, provider_places={"acme": 2, "bell": 2})
    two_each = made(policy, FOUR)
    assert (by(two_each, "acme"), by(two_each, "bell")) == (2, 2)
    both = made(replace(TAIL_OF_TWO, provider_places={"corn": 2}), FOUR, items=HEAD_FIRST)
    assert (in_tail(both), by(both, "corn")) == (2, 2)


def test_where_there_is_too_little_room_the_first_floor_comes_first():
    crowded = made(replace(PLAIN, provider_places={"acme": 3, "bell": 3}), FOUR)
    assert (by(crowded, "acme"), by(crowded, "bell")) == (3, 1)


def test_a_floor_takes_what_the_caps_leave_it():
    wanted = replace(PLAIN, provider_places={"acme|bell": 3})
    capped = made(replace(wanted, provider_cap=2), FOUR)
    assert (by(capped, "acme"), by(capped, "bell")) == (2, 1)
    pinned = made(replace(wanted, provider_cap=2, pinned={"i60": 1, "i66": 2}), FOUR)
    assert (by(pinned, "acme"), by(pinned, "bell")) == (2, 1)
    assert by(made(replace(wanted, provider_cap=1), FOUR), "acme", "bell") == 2
    of_one, other = (20, 32), 21
    next_best = made(replace(TAIL_OF_TWO, provider_cap=1), FOUR, items=(*HEAD, *of_one, other))
    assert sorted(shown(next_best)) == [20, 21, 23, 24]


def test_seen_items_are_demoted_where_the_scene_says_so():
    demoting = replace(PLAIN, seen="demote", demotion=2.0)
    asked = query(k=20, history=history((20, 5, 1, 9e8), (22, 5, 1, 9e8)))
    assert shown(made(demoting, asked))[-2:] == [20, 22]
    assert shown(made(replace(demoting, seen="keep"), asked))[0] == 20
    assert shown(made(demoting, query(k=20)))[0] == 20


def test_items_shown_lately_are_demoted_or_dropped_where_the_scene_says_so():
    asked = query(k=20, impressions=rows(20, 23))
    demoting = replace(PLAIN, shown="demote", demotion=2.0)
    assert shown(made(demoting, asked))[-2:] == [20, 23]
    assert shown(made(PLAIN, asked))[0] == 20
    for shown_policy, dropped in (("drop", [20, 23]), ("demote", []), ("keep", [])):
        house = PolicyFilters(CATALOGUE, Policy(shown=shown_policy))
        told = QueryBuilder(MODELS, LIVE, house).build(
            request(""), replace(NO_HISTORY, impressions=rows(20, 23))
        )
        assert np.flatnonzero(told.excluded).tolist() == dropped


@pytest.mark.parametrize("seen", ["drop", "demote", "keep"])
def test_seen_items_are_candidates_unless_dropped(seen):
    profiles = QueryBuilder(MODELS, LIVE, PolicyFilters(CATALOGUE, Policy(seen=seen)))
    asked = profiles.build(request("u03"), NO_HISTORY)
    assert len(asked.history)
    assert asked.excluded[asked.history.rows].all() == (seen == "drop")
    left_out = profiles.build(request("", exclude=np.array([3])), NO_HISTORY)
    assert np.flatnonzero(left_out.excluded).tolist() == [3]


def test_the_policy_is_that_of_the_scene():
    maker = SlateBuilder(
        MODELS.catalogue,
        MODELS.content.items,
        LIVE,
        PLAIN,
        {"front": replace(PLAIN, pinned={"i70": 1})},
    )
    assert shown(maker.rerank(query(k=2, scene="front"), pool(*BEST))) == [70, 20]
    assert shown(maker.rerank(query(k=2, scene="home"), pool(*BEST))) == [20, 21]


def test_the_trace_says_which_policies_changed_something():
    chosen = made(replace(PLAIN, pinned={"i70": 1}))
    assert dict(chosen.trace())["pinned"] >= 1
    assert "tail" not in dict(chosen.trace())


def free_of(told, items):
    candidates = np.array(items, np.int64)
    return candidates[CATALOGUE.available[candidates] & told.allows(candidates)].tolist()


def keeps_its_floors(policy, chosen, candidates, k):
    """Floors get what exploration and places leave them, in their order."""
    likes = LIVE.liked[-1]
    liked = np.sort(likes[CATALOGUE.available])
    few = liked[max(round(policy.tail_share * len(liked)) - 1, 0)]
    room = k - sum(slot != "organic" for slot in slots(chosen))
    for name in policy.order:
        floors = []
        if name == "tail":
            floors = [(lambda rows: likes[rows] <= few, policy.tail_places)]
        if name == "providers":
            floors = [(made_by(group), n) for group, n in policy.provider_places.items()]
        for favours, places in floors:
            most = min(places, room, int(favours(candidates.rows).sum()))
            assert favours(chosen.pool.rows).sum() >= most
            room = max(room - places, 0)


def made_by(group):
    mine = [PROVIDERS.index(name) for name in group.split("|")]
    return lambda rows: np.isin(CATALOGUE.providers[rows], mine)


subsets = st.lists(st.integers(0, ITEMS - 1), max_size=12, unique=True)
ids = st.lists(st.integers(0, ITEMS - 1).map(lambda i: f"i{i:02d}") | st.just("?"), max_size=6)
providers = st.lists(st.sampled_from([*PROVIDERS, "?"]), max_size=3).map(tuple)
policies = st.builds(
    Policy,
    diversity=st.sampled_from([0.0, 0.3, 1.0]),
    explore=st.sampled_from(["ucb", "thompson", "epsilon_greedy"]),
    explore_slots=st.integers(0, 5),
    explore_from=st.integers(1, 5),
    seen=st.sampled_from(["drop", "demote", "keep"]),
    shown=st.sampled_from(["drop", "demote", "keep"]),
    blocked_items=ids.map(tuple),
    blocked_providers=providers,
    blocked_categories=st.lists(st.sampled_from(CATEGORIES), max_size=1).map(tuple),
    forbidden_flags=st.sampled_from([(), ("adult",), ("?",)]),
    provider_cap=st.integers(0, 3),
    category_cap=st.integers(0, 4),
    tail_places=st.integers(0, 6),
    provider_places=st.dictionaries(st.sampled_from(["acme|bell", "fern"]), st.integers(0, 4)),
    pinned=ids.map(lambda names: {name: 1 + 2 * n for n, name in enumerate(names)}),
    sponsored=ids.map(tuple),
    sponsored_places=st.lists(st.integers(1, 12), max_size=4).map(tuple),
    sponsored_cap=st.integers(0, 3),
    order=st.permutations(DEFAULT_ORDER).flatmap(
        lambda order: st.integers(0, len(order)).map(lambda n: tuple(order[:n]))
    ),
)
FILTERS = ("", 'category == "drama"', "year >= 1980", 'provider != "acme"')


@settings(deadline=None)
@given(
    policy=policies,
    blocked=st.builds(Blocked, ids.map(tuple), providers),
    exclude=subsets,
    items=st.lists(st.integers(0, ITEMS - 1), max_size=40, unique=True),
    k=st.integers(1, 15),
    text=st.sampled_from(FILTERS),
    offset=st.integers(0, 6),
)
@example(
    policy=Policy(
        pinned={"i01": 1}, sponsored=("i01", "i02"), sponsored_places=(1, 2), sponsored_cap=2
    ),
    blocked=Blocked(("i02",)),
    exclude=[],
    items=[],
    k=2,
    text="",
    offset=0,
)
@example(
    policy=Policy(provider_places={"acme|bell": 2, "fern": 2}, pinned={"i02": 1}, explore_slots=0),
    blocked=Blocked(),
    exclude=[],
    items=list(BEST),
    k=5,
    text="",
    offset=0,
)
def test_no_order_of_policies_breaks_a_hard_filter_or_a_cap(
    policy, blocked, exclude, items, k, text, offset
):
    house = PolicyFilters(CATALOGUE, policy)
    asked = replace(
        request("u03", k), exclude=np.array(exclude, np.int64), filter=text, offset=offset
    )
    told = QueryBuilder(MODELS, LIVE, house).build(
        asked, replace(NO_HISTORY, record=UserRecord(blocked))
    )
    chosen = SlateBuilder(CATALOGUE, MODELS.content.items, LIVE, policy).rerank(told, pool(*items))
    rows = chosen.pool.rows
    assert len(set(rows.tolist())) == len(rows) <= k
    assert CATALOGUE.available[rows].all()
    assert not set(rows.tolist()) & set(exclude)
    named = set(CATALOGUE.ids.names(rows))
    assert not named & {*policy.blocked_items, *blocked.items}
    makers = {CATALOGUE.provider_names.tolist()[p] for p in CATALOGUE.providers[rows] if p >= 0}
    assert not makers & {*policy.blocked_providers, *blocked.providers}
    categories = CATALOGUE.categories[rows].sum(axis=0)
    assert not any(categories[CATEGORIES.index(name)] for name in policy.blocked_categories)
    assert "adult" not in policy.forbidden_flags or not FLAGS[rows].any()
    if text == "year >= 1980":
        assert (CATALOGUE.released[rows] >= 1980).all()
    known = CATALOGUE.providers[rows][CATALOGUE.providers[rows] >= 0]
    if policy.provider_cap and len(known):
        assert np.bincount(known).max() <= policy.provider_cap
    if policy.category_cap and len(rows):
        assert categories.max() <= policy.category_cap
    assert slots(chosen).count("sponsored") <= policy.sponsored_cap
    if policy.seen == "drop":
        assert not set(rows.tolist()) & set(told.history.rows.tolist())
    allowed = sum(CATALOGUE.available[items] & told.allows(np.array(items, np.int64)))
    if not policy.provider_cap and not policy.category_cap:
        assert len(rows) >= min(k, allowed)
        keeps_its_floors(policy, chosen, pool(*free_of(told, items)), k)
    assert len(chosen.propensities) == len(chosen.slots) == len(chosen.explored) == len(rows)
