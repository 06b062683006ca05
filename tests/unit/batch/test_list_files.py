"""Files of lists: what is in them at the end, and what the command prints of them."""

import orjson
import polars as pl
import pytest

from offline.batch.batch_lists import UserList
from offline.batch.list_files import check_path, describe_shadowed, list_writer
from offline.batch.list_spool import list_spool
from offline.commands.batch import ListCounts, describe_lists, write_lists
from offline.data.errors import DataError


def items(*names):
    return [{"item_id": name, "title": name.upper(), "score": 0.1} for name in names]


LISTS = [
    UserList("u", items("a", "b", "c"), ()),
    UserList("v", items("b"), ("fine (late)",)),
    UserList("w", [], ("short",)),
]


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_an_item_that_was_withdrawn_meanwhile_is_in_no_list(tmp_path, suffix):
    to = tmp_path / f"lists{suffix}"
    with list_spool(tmp_path) as spool:
        spool.write(LISTS[:2])
        spool.write(LISTS[2:])
        counts = write_lists(spool, {"b", "z"}, to, "v1", {})
    assert counts == ListCounts(3, 2, {"short": 3, "fine (late)": 1})
    if suffix == ".jsonl":
        lines = [orjson.loads(line) for line in to.read_bytes().splitlines()]
        assert [[item["item_id"] for item in line["items"]] for line in lines] == [
            ["a", "c"],
            [],
            [],
        ]
        assert [line["degraded"] for line in lines] == [
            ["short"],
            ["fine (late)", "short"],
            ["short"],
        ]
    else:
        rows = pl.read_parquet(to).select("user_id", "position", "item_id", "bundle").rows()
        assert rows == [("u", 1, "a", "v1"), ("u", 2, "c", "v1")]
    assert [path.name for path in tmp_path.iterdir()] == [to.name]


def test_lists_are_whole_where_nothing_was_withdrawn(tmp_path):
    with list_spool(tmp_path) as spool:
        spool.write(LISTS)
        assert [one for lists in spool.read(frozenset()) for one in lists] == LISTS


def test_users_without_items_are_counted_as_the_file_shows_them(tmp_path):
    counts = ListCounts()
    assert list(describe_lists(counts, tmp_path / "lists.jsonl")) == []
    counts.add(LISTS[1:])
    assert list(describe_lists(counts, tmp_path / "lists.parquet")) == [
        "1 user has no items: they are not in the file",
        "lists that are not as they should be: fine (late): 1, short: 1",
    ]
    assert next(describe_lists(counts, tmp_path / "lists.jsonl")).endswith("have an empty list")


def test_a_parquet_file_without_users_has_all_columns(tmp_path):
    with list_writer(tmp_path / "lists.parquet", "v1", {"year": pl.Float64}):
        pass
    table = pl.read_parquet(tmp_path / "lists.parquet")
    assert table.is_empty()
    assert table.columns == ["user_id", "position", "item_id", "title", "score", "year", "bundle"]


@pytest.mark.parametrize("name", ["user_id", "position", "item_id", "score", "bundle"])
def test_a_field_must_not_replace_a_column_of_parquet(tmp_path, name):
    check_path(tmp_path / "lists.jsonl", ["year", name])
    check_path(tmp_path / "lists.parquet", ["year", "title"])
    with pytest.raises(DataError, match=f"--fields {name}: a .parquet file has a column {name}"):
        check_path(tmp_path / "lists.parquet", ["year", name])


def test_an_attribute_that_a_field_of_the_same_name_hides_is_named():
    notes = list(describe_shadowed(["title", "year", "price"], {"title", "price"}))
    assert len(notes) == 1
    assert "not the attribute title; rename the attribute" in notes[0]
