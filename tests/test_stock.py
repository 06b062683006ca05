"""Items put, changed and deleted in one deployment's arrays."""

from dataclasses import replace

import numpy as np
import pytest

from app.growing import growing
from app.room import with_room
from app.state.live import Live
from app.stock import Item, Stock
from tests.fakes import ITEMS, PROVIDERS, rows, small_models

SINCE = 9.1e8


def stocked(spare=3):
    models = small_models()
    catalogue = growing(models.catalogue, spare)
    return Stock(models.catalogue, catalogue, Live(models.popularity, spare))


def item(name="new", **known):
    return Item(name, SINCE, **known)


def test_a_new_item_takes_a_spare_row_with_all_that_is_told_of_it():
    stock = stocked()
    assert not stock.catalogue.available[ITEMS:].any()
    stock.put(item(title="Neu", categories=("war", "novel"), provider="zeta", released=1999.5))
    known, row = stock.catalogue, stock.catalogue.ids.rows(["i03", "new"])
    assert row.tolist() == [3, ITEMS]
    assert known.ids.names(row) == ["i03", "new"]
    assert known.available[ITEMS]
    assert known.titles.take(row) == [stock.base.titles.take(rows(3))[0], "Neu"]
    assert known.categorised(row, ["novel"]).tolist() == [False, True]
    assert known.categorised(row[1:], ["war"]).tolist() == [True]
    assert (known.providers[row[1:]] == known.provider_codes(["zeta"])).all()
    assert stock.served(item()).released == 1999.5
    assert stock.served(item()).categories == ("war", "novel")
    assert stock.crowd.first_seen[ITEMS] == SINCE
    stock.crowd.refresh()
    assert stock.crowd.fresh().rows[0] == ITEMS


def test_what_is_told_of_an_item_of_the_bundle_replaces_that_part_alone_and_can_be_taken_back():
    stock = stocked()
    before = stock.served(item("i03"))
    stock.put(item("i03", title="Other", flags=("adult",), provider="echo"))
    told = stock.served(item("i03"))
    assert (told.title, told.flags, told.provider) == ("Other", ("adult",), "echo")
    assert told.categories == before.categories
    assert stock.catalogue.flagged(rows(2, 3), ["adult"]).tolist() == [False, True]
    stock.put(item("i03"))
    assert stock.served(item("i03")) == before
    assert stock.base.titles.take(rows(3)) == [before.title]


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
        assert stock.fits(item(name)) == (name in "ab")
        stock.put(item(name, title=name))
    assert list(stock.waiting) == ["c", "d"]
    stock.crowd.apply(rows(ITEMS), np.ones(1, np.float32), np.array([SINCE]))
    stock.put(item("a", is_deleted=True))
    assert stock.catalogue.ids.rows(["a", "b", "c", "d"]).tolist() == [-1, ITEMS + 1, ITEMS, -1]
    assert stock.catalogue.titles.take(rows(ITEMS)) == ["c"]
    assert stock.crowd.liked[-1][ITEMS] == 0
    assert stock.taken == 2
    stock.put(item("d", is_deleted=True))
    assert not stock.waiting


def test_an_item_whose_provider_has_no_code_left_is_not_shown():
    stock = stocked(spare=1)
    stock.put(item("i03", provider="first"))
    stock.put(item("i04", provider="second"))
    assert list(stock.waiting) == ["i04"]
    assert stock.catalogue.available[3]
    assert not stock.catalogue.available[4]
    stock.put(item("i04", provider=PROVIDERS[0]))
    assert stock.catalogue.available[4]


def test_the_state_does_not_depend_on_the_order_in_which_items_were_told():
    news = [item("i03", title="x", is_available=False), item("a", categories=("novel",)), item("b")]
    one, two = stocked(), stocked()
    for stock, order in ((one, news), (two, [item("i03", is_deleted=True), *news[::-1]])):
        for told in order:
            stock.put(told)
    for told in news:
        assert one.served(told) == two.served(told)


def test_models_with_room_hold_the_same_and_nothing_behind():
    models = small_models()
    roomy = with_room(models, growing(models.catalogue, 5))
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
    assert Live(models.popularity, 5).total.tobytes() == Live(models.popularity).total.tobytes()


def test_room_for_nothing_copies_the_catalogue_alone():
    models = small_models()
    roomy = with_room(models, growing(models.catalogue, 0))
    assert roomy.factors is models.factors
    assert not np.shares_memory(roomy.catalogue.available, models.catalogue.available)
    stock = Stock(models.catalogue, roomy.catalogue, Live(models.popularity))
    stock.put(item("i03", is_available=False))
    assert models.catalogue.available[3]
    assert not stock.fits(item())
    assert stock.fits(replace(item(), item_id="i03"))
