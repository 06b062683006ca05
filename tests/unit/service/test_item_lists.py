"""Lists for nobody in particular: what they may hold, and in which order."""

from dataclasses import replace

import numpy as np
import pytest

from app.artifacts import NeighbourTable
from app.live_catalogue.catalogue_overlay import build_overlay, with_spare_rows
from app.recall.vectors import flat_indexes
from app.service.item_lists import (
    PopularityList,
    bought_together,
    scene_lift,
    similar_by_behaviour,
    similar_by_content,
    variants_of,
)
from app.state.counters import PopularityCounters
from tests.fakes import query, rows, small_models


class Allowing:
    """A filter that allows these rows alone."""

    name = "filter"

    def __init__(self, *allowed):
        self.allowed = rows(*allowed)

    def allows(self, wanted):
        return np.isin(wanted, self.allowed)


@pytest.fixture(scope="module")
def models():
    return small_models()


@pytest.fixture(scope="module")
def indexes(models):
    return flat_indexes(models)


def without(models, *unavailable):
    available = models.catalogue.available.copy()
    available[list(unavailable)] = False
    return replace(models, catalogue=replace(models.catalogue, available=available))


def test_similar_items_by_behaviour_are_those_of_the_tables_fused(models):
    similar = similar_by_behaviour(models, query(exclude=[3], k=5), 3)
    assert len(similar.items) == 5
    assert 3 not in similar.items.rows
    assert set(similar.by_table) == {"item_cf", "ease", "rp3beta"}
    assert (np.diff(similar.items.scores) <= 0).all()
    for listed in similar.by_table.values():
        assert similar.items.rows[0] in listed.rows[:5]


def test_what_is_unavailable_excluded_or_filtered_out_is_never_similar(models, indexes):
    for similar in (
        lambda models, query: similar_by_behaviour(models, query, 3),
        lambda models, query: similar_by_content(models, indexes, query, 3),
    ):
        first, second, third, *_ = similar(models, query(exclude=[3])).items.rows.tolist()
        left = similar(without(models, first), query(exclude=[3, second])).items.rows
        assert not {first, second} & set(left.tolist())
        only = similar(models, query(exclude=[3], filters=(Allowing(third),))).items.rows
        assert only.tolist() == [third]


def test_similar_items_by_content_have_the_largest_cosines(models, indexes):
    similar = similar_by_content(models, indexes, query(exclude=[3], k=80), 3).items
    cosines = models.content.items @ models.content.items[3]
    expected = [row for row in np.argsort(-cosines, kind="stable") if cosines[row] > 0 and row != 3]
    assert similar.rows.tolist() == expected


def test_an_item_without_events_or_content_resembles_nothing(models, indexes):
    last = len(models.catalogue) - 1
    assert len(similar_by_behaviour(models, query(), last).items) == 0
    bare = replace(models, content=replace(models.content, items=models.content.items * 0))
    assert len(similar_by_content(bare, indexes, query(), 3).items) == 0


def test_the_variants_of_an_item_are_its_duplicates_and_itself(models):
    duplicates = np.full(len(models.catalogue), -1, np.int32)
    duplicates[[2, 5]] = 0
    models = replace(models, duplicates=duplicates)
    assert variants_of(models, 5).tolist() == [2, 5]
    assert variants_of(models, 4).tolist() == [4]
    assert variants_of(models, len(duplicates) + 3).tolist() == [len(duplicates) + 3]


def test_items_bought_together_keep_the_order_of_the_table(models):
    n = len(models.catalogue)
    indptr = np.minimum(np.arange(n + 1) * 3, 3)
    table = NeighbourTable(indptr, np.array([7, 8, 9], np.int32), np.float32([3, 2, 1]))
    shop = replace(models, tables={**models.tables, "together": table})
    assert bought_together(shop, query(), 0).rows.tolist() == [7, 8, 9]
    assert bought_together(without(shop, 8), query(exclude=[7]), 0).rows.tolist() == [9]
    assert len(bought_together(shop, query(), 1)) == 0
    assert len(bought_together(models, query(), 0)) == 0


