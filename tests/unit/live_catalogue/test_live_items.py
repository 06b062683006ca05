"""Items put, changed and deleted in one deployment's arrays."""

from dataclasses import replace

import numpy as np
import pytest

from app.catalogue.attributes import NumberColumn, TextColumn
from app.contracts import NO_HISTORY, Blocked, UserRecord, UserVectors
from app.live_catalogue.catalogue_overlay import build_overlay, with_spare_rows
from app.live_catalogue.live_items import ROW_REST, ItemRecord, LiveItems
from app.rank import new_item_quota
from app.recall.vectors import VectorChannel, flat_index, new_item_vectors
from app.rerank.exploration import ExplorationPool, choose_explored
from app.rerank.filters import PolicyFilters
from app.rerank.policies import SceneSettings
from app.state.counters import PopularityCounters
from tests.fakes import ITEMS, PROVIDERS, pool, proposed, query, request, rows, small_models

SINCE = 9.1e8


def stocked(spare=3):
    models = small_models()
    catalogue = build_overlay(models.catalogue, spare)
    roomy = with_spare_rows(models, catalogue)
    return LiveItems(
        models.catalogue, catalogue, roomy, PopularityCounters(models.popularity, spare)
    )


def item(name="new", **known):
    return ItemRecord(name, SINCE, **known)


def test_a_new_item_takes_a_spare_row_with_all_that_is_told_of_it():
    stock = stocked()
    assert not stock.catalogue.available[ITEMS:].any()
    stock.put(item(title="Neu", categories=("war", "novel"), provider="zeta", released=1999.5))
    known, row = stock.catalogue, stock.catalogue.ids.rows(["i03", "new"])
    assert row.tolist() == [3, ITEMS]
    assert known.ids.names(row) == ["i03", "new"]
    assert known.available[ITEMS]
    assert known.titles.take(row) == [stock.base.titles.take(rows(3))[0], "Neu"]
    assert known.has_category(row, ["novel"]).tolist() == [False, True]
    assert known.has_category(row[1:], ["war"]).tolist() == [True]
    assert (known.providers[row[1:]] == known.provider_codes(["zeta"])).all()
    assert stock.complete_record(item()).released == 1999.5
    assert stock.complete_record(item()).categories == ("war", "novel")
    assert stock.counters.first_seen[ITEMS] == SINCE
    stock.counters.refresh()
    assert stock.counters.fresh().rows[0] == ITEMS


def test_what_is_told_of_an_item_of_the_bundle_replaces_that_part_alone_and_can_be_taken_back():
    stock = stocked()
    before = stock.complete_record(item("i03"))
    stock.put(item("i03", title="Other", flags=("adult",), provider="echo"))
    told = stock.complete_record(item("i03"))
    assert (told.title, told.flags, told.provider) == ("Other", ("adult",), "echo")
    assert told.categories == before.categories
    assert stock.catalogue.has_flag(rows(2, 3), ["adult"]).tolist() == [False, True]
    stock.put(item("i03"))
    assert stock.complete_record(item("i03")) == before
    assert stock.base.titles.take(rows(3)) == [before.title]


def priced():
    """A stock whose bundle knows a price and a language of each item but the last."""
    models, n = small_models(), ITEMS - 1
    known = {
        "price": NumberColumn(np.append(np.arange(float(n)), np.nan)),
        "language": TextColumn.of([*(("en", "de")[i % 2] for i in range(n)), None]),
    }
    base = replace(models.catalogue, attributes=known)
    catalogue = build_overlay(base, 2)
    return LiveItems(
        base,
        catalogue,
        with_spare_rows(models, catalogue),
        PopularityCounters(models.popularity, 2),
    )


def test_attributes_told_replace_those_of_the_bundle_one_by_one():
    stock = priced()
    assert stock.complete_record(item("i03")).attributes == {"price": 3.0, "language": "de"}
    stock.put(item("i03", attributes={"price": 5.5, "language": None}))
    assert stock.complete_record(item("i03")).attributes == {"price": 5.5, "language": "de"}
    stock.put(item("i03", attributes={"language": "fr"}))
    assert stock.complete_record(item("i03")).attributes == {"price": 3.0, "language": "fr"}
    stock.put(item("i03"))
    assert stock.complete_record(item("i03")).attributes == {"price": 3.0, "language": "de"}
    assert stock.base.attributes["price"].at(3) == 3.0
    assert stock.catalogue.attributes["language"].extra_rows == {}


