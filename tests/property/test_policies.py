"""No order and no settings of policies break a hard filter, a cap or a minimum exposure."""

from dataclasses import replace

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from app.contracts import NO_HISTORY, Blocked, UserRecord
from app.query_builder import QueryBuilder
from app.rerank.filters import PolicyFilters
from app.rerank.policies import DEFAULT_ORDER, SceneSettings
from tests.fakes import CATEGORIES, ITEMS, PROVIDERS, pool, query, request, rows
from tests.unit.rerank.slates import BEST, CATALOGUE, COUNTERS, MODELS, builder, slots

FILTERS = ("", 'category == "drama"', "year >= 1980", 'provider != "acme"')
METHODS = ("ucb", "thompson", "epsilon_greedy")
REPEATS = ("drop", "demote", "keep")

subsets = st.lists(st.integers(0, ITEMS - 1), max_size=12, unique=True)
ids = st.lists(st.integers(0, ITEMS - 1).map(lambda i: f"i{i:02d}") | st.just("?"), max_size=6)
providers = st.lists(st.sampled_from([*PROVIDERS, "?"]), max_size=3).map(tuple)
policies = st.builds(
    SceneSettings,
    diversity=st.sampled_from([0.0, 0.3, 1.0]),
    explore=st.sampled_from(METHODS),
    explore_slots=st.integers(0, 5),
    explore_from=st.integers(1, 5),
    seen=st.sampled_from(REPEATS),
    shown=st.sampled_from(REPEATS),
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


def is_by(group):
    codes = [PROVIDERS.index(name) for name in group.split("|")]
    return lambda rows: np.isin(CATALOGUE.providers[rows], codes)


def check_minimums(policy, slate, candidates, k):
    """Minimums get, in their order, what exploration and fixed positions leave them."""
    likes = COUNTERS.liked[-1]
    liked = np.sort(likes[CATALOGUE.available])
    threshold = liked[max(round(policy.tail_share * len(liked)) - 1, 0)]
    room = k - sum(slot != "organic" for slot in slots(slate))
    for name in policy.order:
        minimums = []
        if name == "tail":
            minimums = [(lambda rows: likes[rows] <= threshold, policy.tail_places)]
        if name == "providers":
            minimums = [(is_by(group), n) for group, n in policy.provider_places.items()]
        for includes, places in minimums:
            expected = min(places, room, int(includes(candidates).sum()))
            assert includes(slate.pool.rows).sum() >= expected
            room = max(room - places, 0)


def check_filters(policy, blocked, shown):
    """Nothing that a scene or a user blocks is shown."""
    assert CATALOGUE.available[shown].all()
    assert not set(CATALOGUE.ids.names(shown)) & {*policy.blocked_items, *blocked.items}
    by = {CATALOGUE.provider_names.tolist()[p] for p in CATALOGUE.providers[shown] if p >= 0}
    assert not by & {*policy.blocked_providers, *blocked.providers}
    in_category = CATALOGUE.categories[shown].any(axis=0)
    assert not any(in_category[CATEGORIES.index(name)] for name in policy.blocked_categories)
    assert "adult" not in policy.forbidden_flags or not CATALOGUE.has_flag(shown, ["adult"]).any()


def check_caps(policy, slate):
    """No provider, no category and no advertiser has more places than its cap."""
    shown = slate.pool.rows
    by = CATALOGUE.providers[shown][CATALOGUE.providers[shown] >= 0]
    if policy.provider_cap:
        assert np.bincount(by, minlength=1).max() <= policy.provider_cap
    if policy.category_cap:
        assert CATALOGUE.categories[shown].sum(axis=0).max(initial=0) <= policy.category_cap
    assert slots(slate).count("sponsored") <= policy.sponsored_cap


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
    policy=SceneSettings(
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
    policy=SceneSettings(
        provider_places={"acme|bell": 2, "fern": 2}, pinned={"i02": 1}, explore_slots=0
    ),
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
    requested = request("u03", k, exclude=rows(*exclude), filter=text, offset=offset)
    recent = replace(NO_HISTORY, record=UserRecord(blocked))
    built = QueryBuilder(MODELS, COUNTERS, PolicyFilters(CATALOGUE, policy)).build(
        requested, recent
    )
    slate = builder(policy, catalogue=CATALOGUE).rerank(built, pool(*items))
    shown = slate.pool.rows
    assert len(set(shown.tolist())) == len(shown) <= k
    assert len(slate.propensities) == len(slate.slots) == len(slate.explored) == len(shown)
    assert not set(shown.tolist()) & set(exclude)
    check_filters(policy, blocked, shown)
    check_caps(policy, slate)
    assert text != "year >= 1980" or (CATALOGUE.released[shown] >= 1980).all()
    assert policy.seen != "drop" or not set(shown.tolist()) & set(built.history.rows.tolist())
    candidates = rows(*items)
    allowed = candidates[CATALOGUE.available[candidates] & built.allows(candidates)]
    if not policy.provider_cap and not policy.category_cap:
        assert len(shown) >= min(k, len(allowed))
        check_minimums(policy, slate, allowed, k)


@given(
    st.sampled_from(METHODS),
    st.integers(0, 2**32 - 1),
    st.integers(0, 5),
    st.integers(1, 12),
)
def test_the_same_seed_gives_the_same_list_and_every_item_a_chance(method, seed, places, k):
    policy = SceneSettings(explore=method, explore_slots=places, explore_from=1)
    one, two = (builder(policy).rerank(query(k=k, seed=seed), pool(*BEST)) for _ in range(2))
    assert one.pool.rows.tolist() == two.pool.rows.tolist()
    assert one.propensities.tolist() == two.propensities.tolist()
    assert len(set(one.pool.rows.tolist())) == len(one) == k
    assert one.explored.sum() == min(places, k)
    assert np.all((one.propensities > 0) & (one.propensities <= 1))
    assert np.all(one.propensities[~one.explored] == 1)
    assert not np.any(np.diff(one.explored.astype(int)) < 0)
    assert method != "ucb" or np.all(one.propensities == 1)
