"""Each bad row is known by its line and reason; none vanishes, none stops the rest."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from offline.data.errors import DataError, TooManyBadRowsError
from offline.data.readers import load_dataset, write_bad_rows
from offline.data.times import FORMATS

HEADER = "user_id,item_id,rating,timestamp"
NOT_UTF_8 = 'not utf-8 text; name the encoding in the schema: encoding = "cp1252"'
GOOD = [f"u{n % 7},i{n},{n % 5 + 1},{1_500_000_000 + n}" for n in range(100)]


def events(folder: Path, *lines: str, name: str = "events.csv", header: str = HEADER) -> Path:
    path = folder / name
    path.write_bytes("\n".join([header, *lines]).encode())
    return path


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("u1,i1,5", "missing field: 3 fields where 4 are expected"),
        ("u1,i1,5,1500000000,x", "too many fields: 5 fields where 4 are expected"),
        (",i1,5,1500000000", "empty user id"),
        ("u1,  ,5,1500000000", "empty item id"),
        (f"{'é' * 129},i1,5,1500000000", "user id over 256 bytes"),
        ("u1,i\0,5,1500000000", "item id with a control character"),
        ("u1,i1,,1500000000", "no value"),
        ("u1,i1,five,1500000000", "value is not a number"),
        ("u1,i1,NaN,1500000000", "value is NaN or infinite"),
        ("u1,i1,-inf,1500000000", "value is NaN or infinite"),
        ("u1,i1,1e39,1500000000", "value is NaN or infinite"),
        ("u1,i1,5,", "no timestamp"),
        ("u1,i1,5,yesterday", f"timestamp is not a time: yesterday; {FORMATS}"),
        ("u1,i1,5,-1", "timestamp out of range"),
        ("u1,i1,5,5000000000", "timestamp out of range"),
        ("u1,i1,5,nan", "timestamp out of range"),
        ('u1,"i1,5,1500000000', "unbalanced quotes (unexpected end of data)"),
        ('u1,"i"1,5,1500000000', "unbalanced quotes (',' expected after '\"')"),
        (GOOD[0], "exact duplicate of an earlier line"),
    ],
)
def test_a_bad_row_is_named_by_line_and_reason(tmp_path, line, reason):
    events(tmp_path, *GOOD[:60], line, "", *GOOD[60:])
    reading = load_dataset(tmp_path)
    assert reading.bad.rows() == [("events.csv", 62, reason, line)]
    assert len(reading.dataset.log) == 100
    count = reading.files[0]
    assert (count.lines, count.good) == (101, 100)
    assert count.duplicates == ("duplicate" in reason)


def test_odd_but_valid_ids_are_kept(tmp_path):
    ids = ["é" * 128, "用户", "a b", "👩‍👩‍👧", "0", "-1", "a\u2028b", "a'b", "a\u00a0", "\u3000b"]
    events(tmp_path, *[f"{user},i,3,1500000000" for user in ids])
    users = load_dataset(tmp_path).dataset.users
    assert set(users.names(np.arange(len(users)))) == set(ids)


def test_bytes_that_are_not_utf_8_cost_their_own_line_only(tmp_path):
    path = events(tmp_path, "ü,i1,3,1500000000", *GOOD)
    path.write_bytes(path.read_bytes() + b"\nu\xff,i1,3,1500000000\nu1,i1,3,1500000000")
    reading = load_dataset(tmp_path)
    assert reading.bad.select("line", "reason").rows() == [(103, NOT_UTF_8)]
    assert reading.dataset.users.row("ü") >= 0


def test_a_byte_order_mark_is_not_part_of_the_first_name(tmp_path):
    (tmp_path / "events.csv").write_bytes(b"\xef\xbb\xbfuser,item\r\n1,2\r\n")
    assert len(load_dataset(tmp_path).dataset.log) == 1


def test_a_quoted_field_may_hold_separators_and_line_ends(tmp_path):
    events(tmp_path, "1,1", header="user,item")
    (tmp_path / "items.csv").write_text(
        'item,title,genres\n1,"A, ""B""\nand C",x\n2,"D\n3,E,y\n4,F,z\n' + "9,J,x\n", "utf-8"
    )
    reading = load_dataset(tmp_path, max_bad_share=0.5)
    assert reading.dataset.catalogue.titles.tolist() == ['A, "B"\nand C', "E", "F", "J"]
    assert reading.bad.select("line", "text").rows() == [(4, '2,"D')]


def test_json_lines_that_are_no_objects_are_bad(tmp_path):
    good = [f'{{"user": "u{n}", "item": "i"}}' for n in range(20)]
    lines = ["[1]", "{", '{"user": "\\ud800", "item": "i"}', '{"item": "i"}', '{"user": null}']
    (tmp_path / "log.jsonl").write_text("\n".join([*good, *lines]), "utf-8")
    reading = load_dataset(tmp_path, max_bad_share=0.5)
    assert reading.bad["line"].to_list() == [21, 22, 23, 24, 25]
    assert reading.bad["reason"].to_list() == ["not a JSON object"] * 3 + ["empty user id"] * 2


def test_rows_of_a_parquet_file_are_numbered_from_one(tmp_path):
    pl.DataFrame({"user": ["a", None], "item": [1, 2]}).write_parquet(tmp_path / "log.parquet")
    reading = load_dataset(tmp_path, max_bad_share=0.5)
    assert reading.bad.rows() == [("log.parquet", 2, "empty user id", '{"user":null,"item":"2"}')]


def test_unknown_and_absent_event_types_are_bad(tmp_path):
    lines = [f"u{n},i,view" for n in range(50)]
    events(tmp_path, *lines, "u,i,stare", "u,i,", header="user,item,event")
    reasons = load_dataset(tmp_path).bad["reason"].to_list()
    assert reasons == ["unknown event type stare", "no event type; default_type sets one"]


def test_bad_items_users_and_friends_are_named_too(tmp_path):
    events(tmp_path, *GOOD)
    (tmp_path / "items.csv").write_text("item,title\ni1,A\n,B\ni1,C\n", "utf-8")
    (tmp_path / "users.csv").write_text("user,age\nu1,20\nu1,30\n,40\n", "utf-8")
    (tmp_path / "friends.csv").write_text("user,friend\nu1,u2\nu1,\n", "utf-8")
    reading = load_dataset(tmp_path, max_bad_share=0.7)
    assert reading.bad.select("file", "line", "reason").rows() == [
        ("items.csv", 3, "empty item id"),
        ("items.csv", 4, "this item is on an earlier line"),
        ("users.csv", 3, "this user is on an earlier line"),
        ("users.csv", 4, "empty user id"),
        ("friends.csv", 3, "empty friend id"),
    ]
    assert reading.dataset.catalogue.titles.take(reading.dataset.catalogue.ids.rows(["i1"])) == [
        "A"
    ]
    assert reading.dataset.attributes["age"][reading.dataset.users.row("u1")] == "20"


def test_too_many_bad_rows_are_refused_and_carried_along(tmp_path):
    events(tmp_path, *GOOD[:94], *["u1,i1,x,1"] * 6)
    with pytest.raises(TooManyBadRowsError) as refused:
        load_dataset(tmp_path)
    assert str(refused.value).startswith(
        "6 of the 100 rows of events.csv are bad (6.0%, allowed 5.0%), "
        "first line 96: value is not a number; correct them"
    )
    assert len(refused.value.bad) == 6
    assert len(load_dataset(tmp_path, max_bad_share=0.06).dataset.log) == 94


def test_duplicates_do_not_count_as_bad(tmp_path):
    events(tmp_path, *GOOD, *GOOD)
    reading = load_dataset(tmp_path, max_bad_share=0.0)
    assert (reading.files[0].duplicates, len(reading.dataset.log)) == (100, 100)


def test_a_file_of_bad_rows_only_is_refused_at_any_share(tmp_path):
    events(tmp_path, "u1,i1,x,1")
    with pytest.raises(TooManyBadRowsError, match="1 of the 1 rows"):
        load_dataset(tmp_path, max_bad_share=1.0)


def test_bad_rows_are_written_aside_whole(tmp_path):
    line = 'u1,i1,"x, ""y""\nz",1'
    events(tmp_path, *GOOD, line)
    reading = load_dataset(tmp_path)
    aside = tmp_path / "new" / "bad.csv"
    write_bad_rows(reading.bad, aside)
    assert pl.read_csv(aside).rows() == [("events.csv", 102, "value is not a number", line)]
    assert [p.name for p in aside.parent.iterdir()] == ["bad.csv"]


@pytest.mark.parametrize(
    "moment",
    [
        "1500000000",
        "1500000000.0",
        "1500000000000",
        "1500000000000000",
        "1500000000000000000",
        "2017-07-14T02:40:00Z",
        "2017-07-14T04:40:00+02:00",
        "2017-07-14 02:40:00.000",
        "2017-07-14 02:40",
    ],
)
def test_one_moment_is_read_from_every_usual_notation(tmp_path, moment):
    events(tmp_path, f"u,i,3,{moment}")
    assert load_dataset(tmp_path).dataset.log.times.tolist() == [1_500_000_000.0]


def test_without_timestamps_the_times_are_random_but_the_same_each_time(tmp_path):
    events(tmp_path, *[f"u{n},i{n}" for n in range(200)], header="user,item")
    one, two = (load_dataset(tmp_path).dataset for _ in range(2))
    assert not one.traits.has_times
    assert np.array_equal(one.log.times, two.log.times)
    assert np.all(np.diff(one.log.times) >= 0)
    assert one.log.times[-1] <= 1_704_067_200
    assert one.log.times[0] >= 1_704_067_200 - 365 * 86_400
    assert not np.all(np.diff(one.log.users) >= 0)


def test_an_empty_timestamp_column_is_no_timestamps(tmp_path):
    events(tmp_path, "u,i,3,", "v,i,3,")
    assert not load_dataset(tmp_path).dataset.traits.has_times


@pytest.mark.parametrize(
    ("column", "values", "explicit", "weights"),
    [
        ("rating", ["5", "3", "1"], True, [1.0, 0.0, -1.0]),
        ("stars", ["1", "0", "1"], True, [1.0, -1.0, 1.0]),
        ("plays", ["0", "1", "3"], False, [0.0, np.log(2), np.log(4)]),
        ("value", ["10", "8", "2"], True, [1.0, 1.0, -1.0]),
        ("value", ["1", "1", "1"], False, [np.log(2)] * 3),
        ("value", ["1", "50", "2"], False, [np.log(2), np.log(51), np.log(3)]),
        ("none", ["1", "2", "3"], False, [1.0, 1.0, 1.0]),
    ],
)
def test_a_value_is_stars_or_an_amount_by_its_name_or_range(
    tmp_path, column, values, explicit, weights
):
    lines = [f"u{n},i,{value},{1_500_000_000 + n}" for n, value in enumerate(values)]
    events(tmp_path, *lines, header=f"user,item,{column},ts")
    dataset = load_dataset(tmp_path).dataset
    assert dataset.traits.is_explicit is explicit
    assert dataset.log.weights.tolist() == pytest.approx(weights)


def test_event_types_have_their_own_weights_and_need_no_value(tmp_path):
    lines = ["u,i,view,,1500000000", "u,i,purchase,9.5,1500000001", "u,i,rating,,1500000002"]
    events(tmp_path, *lines, "u,i,rating,5,1500000003", header="user,item,type,value,ts")
    reading = load_dataset(tmp_path, max_bad_share=0.3)
    assert reading.bad["reason"].to_list() == ["no value"]
    assert reading.dataset.log.weights.tolist() == pytest.approx([0.2, 2.0, 1.0])
    assert reading.dataset.log.values.tolist() == [1.0, 9.5, 5.0]
    assert not reading.dataset.traits.is_explicit


def test_a_header_with_a_column_twice_is_refused(tmp_path):
    events(tmp_path, "1,2,3", header="user,item,user")
    with pytest.raises(DataError, match="has the column 'user' twice"):
        load_dataset(tmp_path)
