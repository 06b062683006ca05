"""Ids and texts, and item attributes as columns."""

import tracemalloc

import numpy as np
import pytest

from app.catalogue.attributes import (
    NumberColumn,
    TextColumn,
    convert_value,
    describe_kinds,
    is_column_name,
    live_columns,
)
from app.catalogue.ids import IdIndex, Texts
from tests.fakes import ITEMS, rows, small_catalogue


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


def test_spare_rows_are_unknown():
    columns = {"price": NumberColumn(np.ones(1)), "language": TextColumn.of(["en"])}
    longer = live_columns(columns, 2)
    assert [[longer[name].at(row) for row in (0, 1, 2)] for name in columns] == [
        [1.0, None, None],
        ["en", None, None],
    ]
    assert columns["price"].values is not longer["price"].values


def test_texts_outside_the_vocabulary_stand_beside_the_codes_and_leave_nothing_behind():
    columns = live_columns({"language": TextColumn.of(["en", None, "de"])}, 2)
    language, rows = columns["language"], np.arange(5)
    for row, text in ((0, "fr"), (3, "fr"), (4, "it"), (1, "de"), (2, None)):
        language.put(row, text)
    assert [language.at(row) for row in range(5)] == ["fr", "de", None, "fr", "it"]
    assert language.equals_any(rows, ["fr", "de"]).tolist() == [True, True, False, True, False]
    assert language.is_known(rows).tolist() == [True, True, False, True, True]
    for row, text in ((0, "en"), (3, "de"), (4, None)):
        language.put(row, text)
    assert not language.equals_any(rows, ["fr", "it"]).any()
    assert (language.extra_rows, language.extra_texts) == ({}, {})


@pytest.mark.parametrize(
    ("kind", "value", "converted"),
    [
        ("number", 3, 3.0),
        ("number", True, 1.0),
        ("text", " en ", "en"),
        ("text", True, "true"),
    ],
)
def test_a_value_is_converted_to_the_form_of_its_column(kind, value, converted):
    result = convert_value("x", kind, value)
    assert result == converted
    assert type(result) is type(converted)


@pytest.mark.parametrize(
    ("kind", "value", "sentence"),
    [
        ("number", "12", r"x is a number up to 1e\+15, such as 12.5, not '12'"),
        ("number", float("nan"), "x is a number"),
        ("number", 1e16, "x is a number"),
        ("text", 42.0, 'x is text, such as "42" in quotes, not the number 42'),
        ("text", "  ", "x is text of 1 to 256 bytes"),
        ("text", "ä" * 129, "x is text of 1 to 256 bytes"),
        ("text", "a\0", "x is text of 1 to 256 bytes"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_in_a_sentence(kind, value, sentence):
    with pytest.raises(ValueError, match=sentence):
        convert_value("x", kind, value)


def test_a_column_name_is_one_that_a_filter_can_read():
    assert all(map(is_column_name, ("price", "Sale_Price", "größe", "_x1")))
    assert not any(map(is_column_name, ("", "1st", "a b", "in", "None", "Year", "true", "x" * 65)))
    assert describe_kinds((("price", "number"),)) == "price (number)"
