"""Categories are read from lists of every usual form, and from one row for each."""

import pytest

from offline.data.readers import load_dataset

LOG = "user_id,item_id,timestamp\n" + "".join(
    f"u{n},i{n % 3},{1_500_000_000 + n}\n" for n in range(9)
)


def read(folder, items, name="items.csv"):
    (folder / "events.csv").write_text(LOG)
    (folder / name).write_text(items, "utf-8")
    return load_dataset(folder, max_bad_share=1.0)


def categories(reading, row=0):
    return set(reading.dataset.catalogue.category_lists.names_of(row))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("['Home', 'Garden']", {"Home", "Garden"}),
        ('["Home", "Garden"]', {"Home", "Garden"}),
        ("['Kids\\' Toys', \"Men's\"]", {"Kids' Toys", "Men's"}),
        ("('Home', 'Garden')", {"Home", "Garden"}),
        ("[['Home', 'Garden'], ['Tools']]", {"Home", "Garden", "Tools"}),
        ('[{"id": 18, "name": "Drama"}, {"id": 2, "name": "War"}]', {"Drama", "War"}),
        ("[{'id': 18, 'name': 'Drama'}]", {"Drama"}),
        ('{"id": 18, "name": "Drama"}', {"Drama"}),
        ("{Home,Garden}", {"Home", "Garden"}),
        ('{"Home & Garden",Tools}', {"Home & Garden", "Tools"}),
        ("[Home, Garden]", {"Home", "Garden"}),
        ("Home > Garden > Tools", {"Home", "Garden", "Tools"}),
        ("Home &gt; Garden", {"Home", "Garden"}),
        ("Home » Garden", {"Home", "Garden"}),
        ("Home / Garden", {"Home", "Garden"}),
        ("Home > Garden|Home > Tools", {"Home", "Garden", "Tools"}),
        ("'Home' 'Garden'", {"Home", "Garden"}),
        ("'Home', 'Garden, big'", {"Home", "Garden, big"}),
        ("Home|Garden", {"Home", "Garden"}),
        ("R&B/Soul", {"R&B/Soul"}),
        ("Children's", {"Children's"}),
        ("(no genres listed)", set()),
        ("[]", set()),
        ("'90s", {"'90s"}),
        ("Rock 'n' Roll", {"Rock 'n' Roll"}),
        ('["\'90s"]', {"'90s"}),
        ("['Home', 'Gar", {"Home", "Gar"}),
        ("['a\\d', 'b']", {"a\\d", "b"}),
        ("[" * 5_000, set()),
        ("{" + "x" * 100_000 + "}", {"x" * 256}),
        ("[a\nb, c]", {"a\nb", "c"}),
        ("nan", set()),
        ("['broken", {"broken"}),
    ],
)
def test_a_list_of_any_form_gives_its_names(tmp_path, text, expected):
    quoted = text.replace('"', '""')
    reading = read(tmp_path, f'item_id,title,genres\ni0,A,"{quoted}"\ni1,B,\ni2,C,\n')
    assert categories(reading) == expected


def test_objects_in_json_lines_give_their_names(tmp_path):
    items = '{"item_id": "i0", "genres": [{"id": 18, "name": "Drama"}, {"id": 2, "name": "War"}]}\n'
    assert categories(read(tmp_path, items, "items.jsonl")) == {"Drama", "War"}


def test_rows_of_one_item_that_differ_in_the_category_are_joined(tmp_path):
    rows = "i0,A,Home\ni0,A,Kitchen\ni1,B,Home\ni0,,Garden\ni2,C,\ni1,B,Home\n"
    reading = read(tmp_path, f"item_id,title,category\n{rows}")
    assert categories(reading) == {"Home", "Kitchen", "Garden"}
    assert categories(reading, 1) == {"Home"}
    assert not len(reading.bad)
    assert any("3 rows add a category" in f.text for f in reading.findings)


def test_rows_of_one_item_that_differ_elsewhere_are_bad_and_said(tmp_path):
    reading = read(tmp_path, "item_id,title,category\ni0,A,Home\ni0,B,Garden\ni1,B,Home\n")
    assert reading.bad["reason"].to_list() == ["this item is on an earlier line"]
    assert categories(reading) == {"Home"}
    assert any("1 rows differ from the first row of their item" in f.text for f in reading.findings)
