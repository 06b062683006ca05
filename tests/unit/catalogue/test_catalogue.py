import tracemalloc

import numpy as np
import pytest

from app.catalogue.ids import IdIndex, Texts
from tests.fakes import ITEMS, rows, small_catalogue


def test_ids_are_numbered_once_each_in_byte_order():
    index = IdIndex.of(["b", "a", "é", "10", "9", "a"])
    assert index.names(np.arange(5)) == ["10", "9", "a", "b", "é"]
    assert index.rows(["é", "zz", "9", ""]).tolist() == [4, -1, 1, -1]
    assert index.row("b") == 3


def test_leading_zeros_make_another_id():
    index = IdIndex.of(["7", "007"])
    assert index.row("7") != index.row("007") != -1
    assert index.row("07") == -1


def test_an_id_that_begins_like_a_known_one_is_another():
    index = IdIndex.of(["abc", "abd"])
    assert index.rows(["abcd", "ab", "abdx" * 60]).tolist() == [-1, -1, -1]


@pytest.mark.parametrize("ids", [[], ["a"]])
def test_nothing_known_or_nothing_asked_is_no_row(ids):
    index = IdIndex.of(ids)
    assert index.rows([]).tolist() == []
    assert index.rows(["b", "c"]).tolist() == [-1, -1]
    assert index.row("") == -1


def test_a_long_unknown_id_does_not_copy_all_the_known_ones():
    index = IdIndex(np.array([b"%06d" % i for i in range(50_000)]))
    tracemalloc.start()
    assert index.row("x" * 256) == -1
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < index.keys.nbytes


def test_texts_come_back_as_they_were_and_none_where_there_is_none():
    texts = Texts.of(["Amélie", None, "", "日本"])
    assert len(texts) == 4
    assert texts.tolist() == ["Amélie", None, None, "日本"]
    assert texts.take(rows(3, 0, 0)) == ["日本", "Amélie", "Amélie"]
    assert Texts.of([]).tolist() == []


def test_a_catalogue_is_as_long_as_its_ids():
    assert len(small_catalogue()) == ITEMS == len(small_catalogue().titles)
