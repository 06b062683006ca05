"""What the times of a log are taken for is a finding; rows without one, or later, are bad."""

import pytest

from offline.data.doctor import diagnose
from offline.data.errors import DataError
from offline.data.event_files import read_event_file
from offline.data.readers import LoadedData, load_dataset

NOW = 1_700_100_000.0  # 2023-11-16 02:00 UTC


def read(folder, *times, schema="", share=1.0) -> LoadedData:
    lines = [f"u{n % 7},i{n},3,{time}" for n, time in enumerate(times)]
    (folder / "events.csv").write_text("\n".join(["user,item,rating,ts", *lines]), "utf-8")
    if schema:
        (folder / "schema.toml").write_text(f"[interactions]\n{schema}\n", "utf-8")
    return load_dataset(folder, None, share, now=lambda: NOW)


def texts(loaded, level):
    return "\n".join(each.text for each in diagnose(loaded).findings if each.level == level)


def test_a_row_from_the_future_is_bad_and_is_said(tmp_path):
    loaded = read(tmp_path, "1700000000", "1700003600", "2034-12-18T00:00:00Z", NOW + 30)
    assert loaded.bad.select("line", "reason").rows() == [(4, "timestamp is in the future")]
    assert loaded.dataset.log.times[-1] == NOW + 30
    assert "1 rows are later than now, the latest at 2034-12-18 00:00 UTC" in texts(
        loaded, "problem"
    )


def test_local_times_east_of_utc_are_answered_with_the_zone_to_set(tmp_path):
    east = ["2023-11-16 01:00:00", "2023-11-16 09:30:00"]
    assert 'set timezone = "Asia/Shanghai"' in texts(read(tmp_path, *east), "problem")
    loaded = read(tmp_path, *east, schema='timezone = "Asia/Shanghai"')
    assert not len(loaded.bad)
    assert loaded.dataset.log.times.tolist() == [1_700_067_600.0, 1_700_098_200.0]
    assert "without a zone are read as Asia/Shanghai" in texts(loaded, "good")


def test_times_without_a_zone_are_read_as_utc_and_this_is_said(tmp_path):
    loaded = read(tmp_path, "2023-11-14 23:17:11", "2023-11-15 23:17:11")
    assert "such as '2023-11-14 23:17:11', are read as UTC" in texts(loaded, "limit")
    assert "timezone" in texts(loaded, "limit")
    assert "UTC" not in texts(read(tmp_path, "2023-11-14 23:17:11Z", "1700003600"), "limit")


@pytest.mark.parametrize(
    ("times", "schema", "hours"),
    [
        (["1700003831", "1700003900"], "", 0),
        (["2023-11-14 23:17:11", "2023-11-15 01:00:00"], "", 12),
        (["2023-11-14 23:17:11", "2023-11-15 01:00:00"], 'timezone = "UTC"', 0),
        (["2023-11-14", "2023-11-15"], 'timezone = "UTC"', 24),
        (["2023-11-14", "2023-11-15"], "", 36),
    ],
)
def test_times_may_be_too_early_by_their_zone_and_by_the_day(tmp_path, times, schema, hours):
    assert read(tmp_path, *times, schema=schema).time_margin == hours * 3600


def test_zero_stands_for_no_time_among_unix_times(tmp_path):
    loaded = read(tmp_path, "0", "1700000000", "", "-5", "1700003600")
    assert loaded.bad["reason"].to_list() == [
        "timestamp is 0, which stands for no time",
        "no timestamp",
        "timestamp out of range",
    ]
    assert not len(read(tmp_path, "0", "5", "90000").bad)


@pytest.mark.parametrize(
    ("times", "text"),
    [
        (["1", "5", "90000"], "All times lie before 1973"),
        (["1700000000", "1700000000.5"], "All timestamps are equal"),
    ],
)
def test_times_of_1970_or_of_one_moment_are_problems(tmp_path, times, text):
    loaded = read(tmp_path, *times)
    assert text in texts(loaded, "problem")
    assert "Timestamps: split by time" not in texts(loaded, "good")