@pytest.mark.parametrize("name", ["popular", "trending"])
def test_the_popular_items_are_those_of_the_live_list(models, name):
    counters = PopularityCounters.of(models)
    listed = getattr(counters, name)()
    best = PopularityList(name).select(models, counters, query(k=5))
    assert best.rows.tolist() == listed.rows[:5].tolist()
    first = int(best.rows[0])
    fewer = PopularityList(name).select(without(models, first), counters, query(k=5))
    assert fewer.rows.tolist() == listed.rows[1:6].tolist()


def test_a_live_event_moves_an_item_up(models):
    counters = PopularityCounters.of(models)
    last = len(models.catalogue) - 1
    liked = np.ones(1_000, np.float32), np.full(1_000, counters.now + 1)
    counters.apply(np.full(1_000, last), *liked)
    counters.refresh()
    for name in ("popular", "trending"):
        assert PopularityList(name).select(models, counters, query(k=1)).rows.tolist() == [last]


def test_popular_items_of_a_category_have_it(models):
    counters, catalogue = PopularityCounters.of(models), models.catalogue
    found = PopularityList("popular", "war").select(models, counters, query(k=5)).rows
    assert len(found) == 5
    assert catalogue.has_category(found, ["war"]).all()
    assert len(PopularityList("popular", "none").select(models, counters, query())) == 0


def test_a_segment_lifts_what_its_users_prefer(models):
    counters, segments = PopularityCounters.of(models), models.segments
    codes = np.full(len(segments.names), -1, np.int32)
    at = segments.names.index("group")
    codes[at] = 0
    mine = PopularityList("popular", segments=codes).select(models, counters, query(k=80))
    everyone = PopularityList("popular").select(models, counters, query(k=80))
    assert set(mine.rows.tolist()) == set(everyone.rows.tolist())
    higher = mine.scores[np.argsort(mine.rows)] > everyone.scores[np.argsort(everyone.rows)]
    assert higher.any()
    shares = segments.share[:, np.sort(mine.rows)]
    assert np.array_equal(higher, shares[segments.offsets[at]] > shares[-1])


def test_likes_on_the_lists_of_a_scene_count_more_there(models):
    counters = PopularityCounters.of(models)
    tenth = PopularityList("popular").select(models, counters, query(k=10)).rows[-1:]
    for _ in range(200):
        counters.count_scene_successes(tenth, "cart")
    there = PopularityList("popular", scene="cart").select(models, counters, query(k=10))
    assert there.rows[0] == tenth[0]
    elsewhere = PopularityList("popular", scene="row").select(models, counters, query(k=10))
    assert elsewhere.rows[-1] == tenth[0]


def test_the_lift_of_a_scene_without_likes_is_one():
    none, everywhere = np.zeros(3, np.float32), np.array([5.0, 0.0, 1.0])
    assert scene_lift(none, everywhere, rows(0, 1, 2), 10.0).tolist() == pytest.approx([1, 1, 1])


def test_a_large_catalogue_is_searched_by_the_index_and_as_a_whole_where_that_is_not_enough(
    models, indexes
):
    whole = similar_by_content(models, indexes, query(exclude=[3]), 3).items
    searched = similar_by_content(models, indexes, query(exclude=[3]), 3, max_products=0).items
    assert searched.rows.tolist() == whole.rows.tolist()
    only = query(exclude=[3], filters=(Allowing(int(whole.rows[-1])),))
    searched = similar_by_content(models, indexes, only, 3, max_products=0).items
    assert searched.rows.tolist() == whole.rows[-1:].tolist()


def test_a_category_beyond_the_thousand_most_liked_items_is_found_in_the_whole_catalogue(models):
    n, spare = len(models.catalogue), 1_100
    many = with_spare_rows(models, build_overlay(models.catalogue, spare))
    counters = PopularityCounters.of(many, spare)
    rows = np.repeat(np.arange(n, n + spare), 60)
    many.catalogue.available[n:] = True
    counters.apply(rows, np.ones(len(rows), np.float32), np.full(len(rows), counters.now + 1))
    counters.refresh()
    assert counters.popular().rows.min() >= n
    war = PopularityList("popular", "war").select(many, counters, query(k=3))
    before = PopularityList("popular", "war").select(
        models, PopularityCounters.of(models), query(k=3)
    )
    assert war.rows.tolist() == before.rows.tolist()