def test_a_spare_row_knows_nothing_but_what_its_item_is_told_of():
    stock = priced()
    stock.put(item("a", attributes={"price": 1.0, "language": "fr"}))
    assert stock.complete_record(item("a")).attributes == {"price": 1.0, "language": "fr"}
    stock.put(item("b"))
    assert stock.complete_record(item("b")).attributes == {"price": None, "language": None}
    stock.put(item("a", is_deleted=True))
    now, stock.clock = ROW_REST, lambda: now + 1e9
    stock.put(item("c", attributes={"language": "en"}))
    assert stock.catalogue.ids.row("c") == ITEMS
    assert stock.complete_record(item("c")).attributes == {"price": None, "language": "en"}


def test_attributes_that_this_bundle_does_not_know_or_has_otherwise_are_passed_over():
    stock = priced()
    told = {"price": "cheap", "language": 3.0, "colour": "red"}
    stock.put(item("i03", attributes=told))
    assert stock.complete_record(item("i03")).attributes == {"price": 3.0, "language": "de"}


@pytest.mark.parametrize("name", ["new", "i03"])
@pytest.mark.parametrize("how", [{"is_available": False}, {"is_deleted": True}])
def test_what_is_deleted_or_not_available_is_so_until_it_is_put_again(name, how):
    stock = stocked()
    stock.put(item(name))
    row = stock.catalogue.ids.row(name)
    stock.put(item(name, **how))
    assert not stock.catalogue.available[row]
    stock.put(item(name))
    assert stock.catalogue.available[stock.catalogue.ids.row(name)]


def test_items_without_a_spare_row_wait_until_one_is_free():
    stock = stocked(spare=2)
    for name in ("a", "b", "c", "d"):
        assert stock.has_row_for(item(name)) == (name in "ab")
        stock.put(item(name, title=name))
    assert list(stock.waiting) == ["c", "d"]
    stock.counters.apply(rows(ITEMS), np.ones(1, np.float32), np.array([SINCE]))
    now = 0.0
    stock.clock = lambda: now
    stock.put(item("a", is_deleted=True))
    stock.put(item("e"))
    assert stock.catalogue.ids.rows(["a", "b", "c"]).tolist() == [-1, ITEMS + 1, -1]  # rests
    assert not stock.catalogue.available[ITEMS]
    now = ROW_REST
    stock.place_waiting()
    assert stock.catalogue.ids.rows(["a", "b", "c", "d"]).tolist() == [-1, ITEMS + 1, ITEMS, -1]
    assert stock.catalogue.titles.take(rows(ITEMS)) == ["c"]
    assert stock.counters.liked[-1][ITEMS] == 0
    assert stock.placed_count == 2
    stock.put(item("d", is_deleted=True))
    assert list(stock.waiting) == ["e"]


def test_an_item_whose_provider_has_no_code_left_is_not_shown():
    stock = stocked(spare=1)
    stock.put(item("i03", provider="first"))
    stock.put(item("i04", provider="second"))
    assert list(stock.waiting) == ["i04"]
    assert stock.catalogue.available[3]
    assert not stock.catalogue.available[4]
    stock.put(item("i04", provider=PROVIDERS[0]))
    assert stock.catalogue.available[4]


def test_invented_providers_do_not_take_the_codes_for_good():
    stock, now = stocked(spare=2), 0.0
    stock.clock = lambda: now
    for n in range(1_000):
        stock.put(item("i03", provider=f"invented {n}"))  # replaces the one before
        stock.put(item("new", provider=f"one more {n}"))
        assert not stock.waiting
        stock.put(item("new", is_deleted=True))
        stock.put(item("i03", provider=PROVIDERS[0]))
        now += ROW_REST
        stock.place_waiting()
    stock.put(item("i03", provider="first"))
    stock.put(item("i04", provider="second"))
    assert stock.complete_record(item("i04")).provider == "second"
    assert stock.wanted_spare_count(100) == 8
    assert not stock.has_row_for(item("i05", provider="third"))
    names = [name for name in stock.catalogue.provider_names.tolist() if name]
    assert sorted(set(names) - set(PROVIDERS)) == ["first", "second"]


