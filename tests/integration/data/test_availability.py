"""Words, numbers and dates of availability mean what they say."""

import pytest

from offline.data.readers import load_dataset


def read(folder, column, texts, schema=""):
    rows = "".join(f"u,i{n:02d},{1_500_000_000 + n}\n" for n in range(len(texts)))
    (folder / "events.csv").write_text(f"user,item,ts\n{rows}")
    lines = "".join(f'i{n:02d},T,"{text}"\n' for n, text in enumerate(texts))
    (folder / "items.csv").write_text(f"item,title,{column}\n{lines}", "utf-8")
    if schema:
        (folder / "schema.toml").write_text(f"[items]\n{schema}\n")
    return load_dataset(folder)


@pytest.mark.parametrize(
    ("column", "shown", "hidden"),
    [
        ("available", ["yes", "1", "true", "Y", ""], ["no", "n", "f", "0", "0.0", "-1"]),
        ("in_stock", ["TRUE", "in stock", "instock"], ["out of stock", "OutOfStock", "sold out"]),
        ("availability", ["in stock", "https://schema.org/InStock", "preorder"],
         ["unavailable", "discontinued", "https://schema.org/OutOfStock"]),
        ("stock_quantity", ["3", "12.0", "1"], ["0", "-1", "0.0"]),
        ("stock", ["5", "7"], ["0"]),
        ("inventory", ["5", "1,200"], ["0"]),
        ("status", ["active", "published", "in stock"], ["draft", "archived", "inactive"]),
        ("is_hidden", ["False", "0", "no", ""], ["True", "1", "yes"]),
        ("deleted", ["f", "N"], ["t", "Y"]),
        ("is_deleted", ["0"], ["1"]),
        ("deleted_at", ["", "NULL", "0000-00-00"], ["2023-01-02", "2023-01-02 10:00:00"]),
        ("discontinued", ["false", ""], ["true", "2020-05-01"]),
        ("is_open", ["1", "true"], ["0", "false"]),
        ("enabled", ["true"], ["false"]),
        ("Sold Out", ["no"], ["yes"]),
        ("visibility", ["public", "visible"], ["private", "hidden"]),
        ("isPublished", ["true"], ["false"]),
    ],
)  # fmt: skip
def test_an_item_is_available_as_its_column_says(tmp_path, column, shown, hidden):
    reading = read(tmp_path, column, [*shown, *hidden])
    expected = [True] * len(shown) + [False] * len(hidden)
    assert reading.dataset.catalogue.available.tolist() == expected
    said = f"{len(hidden)} of {len(expected)} items are not available by {column}."
    assert any(said in finding.text for finding in reading.findings)


def test_an_unknown_word_counts_as_available_and_is_said(tmp_path):
    reading = read(tmp_path, "availability", ["in stock", "maybe", "out of stock"])
    assert reading.dataset.catalogue.available.tolist() == [True, True, False]
    assert any("meaning is unknown: 'maybe' (1 items)" in f.text for f in reading.findings)


def test_a_status_of_something_else_hides_nothing(tmp_path):
    reading = read(tmp_path, "status", ["gold", "silver", "closed"])
    assert reading.dataset.catalogue.available.all()
    assert "status" in reading.dataset.catalogue.attributes


def test_all_columns_of_availability_must_agree(tmp_path):
    (tmp_path / "events.csv").write_text("user,item\nu,i0\n")
    items = "item,stock,is_hidden\ni0,3,0\ni1,0,0\ni2,3,1\n"
    (tmp_path / "items.csv").write_text(items)
    reading = load_dataset(tmp_path)
    assert reading.dataset.catalogue.available.tolist() == [True, False, False]
    assert reading.dataset.catalogue.attributes["stock"].at(0) == 3.0


def test_the_schema_can_name_columns_or_none(tmp_path):
    texts = ["yes", "no"]
    assert read(
        tmp_path, "on_air", texts, 'available = "on_air"'
    ).dataset.catalogue.available.tolist() == [True, False]
    assert read(tmp_path, "available", texts, 'available = ""').dataset.catalogue.available.all()
