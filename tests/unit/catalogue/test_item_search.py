"""Search by the beginning of ids and the words of titles, over items old and new."""

import numpy as np
import pytest

from app.catalogue.catalogue import Catalogue
from app.catalogue.ids import IdIndex, Texts
from app.catalogue.item_search import BLOCK_ROWS, MOST_ROWS, ItemSearch
from app.live_catalogue.catalogue_overlay import build_overlay

TITLES = {
    "a1": "Night City",
    "a2": "City of Love (1998)",
    "b1": "The Knight",
    "b2": None,
    "ä1": "Éclair",
}


def catalogue_of(titles):
    names = sorted(titles, key=str.encode)
    n = len(names)
    base = Catalogue(
        ids=IdIndex.of(names),
        titles=Texts.of([titles[name] for name in names]),
        categories=np.zeros((n, 0), np.uint8),
        category_names=(),
        released=np.full(n, np.nan, np.float32),
        available=np.ones(n, np.bool_),
        providers=np.full(n, -1, np.int32),
        provider_names=Texts.of([]),
    )
    return build_overlay(base, 4)


def add(catalogue, *names):
    for n, name in enumerate(names):
        row = catalogue.published_count + n
        catalogue.ids.added_rows[name], catalogue.ids.added_names[row] = row, name
        catalogue.titles.overrides[row] = f"New {name}"


def added_to(catalogue, search=None):
    search = search or ItemSearch()
    return search.sort_added(catalogue.ids.added_rows)


def matching(catalogue, search):
    blocks = list(search.blocks(catalogue, added_to(catalogue, search)))
    return catalogue.ids.names(np.concatenate([rows for rows, _ in blocks]))


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        (ItemSearch(), ["a1", "a2", "b1", "b2", "ä1"]),
        (ItemSearch(prefix="a"), ["a1", "a2"]),
        (ItemSearch(prefix="c"), []),
        (ItemSearch(words="city"), ["a1", "a2"]),
        (ItemSearch(words="LOV cit"), ["a2"]),
        (ItemSearch(words="night"), ["a1"]),  # "Knight" does not begin with it
        (ItemSearch(words="(1998"), ["a2"]),
        (ItemSearch(words="1998"), ["a2"]),
        (ItemSearch(words="éclair"), ["ä1"]),
        (ItemSearch(prefix="ä"), ["ä1"]),
        (ItemSearch(after="a2"), ["b1", "b2", "ä1"]),
        (ItemSearch(after="a1x"), ["a2", "b1", "b2", "ä1"]),
        (ItemSearch(prefix="a", after="a2"), []),
    ],
)
def test_items_match_by_prefix_and_by_words_in_the_order_of_their_ids(search, expected):
    assert matching(catalogue_of(TITLES), search) == expected


def test_later_items_stand_where_their_ids_belong():
    catalogue = catalogue_of(TITLES)
    add(catalogue, "zz", "a15", "b")
    assert matching(catalogue, ItemSearch()) == ["a1", "a15", "a2", "b", "b1", "b2", "zz", "ä1"]
    assert matching(catalogue, ItemSearch(prefix="a", after="a1")) == ["a15", "a2"]
    assert matching(catalogue, ItemSearch(words="new")) == ["a15", "b", "zz"]


def test_blocks_join_to_the_whole_and_name_where_they_end():
    n = 2 * BLOCK_ROWS + 5
    catalogue = catalogue_of({f"{i:05d}": "even" if i % 2 == 0 else "odd" for i in range(n)})
    add(catalogue, "00000x", f"{BLOCK_ROWS:05d}x", "z")
    blocks = list(ItemSearch(words="even").blocks(catalogue, added_to(catalogue)))
    assert [end for _, end in blocks] == [f"{BLOCK_ROWS - 1:05d}", f"{2 * BLOCK_ROWS - 1:05d}", ""]
    names = catalogue.ids.names(np.concatenate([rows for rows, _ in blocks]))
    assert names == [f"{i:05d}" for i in range(0, n, 2)]
    assert len(matching(catalogue, ItemSearch())) == n + 3
    later = matching(catalogue, ItemSearch(after=blocks[0][1]))
    assert later[:2] == [f"{BLOCK_ROWS:05d}", f"{BLOCK_ROWS:05d}x"]


def test_a_catalogue_without_items_has_later_ones():
    catalogue = catalogue_of({})
    assert matching(catalogue, ItemSearch()) == []
    add(catalogue, "new")
    assert matching(catalogue, ItemSearch()) == ["new"]


def test_many_later_items_are_compared_in_blocks_too():
    catalogue = catalogue_of(TITLES)
    add(catalogue, *(f"n{n:06d}" for n in range(2 * MOST_ROWS)))
    blocks = list(ItemSearch().blocks(catalogue, added_to(catalogue)))
    assert max(len(rows) for rows, _ in blocks) <= MOST_ROWS
    assert len(matching(catalogue, ItemSearch())) == len(TITLES) + 2 * MOST_ROWS
    later = matching(catalogue, ItemSearch(after=blocks[0][1]))
    assert len(later) == len(TITLES) + 2 * MOST_ROWS - len(blocks[0][0])