def test_a_code_rests_before_it_is_anothers_and_returns_to_its_own_provider_at_once():
    stock, now = stocked(spare=1), 0.0
    stock.clock = lambda: now
    stock.put(item("i03", provider="first"))
    code = stock.catalogue.providers[3]
    stock.put(item("i03"))
    stock.put(item("i04", provider="second"))
    assert list(stock.waiting) == ["i04"]  # a list being made may take the code for "first"
    stock.put(item("i05", provider="first"))
    now = ROW_REST
    stock.place_waiting()
    assert stock.catalogue.providers[5] == code
    assert list(stock.waiting) == ["i04"]
    stock.put(item("i05", is_deleted=True))
    now += ROW_REST
    stock.place_waiting()
    assert not stock.waiting
    assert stock.complete_record(item("i04")).provider == "second"


def test_an_item_that_changes_the_provider_can_use_the_code_of_the_one_before():
    stock, now = stocked(spare=1), 0.0
    stock.clock = lambda: now
    stock.put(item("i03", provider="first"))
    stock.put(item("i03", provider="second"))
    assert not stock.catalogue.available[3]
    now = ROW_REST
    stock.place_waiting()
    assert stock.catalogue.available[3]
    assert stock.complete_record(item("i03")).provider == "second"


def test_the_state_does_not_depend_on_the_order_in_which_items_were_told():
    news = [item("i03", title="x", is_available=False), item("a", categories=("novel",)), item("b")]
    one, two = stocked(), stocked()
    for stock, order in ((one, news), (two, [item("i03", is_deleted=True), *news[::-1]])):
        for told in order:
            stock.put(told)
    for told in news:
        assert one.complete_record(told) == two.complete_record(told)


def test_models_with_room_hold_the_same_and_nothing_behind():
    models = small_models()
    roomy = with_spare_rows(models, build_overlay(models.catalogue, 5))
    for mine, theirs in (
        (roomy.factors.items, models.factors.items),
        (roomy.content.items, models.content.items),
        (roomy.segments.share.T, models.segments.share.T),
        (roomy.catalogue.categories, models.catalogue.categories),
        (roomy.factors.lengths, models.factors.lengths),
    ):
        assert len(mine) == ITEMS + 5
        assert mine[:ITEMS].tobytes() == theirs.tobytes()
        assert np.abs(mine[ITEMS:]).max() <= 1e-9
    assert len(roomy.catalogue) == len(roomy.catalogue.titles) == ITEMS + 5
    assert (
        PopularityCounters(models.popularity, 5).total.tobytes()
        == PopularityCounters(models.popularity).total.tobytes()
    )


def test_room_for_nothing_copies_the_catalogue_alone():
    models = small_models()
    roomy = with_spare_rows(models, build_overlay(models.catalogue, 0))
    assert roomy.factors is models.factors
    assert not np.shares_memory(roomy.catalogue.available, models.catalogue.available)
    stock = LiveItems(
        models.catalogue, roomy.catalogue, roomy, PopularityCounters(models.popularity)
    )
    stock.put(item("i03", is_available=False))
    assert models.catalogue.available[3]
    assert not stock.has_row_for(item())
    assert stock.has_row_for(replace(item(), item_id="i03"))


def test_a_new_item_stands_where_items_that_are_described_alike_do():
    stock = stocked()
    models, like = stock.models, 12
    known = stock.complete_record(item(f"i{like}"))
    told = (known.title, known.categories, known.released)
    stock.put(item(title=told[0], categories=told[1], released=told[2]))
    near = models.content.items @ models.content.items[ITEMS]
    assert near[ITEMS] == pytest.approx(1.0)
    assert near[like] == pytest.approx(1.0, abs=1e-4)
    mapped = models.factors.items[ITEMS]
    mean = models.factors.items[:ITEMS].mean(axis=0)
    away = models.factors.items[:ITEMS] - mean
    towards = away @ (mapped - models.cold_item_model.mean)
    assert (towards > 0)[np.flatnonzero(near[:ITEMS] > 0.8)].mean() > 0.7
    assert models.factors.lengths[ITEMS] == pytest.approx(np.linalg.norm(mapped), rel=1e-6)
    stock.put(item(title="of words that nobody knows"))
    assert not models.content.items[ITEMS].any()
    assert not models.factors.items[ITEMS].any()


