"""Numbers as shops write them; one odd text does not turn a column into text."""

import numpy as np
import polars as pl
import pytest

from offline.data.numbers import parse_numbers, parse_values
from offline.data.readers import load_dataset


@pytest.mark.parametrize(
    ("texts", "numbers"),
    [
        (["$12.99", "12 €", "€ 4", "USD 5", "kr 20"], [12.99, 12.0, 4.0, 5.0, 20.0]),
        (["1,299.00", "20"], [1299.0, 20.0]),
        (["5,50", "1.299", "1.299,00 €"], [5.5, 1299.0, 1299.0]),
        (["5,50", "5.50"], [5.5, 5.5]),
        (["1 299", "1'000", "1\u00a0000,5"], [1299.0, 1000.0, 1000.5]),
        (["50%", "-$3", "($5)", "1e3"], [50.0, -3.0, -5.0, 1000.0]),
        (["N/A", "—", "5 kg", "2012-01-02", ""], [None] * 5),
        (["1,000,000", "7"], [1e6, 7.0]),
        (["0,99", "12,5"], [0.99, 12.5]),
    ],
)
def test_a_number_is_read_however_it_is_written(texts, numbers):
    assert parse_numbers(pl.Series("x", texts)).to_list() == numbers


@pytest.mark.parametrize(
    "odd", ["N/A", "—", "-", "", "null", "$12.99", "5,50", "1,299.00", "12 €", "abc"]
)
def test_one_odd_text_does_not_turn_a_column_into_text(tmp_path, odd):
    texts = [f"{n}.5" for n in range(20)] + [odd]
    rows = "".join(f'i{n:02d},"{text}"\n' for n, text in enumerate(texts))
    (tmp_path / "items.csv").write_text(f"item,price\n{rows}", "utf-8")
    (tmp_path / "events.csv").write_text("user,item\nu,i00\n")
    reading = load_dataset(tmp_path)
    column = reading.dataset.catalogue.attributes["price"]
    assert column.kind == "number"
    assert column.at(3) == 3.5
    is_said = any(
        "1 of the 21 texts of price are not numbers ('abc')" in f.text for f in reading.findings
    )
    assert is_said is (odd == "abc")


def test_years_may_be_ancient_and_zero_is_unknown(tmp_path):
    (tmp_path / "events.csv").write_text("user,item\nu,i0\n")
    (tmp_path / "items.csv").write_text(
        "item,year\ni0,0\ni1,-750\ni2,8\ni3,1999\ni4,2001.5\ni5,x\n"
    )
    released = load_dataset(tmp_path).dataset.catalogue.released
    assert np.array_equal(released, [np.nan, -750, 8, 1999, 2001.5, np.nan], equal_nan=True)


def test_long_titles_and_texts_are_cut_where_the_service_cuts_them_and_said(tmp_path):
    (tmp_path / "events.csv").write_text("user,item\nu,i0\n")
    text = "a word " * 4_000
    (tmp_path / "items.csv").write_text(f"item,title,description\ni0,{'t' * 2_000},{text}\n")
    reading = load_dataset(tmp_path)
    assert len(reading.dataset.catalogue.titles.tolist()[0]) == 1_000
    assert len(reading.dataset.catalogue.descriptions.tolist()[0]) == 20_000
    texts = " ".join(finding.text for finding in reading.findings)
    assert "1 texts of title are longer than 1,000 characters and are cut." in texts
    assert "1 texts of description are longer than 20,000 characters and are cut." in texts


def test_ratings_are_read_with_their_scale_or_as_stars():
    texts = ["4/5", "4,5 / 5", "3 out of 5", "2 stars", "★★★★☆", "★", "five", "5"]
    values = parse_values(pl.Series("x", texts)).to_list()
    assert values == [4.0, 4.5, 3.0, 2.0, 4.0, 1.0, None, 5.0]