def test_dates_without_a_time_of_day_have_no_order_within_a_day(tmp_path):
    loaded = read(tmp_path, "2023-11-14", "2023-11-15", "2023-11-15")
    assert "Timestamps have no time of day" in texts(loaded, "limit")
    assert "Timestamps: split by time" not in texts(loaded, "good")


def test_years_and_dates_with_slashes_are_read_and_said(tmp_path):
    loaded = read(tmp_path, "2007", "2011")
    assert loaded.dataset.log.times.tolist() == [1_167_609_600.0, 1_293_840_000.0]
    assert "times such as 2007 are read as dates" in texts(loaded, "good")
    loaded = read(tmp_path, "11/14/2023 23:17", "1/2/2023 00:00")
    assert loaded.dataset.log.times.tolist() == [1_672_617_600.0, 1_700_003_820.0]
    assert "dates with slashes are read as month/day/year" in texts(loaded, "good")


def test_the_import_of_events_refuses_the_same_times(tmp_path):
    read(tmp_path, "2023-11-14 23:17:11 UTC", "2034-12-18T00:00:00Z", "yesterday")
    file = read_event_file(tmp_path, None, now=lambda: NOW)
    assert file.events["time"].to_list() == [1_700_003_831.0]
    assert [reason.partition(":")[0] for reason in file.bad["reason"]] == [
        "timestamp is in the future",
        "timestamp is not a time",
    ]


@pytest.mark.parametrize(
    "line", ['timezone = "Mars"', 'time_format = "dd/mm"', 'date_order = "ydm"']
)
def test_an_unknown_zone_format_or_order_is_one_sentence(tmp_path, line):

    with pytest.raises(DataError, match=r"schema file .* is wrong at interactions"):
        read(tmp_path, "1700000000", schema=line)


@pytest.mark.parametrize(
    ("header", "row", "columns"),
    [
        ("date,time", "2023-11-14,23:17:11", "date and time"),
        ("Order Date,Order Time", "11/14/2023,11:17:11 PM", "Order Date and Order Time"),
        ("day,clock", "2023-11-14 00:00:00,23:17:11", "day and clock"),
        ("date,hour", "20231114,23.0", "date and hour"),
        ("date,hour,minute", "20231114,23,00", "date and hour and minute"),
        ("date,time", "20231114,231711", "date and time"),
        ("Datum,Uhrzeit", "14.11.2023,23.17.11", "Datum and Uhrzeit"),
        ("date,time", "2023-11-15,00:17:11+01:00", "date and time"),
        ("year,month,day,hour", "2023,11,14,23", "year and month and day"),
    ],
)
def test_a_time_in_several_columns_is_joined_and_said(tmp_path, header, row, columns):
    lines = [f"u{n % 7},i{n},3,{row}" for n in range(3)]
    (tmp_path / "events.csv").write_text("\n".join([f"user,item,rating,{header}", *lines]))
    loaded = load_dataset(tmp_path, None, 0.0, now=lambda: NOW)
    expected = 1_700_003_831.0 if "17" in row else 1_700_002_800.0
    assert loaded.dataset.log.times.tolist() == [expected] * 3
    assert f"the time of an event is read from {columns}" in texts(loaded, "good")
    assert "columns that nothing uses" not in texts(loaded, "limit")
    events = next(iter(read_event_file(tmp_path, None).batches(0)))
    assert {event["timestamp"] for event in events} == {expected}


def test_two_clocks_or_a_duration_are_not_joined_to_a_date(tmp_path):
    lines = [f"u{n % 7},i{n},3,2023-11-14,10:00,11:00,00:10:00" for n in range(3)]
    header = "user,item,rating,date,start_time,end_time,watch_time"
    (tmp_path / "events.csv").write_text("\n".join([header, *lines]))
    loaded = load_dataset(tmp_path, None, 0.0, now=lambda: NOW)
    assert set(loaded.dataset.log.times.tolist()) == {1_699_920_000.0}
    assert "nothing uses: start_time, end_time, watch_time" in texts(loaded, "limit")
