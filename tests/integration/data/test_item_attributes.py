"""Attributes of items: from the owner's columns to what filters compare."""

import pytest

from app.catalogue.attributes import (
    MAX_COLUMNS,
    MAX_TEXT_BYTES,
)
from offline.data.doctor import diagnose
from offline.data.errors import DataError
from offline.data.readers import load_dataset

LOG = "user,item,time\nu1,i1,1\nu2,i2,2\nu2,i3,3\n"
ITEMS = (
    "item,title,genre,Sale Price,language,vegan,size,text,nothing\n"
    "i1,One,a,9.99,en,True,S,{long},\n"
    "i2,Two,b,1e2, de ,false,12,,\n"
    "i3,Three,b,NaN,,,,,\n"
).format(long="word " * 20)


def shop(folder, schema="", items=ITEMS):
    (folder / "events.csv").write_text(LOG)
    (folder / "items.csv").write_text(items)
    if schema:
        (folder / "schema.toml").write_text(f"[items]\n{schema}\n")
    return load_dataset(folder, max_bad_share=1.0)


def told(reading):
    catalogue = reading.dataset.catalogue
    return {
        name: [column.at(row) for row in range(len(catalogue))]
        for name, column in catalogue.attributes.items()
    }


def test_what_nothing_else_uses_is_found_by_itself(tmp_path):
    reading = shop(tmp_path)
    assert told(reading) == {
        "Sale_Price": [9.99, 100.0, None],
        "language": ["en", "de", None],
        "vegan": ["true", "false", None],
        "size": ["S", "12", None],
    }
    findings = [finding.text for finding in diagnose(reading).findings]
    assert (
        "Item attributes that filters compare: Sale_Price (number), language (text), size (text), "
        "vegan (text)." in findings
    )
    assert any("that nothing uses: nothing." in text for text in findings)


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ("attributes = []", {}),
        ('attributes = ["Sale Price"]', {"Sale_Price": [9.99, 100.0, None]}),
        ('attributes = { "Sale Price" = "text" }', {"Sale_Price": ["9.99", "1e2", "NaN"]}),
        ('attributes = ["title", "text"]', {"title": ["One", "Two", "Three"]}),
        ("attributes = ['genre']", {"genre": ["a", "b", "b"]}),
    ],
)
def test_a_schema_says_which_columns_and_what_they_hold(tmp_path, schema, expected):
    reading = shop(tmp_path, schema)
    found = told(reading)
    found.pop("text", None)
    assert found == expected
    assert reading.dataset.catalogue.category_names == ("a", "b")


def test_an_item_whose_attribute_is_not_of_the_kind_is_a_bad_row(tmp_path):
    reading = shop(tmp_path, 'attributes = { size = "number" }')
    assert reading.bad["reason"].to_list() == ["size is not a number"]
    assert reading.bad["line"].to_list() == [2]
    assert told(reading) == {"size": [None, 12.0, None]}
    long = ITEMS.replace("i2,Two", f"i2,{'x' * (MAX_TEXT_BYTES + 1)}")
    reading = shop(tmp_path, 'attributes = ["title"]', long)
    assert reading.bad["reason"].to_list() == ["title is over 256 bytes, or has NUL"]


def test_infinity_is_no_number(tmp_path):
    assert told(shop(tmp_path, items="item,x\ni1,inf\ni2,3\n"))["x"] == ["inf", "3", None]
    reading = shop(tmp_path, 'attributes = { x = "number" }', "item,x\ni1,-inf\ni2,3\n")
    assert reading.bad["reason"].to_list() == ["x is not a number"]


@pytest.mark.parametrize(
    ("schema", "sentence"),
    [
        ('attributes = ["colour"]', "no column 'colour', which the schema names as attributes"),
        ('attributes = { size = "big" }', "wrong at items.attributes.size: Input should be 'num"),
        (
            f"attributes = {[f'c{n}' for n in range(MAX_COLUMNS + 1)]}",
            "17 attributes are named, but at most",
        ),
        ('attributes = ["a b", "a-b"]', "'a b' would be named 'a_b', but another column has"),
        ('attributes = ["year"]', "named 'year', but names are single words .* are taken"),
        ('attributes = ["1st"]', "named '1st', but names are single words"),
        ('flags = "gone"', "no column 'gone', which the schema names as flags"),
    ],
)
def test_attributes_that_cannot_be_are_refused_in_a_sentence(tmp_path, schema, sentence):
    items = "item,a b,a-b,year,1st,size\ni1,1,1,1,1,1\n"
    with pytest.raises(DataError, match=sentence):
        shop(tmp_path, schema, items)


def test_of_many_columns_the_first_are_taken(tmp_path):
    header = ",".join(f"c{n}" for n in range(MAX_COLUMNS + 3))
    values = ",".join("1" for _ in range(MAX_COLUMNS + 3))
    reading = shop(tmp_path, items=f"item,{header}\ni1,{values}\n")
    assert list(told(reading)) == [f"c{n}" for n in range(MAX_COLUMNS)]
    assert reading.unused_columns == ("c16", "c17", "c18")


def test_texts_that_are_nearly_all_different_have_to_be_asked_for(tmp_path):
    rows = "".join(f"i{n},code {n},{n % 7}\n" for n in range(2_000))
    items = f"item,code,colour\n{rows}".replace(",3\n", ",three\n")
    assert list(told(shop(tmp_path, items=items))) == ["colour"]
    assert told(shop(tmp_path, 'attributes = ["code"]', items))["code"][1] == "code 1"


def test_of_two_columns_that_would_have_one_name_the_first_is_taken(tmp_path):
    reading = shop(tmp_path, items="item,sale price,sale-price\ni1,1,2\n")
    assert told(reading) == {"sale_price": [1.0, None, None]}
    assert reading.unused_columns == ("sale-price",)
