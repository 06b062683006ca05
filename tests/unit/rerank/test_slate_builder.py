"""The list of k: what may be in it, its length, its order, and what fills the gaps."""

from dataclasses import replace

import numpy as np
import pytest

from app.catalogue.ids import IdIndex
from app.contracts import NO_HISTORY, Blocked, UserRecord
from app.query_builder import QueryBuilder
from app.rerank.filters import PolicyFilters, is_permitted
from app.rerank.policies import SceneSettings
from tests.fakes import ITEMS, pool, query, request, rows
from tests.unit.rerank.slates import (
    BEST,
    CATALOGUE,
    COUNTERS,
    MODELS,
    PLAIN,
    build_slate,
    builder,
    shown,
)


def test_without_policies_the_order_of_the_ranker_stands():
    slate = build_slate()
    assert shown(slate) == [20, 21, 22, 23, 24]
    assert not slate.explored.any()


def test_the_pool_need_not_be_sorted():
    assert shown(builder().rerank(query(k=2), pool(3, 4, 5, scores=[1, 3, 2]))) == [4, 5]


def test_a_filtered_item_is_not_shown_and_the_next_candidate_fills_the_gap():
    available = np.ones(ITEMS, np.bool_)
    available[[21, 22]] = False
    catalogue = replace(MODELS.catalogue, available=available)
    slate = build_slate(PLAIN, query(k=3, exclude=[20, 24]), catalogue=catalogue)
    assert shown(slate) == [23, 25, 26]


@pytest.mark.parametrize(
    "policy", [PLAIN, SceneSettings(), SceneSettings(explore_slots=5, explore_from=1)]
)
@pytest.mark.parametrize("k", [0, 1, 5, 19, 20, 21, 500])
def test_a_list_has_k_different_items_or_all_there_are(policy, k):
    slate = build_slate(policy, query(k=k))
    assert len(shown(slate)) == len(set(shown(slate))) == min(k, len(BEST))
    assert set(shown(slate)) <= set(BEST)
    assert slate.explored.shape == (len(slate),)


@pytest.mark.parametrize("policy", [PLAIN, SceneSettings()])
def test_an_empty_pool_gives_an_empty_list(policy):
    assert shown(build_slate(policy, items=())) == []
    assert shown(build_slate(policy, query(k=5, exclude=BEST))) == []


@pytest.mark.parametrize("policy", [PLAIN, SceneSettings(explore_slots=2)])
def test_items_with_a_broken_score_sink_and_nothing_is_shown_twice(policy):
    scores = np.linspace(1, 0.5, len(BEST)).astype(np.float32)
    scores[[0, 3]] = np.nan
    broken = pool(*BEST).with_scores(scores)
    first = shown(builder(policy).rerank(query(k=10), broken))
    assert len(set(first)) == 10
    assert not {20, 23} & set(first[:8])
    assert set(shown(builder(policy).rerank(query(k=20), broken))) == set(BEST)


def test_the_list_is_full_even_if_every_score_is_broken():
    broken = pool(*BEST).with_scores(np.full(20, np.nan, np.float32))
    assert len(set(shown(builder(SceneSettings()).rerank(query(k=5), broken)))) == 5


def test_the_policy_of_the_scene_applies():
    scenes = {"front": replace(PLAIN, pinned={"i70": 1})}
    assert shown(build_slate(PLAIN, query(k=2, scene="front"), scenes=scenes)) == [70, 20]
    assert shown(build_slate(PLAIN, query(k=2, scene="home"), scenes=scenes)) == [20, 21]


def test_the_trace_names_the_policies_that_changed_something():
    trace = dict(build_slate(replace(PLAIN, pinned={"i70": 1})).trace())
    assert trace["pinned"] >= 1
    assert "tail" not in trace


def excluded(policy, user="", recent=NO_HISTORY, **parts):
    filters = PolicyFilters(CATALOGUE, policy)
    result = QueryBuilder(MODELS, COUNTERS, filters).build(request(user, **parts), recent)
    return result, result.excluded.tolist()


def test_only_available_items_that_are_not_excluded_are_permitted():
    available = np.array([True, False, True, True])
    permitted = is_permitted(query(n=4, exclude=[2]), rows(3, 2, 1, 0), available)
    assert permitted.tolist() == [True, False, False, True]


def test_names_that_a_policy_blocks_are_looked_up_once():
    looked_up = []

    class CountingIds(IdIndex):
        def rows(self, ids):
            looked_up.append(len(ids))
            return super().rows(ids)

    names = CATALOGUE.ids.names(rows(20, 30))
    catalogue = replace(CATALOGUE, ids=CountingIds(CATALOGUE.ids.keys))
    policy_filters = PolicyFilters(catalogue, SceneSettings(blocked_items=tuple(names)))
    for scene in ("home", "", "another"):
        (blocking,) = policy_filters.build_filters(request("u", scene=scene), NO_HISTORY)
        for _ in range(3):
            assert blocking.allows(rows(19, 20, 30)).tolist() == [True, False, False]
    assert looked_up == [2]


def test_what_anybody_hides_is_withheld_from_a_user_of_unknown_filters():
    everything = rows(*range(ITEMS))
    provider, category = CATALOGUE.provider_names.tolist()[0], CATALOGUE.category_names[0]
    items = (*CATALOGUE.ids.names(rows(20, 30)), "not in the catalogue")
    policy_filters = PolicyFilters(CATALOGUE)

    def allowed(withheld):
        recent = replace(NO_HISTORY, record=UserRecord(withheld=withheld))
        (withholding,) = policy_filters.build_filters(request("u"), recent)
        assert withholding.name == "hidden_by_others"
        return set(everything[withholding.allows(everything)].tolist())

    assert allowed(Blocked(items)) == set(everything.tolist()) - {20, 30}
    of_provider = set(everything[CATALOGUE.providers == 0].tolist())
    of_category = set(everything[CATALOGUE.has_category(everything, (category,))].tolist())
    assert of_provider
    assert of_category
    assert allowed(Blocked((), (provider,), (category,))) == (
        set(everything.tolist()) - of_provider - of_category
    )


@pytest.mark.parametrize(("shown", "expected"), [("drop", [20, 23]), ("demote", []), ("keep", [])])
def test_items_shown_lately_are_excluded_only_where_the_scene_drops_them(shown, expected):
    recent = replace(NO_HISTORY, impressions=rows(20, 23))
    assert excluded(SceneSettings(shown=shown), recent=recent)[1] == expected


@pytest.mark.parametrize("seen", ["drop", "demote", "keep"])
def test_seen_items_are_candidates_unless_the_scene_drops_them(seen):
    result, _ = excluded(SceneSettings(seen=seen), "u03")
    assert len(result.history)
    assert np.isin(result.history.rows, result.excluded).all() == (seen == "drop")
    assert excluded(SceneSettings(seen=seen), exclude=rows(3))[1] == [3]
