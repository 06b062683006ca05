"""Items that were put over HTTP, in the catalogue that is trained."""

import numpy as np

from app.live_catalogue.live_items import ItemRecord
from offline.data.live_items import describe_live_items
from tests.fakes import CATEGORIES, ITEMS, PROVIDERS, rows, small_catalogue


def test_what_a_record_sets_replaces_what_the_files_have_and_the_rest_stays():
    before = small_catalogue()
    records = [
        ItemRecord(
            "i03", 1.0, title="New", text="Prose", categories=("novel", "a"), flags=("adult",)
        ),
        ItemRecord("i04", 1.0, provider="nobody else", released=1999.5),
        ItemRecord("absent", 1.0, title="Not in the catalogue"),
    ]
    after = describe_live_items(before, records)
    assert after.titles.take(rows(3, 4)) == ["New", *before.titles.take(rows(4))]
    assert after.descriptions.take(rows(3, 4)) == ["Prose", None]
    assert after.category_lists.names_of(3) == ("a", "novel")
    assert after.category_lists.names_of(4) == before.category_lists.names_of(4)
    assert set(after.category_names) == {*CATEGORIES, "novel", "a"}
    assert after.categories[3].sum() == 2
    assert after.has_flag(np.arange(ITEMS), ["adult"]).nonzero()[0].tolist() == [3]
    assert after.provider_names.tolist() == sorted([*PROVIDERS, "nobody else"])
    assert (after.providers[rows(4)] == after.provider_codes(["nobody else"])).all()
    assert after.released[4] == 1999.5
    same = np.delete(np.arange(ITEMS), [3, 4])
    assert np.array_equal(after.released[same], before.released[same], equal_nan=True)
    assert after.category_lists.codes_of(same) != []
    assert [after.category_lists.names_of(row) for row in same.tolist()] == [
        before.category_lists.names_of(row) for row in same.tolist()
    ]


def test_without_records_the_catalogue_is_the_same():
    catalogue = small_catalogue()
    assert describe_live_items(catalogue, []) is catalogue
    assert describe_live_items(catalogue, [ItemRecord("absent", 1.0)]) is catalogue
