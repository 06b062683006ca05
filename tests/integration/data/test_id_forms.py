"""Ids that differ by how a program wrote them are joined where that is obvious, and said."""

import numpy as np
import polars as pl
import pytest

from offline.data.doctor import diagnose
from offline.data.readers import load_dataset


def read(folder, items, catalogue=None, users=None, schema=""):
    users = users or [f"u{n % 12}" for n in range(len(items))]
    rows = [
        f"{u},{i},{1_500_000_000 + n}" for n, (u, i) in enumerate(zip(users, items, strict=True))
    ]
    (folder / "events.csv").write_text("\n".join(["user_id,item_id,timestamp", *rows]), "utf-8")
    if catalogue is not None:
        lines = [f"{i},T{i}" for i in catalogue]
        (folder / "items.csv").write_text("\n".join(["item_id,title", *lines]), "utf-8")
    if schema:
        (folder / "schema.toml").write_text(f"[interactions]\n{schema}\n")
    return load_dataset(folder, max_bad_share=1.0)


def item_ids(reading):
    index = reading.dataset.catalogue.ids
    return index.names(np.arange(len(index)))


def said(reading, level, text):
    findings = diagnose(reading).findings
    return any(f.level == level and text in f.text for f in findings)


@pytest.mark.parametrize(
    ("log", "catalogue", "expected", "text"),
    [
        (["4", "5"], ["4.0", "5.0"], ["4", "5"], "'4.0'|such as 4.0; they are read as whole"),
        (["4.0", "5.0"], ["4", "5"], ["4", "5"], "such as 4.0"),
        (["007", "012"], ["7", "12"], ["007", "012"], "leading zeros aside"),
        (["caf\u00e9"], ["cafe\u0301"], ["caf\u00e9"], "the form of Unicode aside"),
        (["http://x/1"], ["http://x/1?utm=a"], ["http://x/1"], "the query of an address aside"),
        (["7", "12"], ["007", "012"], ["12", "7"], "leading zeros aside"),
        (["abc", "xyz"], ["ABC", "XYZ"], ["abc", "xyz"], "upper and lower case aside"),
        ([" 5", "6 "], ["5", "6"], ["5", "6"], "have blanks around them, such as ' 5'"),
    ],
)
def test_two_ways_of_writing_an_id_are_joined(tmp_path, log, catalogue, expected, text):
    reading = read(tmp_path, log, catalogue)
    assert item_ids(reading) == expected
    assert None not in reading.dataset.catalogue.titles.tolist()
    assert said(reading, "limit", text.split("|")[-1])


def test_what_is_not_obvious_is_not_joined(tmp_path):
    reading = read(tmp_path, ["007", "7"], ["7", "8"])
    assert item_ids(reading) == ["007", "7", "8"]
    assert said(
        reading, "limit", "2 item ids differ from another in leading zeros only, such as '007'"
    )


def test_a_version_is_not_a_whole_number(tmp_path):
    assert item_ids(read(tmp_path, ["1.0", "2.1"])) == ["1.0", "2.1"]


@pytest.mark.parametrize(
    ("catalogue", "level", "text"),
    [
        (["z1", "z2"], "problem", "0 of the 4 items of events.csv are in items.csv (0%)"),
        (["i0", "i1", "z2"], "limit", "2 of the 4 items of events.csv are in items.csv (50%)"),
    ],
)
def test_an_items_file_of_other_items_is_said_with_examples(tmp_path, catalogue, level, text):
    reading = read(tmp_path, [f"i{n}" for n in range(4)], catalogue)
    assert said(reading, level, text)
    assert said(
        reading, level, f"has ids such as 'i{len(catalogue) - 1 if level == 'limit' else 0}'"
    )


def test_a_users_file_of_other_users_is_said(tmp_path):
    (tmp_path / "users.csv").write_text("user_id,age\nx1,3\nx2,4\n")
    assert said(
        read(tmp_path, ["i"] * 4), "problem", "0 of the 4 users of events.csv are in users.csv"
    )


def test_ids_that_a_spreadsheet_rounded_are_a_problem(tmp_path):
    reading = read(tmp_path, ["9.78E+12", "9.78E+12", "9.79E+12"])
    assert said(reading, "problem", "were rounded by a spreadsheet, such as 9.78E+12")


def test_float_ids_of_parquet_are_whole_numbers(tmp_path):
    numbers = [25.0, 9780440000000.0, 1e15]
    pl.DataFrame({"user": numbers, "item": numbers}).write_parquet(tmp_path / "events.parquet")
    assert item_ids(load_dataset(tmp_path)) == ["1000000000000000", "25", "9780440000000"]


@pytest.mark.parametrize("word", ["nan", "None", "NULL", "null", "N/A", "NA", "undefined", "<NA>"])
def test_a_word_for_nothing_is_no_user(tmp_path, word):
    reading = read(tmp_path, ["i"] * 3, users=["a", word, "b"])
    assert reading.bad["reason"].to_list() == [f"no user: the id is {word}"]
    assert len(reading.dataset.users) == 2


@pytest.mark.parametrize("word", ["-1", "0", "anonymous", "Guest"])
def test_the_user_that_stands_for_visitors_is_said_and_can_be_left_out(tmp_path, word):
    users = [f"u{n}" for n in range(20)] + [word] * 10
    items = [f"i{n}" for n in range(30)]
    reading = read(tmp_path, items, users=users)
    assert said(reading, "problem", f"The user '{word}' has 33% of the events")
    reading = read(tmp_path, items, users=users, schema=f'no_user = ["{word}"]')
    assert len(reading.dataset.log) == 20
    assert said(reading, "limit", f"10 rows of {word} are left out (no_user)")
    assert not said(reading, "problem", "The user")


def test_a_user_named_zero_like_others_is_no_finding(tmp_path):
    reading = read(tmp_path, [f"i{n}" for n in range(30)], users=[str(n % 15) for n in range(30)])
    assert not said(reading, "problem", "The user")


def test_an_item_with_most_of_the_log_is_a_problem(tmp_path):
    assert said(read(tmp_path, ["a"] * 20 + ["b"]), "problem", "The item 'a' has 95% of the events")