async def test_vector_channels_find_new_items_until_they_are_gone():
    stock = stocked()
    models = stock.models
    vectors = VectorChannel(
        "content",
        flat_index(models.content.items[:ITEMS]),
        models.content.items,
        lambda asked: asked.vectors.content,
        new_item_vectors(models, models.content.items),
    )
    taste = UserVectors(np.empty(0, np.float32), models.content.items[12])
    asked = query(n=ITEMS + 3, vectors=taste)
    before = await proposed(vectors, asked)
    known = stock.complete_record(item("i12"))
    stock.put(item(title=known.title, categories=known.categories, released=known.released))
    found = await proposed(vectors, asked)
    assert set(found.rows) == {*before.rows, ITEMS}
    assert ITEMS in found.rows[:3]
    assert found.scores[found.rows.tolist().index(ITEMS)] == pytest.approx(1.0, abs=1e-4)
    stock.put(item(is_deleted=True))
    assert (await proposed(vectors, asked)).rows.tolist() == before.rows.tolist()


def test_a_row_that_no_item_has_has_no_name():
    ids = stocked().catalogue.ids
    assert ids.names(np.array([3, ITEMS])) == ["i03", ""]


def test_the_best_newcomers_get_past_a_ranker_and_keep_their_scores():
    ranked = pool(*range(10), 50, 51, 52, scores=[*range(20, 10, -1), 1, 3, 2])
    untried = np.zeros(60)
    kept = new_item_quota.keep_top(ranked, 5, 50, untried)
    assert kept.rows.tolist() == [0, 1, 2, 51, 52]
    assert kept.scores.tolist() == [20, 19, 18, 3, 2]
    assert new_item_quota.keep_top(ranked, 5, 60, untried).rows.tolist() == [0, 1, 2, 3, 4]
    assert new_item_quota.keep_top(ranked, 1, 50, untried).rows.tolist() == [51]


def test_the_seats_of_newcomers_are_for_those_that_were_shown_least():
    ranked = pool(*range(10), 50, 51, 52, scores=[*range(20, 10, -1), 1, 3, 2])
    exposures = np.zeros(60)
    exposures[51], exposures[:10] = 4, 100
    assert new_item_quota.keep_top(ranked, 5, 50, exposures).rows.tolist() == [0, 1, 2, 52, 50]
    exposures[50] = 9
    assert new_item_quota.keep_top(ranked, 5, 50, exposures).rows.tolist() == [0, 1, 2, 51, 52]


def test_exploration_tries_what_came_later_before_what_the_bundle_knows():
    stock = stocked()
    stock.put(item())
    live, offered = stock.counters, rows(1, 2, ITEMS)
    live.count_impressions(np.repeat(rows(1), 50))
    offer = ExplorationPool(offered, np.array([0.9, 0.8, 0.1], np.float32), 1)
    policy = SceneSettings(explore_beta=0.01)
    assert offered[choose_explored(policy, live, offer, [1]).chosen].tolist() == [ITEMS]
    live.count_impressions(rows(ITEMS))
    assert offered[choose_explored(policy, live, offer, [1]).chosen].tolist() == [1]
    assert live.trial_counts(offered).tolist() == [51, 1, 1]


def test_an_item_that_others_hid_before_it_had_a_row_is_withheld():
    stock = stocked()
    recent = replace(NO_HISTORY, record=UserRecord(withheld=Blocked(("second",))))
    (withholding,) = PolicyFilters(stock.catalogue).build_filters(request("u"), recent)
    stock.put(item("first"))
    stock.put(item("second"))
    assert withholding.allows(rows(3, ITEMS, ITEMS + 1)).tolist() == [True, True, False]


def test_what_a_policy_blocks_or_forbids_holds_for_items_that_come_later():
    stock = stocked(spare=5)
    policy = SceneSettings(
        blocked_items=("i04", "second"),
        blocked_providers=("zeta",),
        blocked_categories=("novel",),
        forbidden_flags=("adult",),
    )
    filters = PolicyFilters(stock.catalogue, policy)
    stock.put(item("first"))
    query_filters = filters.build_filters(request("u"), NO_HISTORY)
    stock.put(item("second"))
    stock.put(item("third", provider="zeta"))
    stock.put(item("fourth", categories=("novel",)))
    stock.put(item("fifth", flags=("adult",)))
    wanted = rows(3, 4, *range(ITEMS, ITEMS + 5))
    allowed = np.all([each.allows(wanted) for each in query_filters], axis=0)
    assert allowed.tolist() == [True, False, True, False, False, False, False]
    stock.put(item("i03", provider="zeta"))
    stock.put(item("fifth"))
    allowed = np.all([each.allows(wanted) for each in query_filters], axis=0)
    assert allowed.tolist() == [False, False, True, False, False, False, True]
