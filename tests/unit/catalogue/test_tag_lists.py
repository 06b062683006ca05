"""Every category and flag of each item, as lists."""

import numpy as np

from app.catalogue.ids import IdIndex
from app.catalogue.tag_lists import NO_TAGS, TagLists, cut_tag, mark_tags
from app.catalogue.unknown_names import unknown_tag_notes
from app.live_catalogue.live_tags import LiveTags
from tests.fakes import rows

MARKS = np.array([[1, 0, 1], [0, 0, 0], [0, 1, 1]], np.uint8)
LISTS = TagLists.of_marks(MARKS, ("war", "drama", "love"))


def test_lists_hold_what_the_matrix_marks():
    assert [LISTS.names_of(row) for row in range(3)] == [
        ("love", "war"),
        (),
        ("drama", "love"),
    ]
    assert LISTS.has_any(rows(2, 1, 0), ["war", "drama"]).tolist() == [True, False, True]
    assert LISTS.has_any(rows(0, 1, 2), ["?"]).tolist() == [False] * 3
    assert mark_tags(LISTS, [2, 0]).tolist() == [[1, 0], [0, 0], [0, 1]]
    assert LISTS.codes_of(rows(1, 0)) == [[], [1, 2]]


def test_no_number_of_categories_is_too_many():
    n = 100_000
    names = IdIndex.of([f"c{i}" for i in range(n)])
    every = np.arange(n)
    lists = TagLists.of_pairs(every % 1_000, every, names, 1_000)
    rare = names.names(np.array([99_999]))
    assert lists.has_any(np.arange(1_000), rare).nonzero()[0].tolist() == [999]
    assert lists.has_any(rows(999), names.names(np.arange(50))).tolist() == [False]


def test_a_tag_is_cut_at_256_bytes_between_two_characters():
    assert cut_tag("a\0b") == "ab"
    assert cut_tag("x" + "é" * 200) == "x" + "é" * 127


def live(spare=2):
    return LiveTags.of(LISTS, 3, spare)


def test_a_changed_item_has_its_new_tags_and_no_others():
    lists = live()
    lists.put(0, ("drama", "new"))
    lists.put(3, ("new", "new", "newer"))
    assert lists.names_of(0) == ("drama", "new")
    assert lists.names_of(3) == ("new", "newer")
    assert lists.has_any(np.arange(5), ["war"]).tolist() == [False] * 5
    assert lists.has_any(np.arange(5), ["new"]).tolist() == [True, False, False, True, False]
    assert lists.has_any(np.arange(5), ["love"]).tolist() == [False, False, True, False, False]
    lists.put(0, None)
    assert lists.names_of(0) == LISTS.names_of(0)
    lists.put(3, None)
    assert lists.names_of(3) == ()


def test_the_categories_of_two_new_items_are_equal_where_their_names_are():
    lists = live()
    lists.put(3, ("war", "new"))
    lists.put(4, ("new",))
    (first,), (third,), (fourth,) = (lists.codes_of(rows(row)) for row in (0, 3, 4))
    assert len(set(first) & set(third)) == 1
    assert set(third) & set(fourth) == set(fourth)


def test_a_misspelt_tag_has_hints_of_new_tags_too():
    lists = live()
    lists.put(3, ("Thriller",))
    assert lists.nearest("thriler") == ["Thriller"]
    assert lists.nearest("Drama") == ["drama"]
    lists.put(3, ())
    assert lists.nearest("thriler") == []


def test_a_hint_among_many_tags_has_the_same_first_letter():
    names = IdIndex.of([f"{letter}{n}" for letter in "Aab" for n in range(10_000)])
    lists = TagLists.of_pairs(np.array([0]), np.array([0]), names, 1)
    assert set(lists.nearest("a12x4")) <= {f"{a}{n}" for a in "Aa" for n in range(10_000)}
    assert lists.nearest("A0000") != []
    assert lists.nearest("") == lists.nearest("é") == []
    notes = unknown_tag_notes(lists, ["A1", "zz"], "category")
    assert notes == ['no item has the category "zz"']


def test_tags_that_come_and_go_leave_nothing_behind():
    lists = live()
    for i in range(100):
        lists.put(3, (f"only {i}",))
        lists.put(4, ("kept",))
    assert lists.every_name() == ["drama", "love", "war", "kept", "only 99"]
    assert lists.find(["only 98", "kept"])[0] == -1
    assert lists.has_any(rows(3, 4), ["kept"]).tolist() == [False, True]


def test_as_many_items_with_as_many_tags_as_there_are_rows_can_be_put():
    lists = LiveTags.of(NO_TAGS, 0, 300)
    for row in range(300):
        lists.put(row, tuple(f"{row} {i}" for i in range(row % 100)))
    assert lists.names_of(299) == tuple(sorted(f"299 {i}" for i in range(99)))
    assert lists.has_any(np.arange(300), ["42 7", "199 98"]).nonzero()[0].tolist() == [42, 199]
