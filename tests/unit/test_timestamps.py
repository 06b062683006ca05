"""One moment is read from every notation, by the service and by the training alike."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import orjson
import polars as pl
import pytest

from app.api.event_bodies import check_events, parse_body
from app.event_weights import EventWeights
from app.time_zones import unclear_zone
from app.timestamps import parse_time
from offline.data.date_columns import parse_either_reading
from offline.data.errors import DataError
from offline.data.timestamps import TimeRules, parse_times

MOMENT = 1_700_003_831.0  # 2023-11-14 23:17:11 UTC, a Tuesday
SECONDS = (
    "1700003831",
    "1700003831.0",
    "1.700003831e9",
    "1700003831000",
    "1700003831000000",
    "1700003831000000000",
    "20231114231711",
    "20231114231711000",
    "2023-11-14T23:17:11Z",
    "2023-11-14t23:17:11z",
    "2023-11-14 23:17:11",
    "2023-11-14 23:17:11.000",
    "2023-11-14 23:17:11,000000",
    "2023-11-14T23:17:11.000000001Z",
    "2023-11-15T04:47:11+05:30",
    "2023-11-15T04:47:11+0530",
    "2023-11-15T04:17:11+05",
    "2023-11-14T15:17:11-08:00",
    "2023-11-14 23:17:11 UTC",
    "2023-11-14 23:17:11 GMT",
    "2023-11-14 23:17:11 +0000 UTC",
    "2023-11-14 23:17:11 +0000 UTC m=+0.01",
    "2023-11-15T00:17:11+01:00[Europe/Paris]",
    "20231114T231711Z",
    "20231114T231711",
    "20231114 231711",
    "2023-W46-2T23:17:11Z",
    "2023W462T231711Z",
    "2023-318T23:17:11",
    "Tue, 14 Nov 2023 23:17:11 +0000",
    "Tue, 14 Nov 2023 23:17:11 GMT",
    "Tue, 14 Nov 2023 18:17:11 EST",
    "Tue Nov 14 23:17:11 2023",
    "Tue Nov 14 23:17:11 UTC 2023",
    "Tue Nov 14 23:17:11 +0000 2023",
    "Tue Nov 14 2023 23:17:11 GMT+0000 (Coordinated Universal Time)",
    "[14/Nov/2023:23:17:11 +0000]",
    "14/Nov/2023:23:17:11 +0000",
    "11/14/2023 23:17:11",
    "11/14/2023, 11:17:11 PM",
    "11/14/2023 11:17:11 p.m.",
    "14/11/2023 23:17:11",
    "14.11.2023 23:17:11",
    "14.11.2023, 23:17:11",
    "14-11-2023 23:17:11",
    "14-Nov-2023 23:17:11",
    "14 Nov 2023 23:17:11",
    "14-Nov-23 23:17:11",
    "14-NOV-23 11:17:11 PM",
    "14th November 2023, 23:17:11",
    "Nov 14, 2023 11:17:11 PM",
    "November 14, 2023 at 11:17:11 PM",
    "2023-11-15 00:17:11 CET",
    "2023-11-15 01:17:11 CEST",
    "15.11.2023 00:17:11 MEZ",
    "Wed Nov 15 08:17:11 JST 2023",
    "2023-11-15 09:47:11 ACDT",
    "2023-11-14 15:17:11 PST",
    "2023-11-15 00:17:11 Europe/Berlin",
    "2023-11-14 18:17:11.000000 America/New_York",
    "2023/11/14 23:17:11",
    "2023.11.14 23:17:11",
    "2023年11月14日 23:17:11",
    "2023年11月14日23時17分11秒",
    "2023년 11월 14일 23시 17분 11초",
)
COARSE = {
    "2023-11-14T23:17Z": 1_700_003_820,
    "2023-11-14T23:17": 1_700_003_820,
    "20231114T2317Z": 1_700_003_820,
    "202311142317": 1_700_003_820,
    "2023-11-14T23Z": 1_700_002_800,
    "11/14/2023 11:17 PM": 1_700_003_820,
    "2023-11-14": 1_699_920_000,
    "2023-11-14Z": 1_699_920_000,
    "20231114": 1_699_920_000,
    "20231114.0": 1_699_920_000,
    "14.11.2023": 1_699_920_000,
    "2023年11月14日": 1_699_920_000,
    "2023年11月14日 23时17分": 1_700_003_820,
    "2023-11-13T24:00:00": 1_699_920_000,
    "11/14/2023 12:00 AM": 1_699_920_000,
    "2023-W46-2": 1_699_920_000,
    "2023-318": 1_699_920_000,
    "2023-11": 1_698_796_800,
    "11/11/2023": 1_699_660_800,
    "2015": 1_420_070_400,
    "2016-12-31T23:59:60Z": 1_483_228_800,
}
NO_TIMES = (
    *("yesterday", "", "3 may", "2023-13-14", "2023-02-30", "25:61", "UTC", "nan", "-", "1_000"),
    *("2023-11-14 23:17 IST", "2023-11-14 23:17 BST", "2023-11-14 23:17 Europe/Nowhere"),
    *("14 Nov 2023 12", "2023-W60-1", "2023-400", "13/13/2023", "11/14/2023 13:00 PM", "1e400"),
)


def column(*texts, **rules):
    return parse_times(pl.Series(texts, dtype=pl.String), TimeRules(**rules))


def read(*texts, **rules):
    return column(*texts, **rules).seconds.to_list()


@pytest.mark.parametrize("text", SECONDS)
def test_one_moment_is_read_from_every_notation(text):
    parsed = parse_time(text)
    assert parsed is not None
    assert parsed.seconds == MOMENT
    assert read(text) == [MOMENT]


@pytest.mark.parametrize(("text", "seconds"), COARSE.items())
def test_a_time_without_seconds_is_the_beginning_of_its_minute_day_or_year(text, seconds):
    parsed = parse_time(text)
    assert parsed is not None
    assert parsed.seconds == seconds
    assert read(text) == [seconds]


@pytest.mark.parametrize("text", NO_TIMES)
def test_what_is_no_time_is_not_guessed(text):
    assert parse_time(text) is None
    if unclear_zone(text):
        return  # a column with it is a question
    assert read(text) in ([None], [pytest.approx(float("nan"), nan_ok=True)], [float("inf")])


def test_fractions_are_read_to_the_microsecond():
    assert parse_time("2023-11-14T23:17:11,5Z").seconds == MOMENT + 0.5
    assert read("2023-11-14T23:17:11.123456Z", "1700003831.25") == [
        MOMENT + 0.123456,
        MOMENT + 0.25,
    ]


def test_units_may_be_mixed_in_one_column():
    assert read("1700003831", "1700003831000", "2023-11-14 23:17:11", "x") == [*[MOMENT] * 3, None]


def test_small_numbers_are_dates_only_if_all_of_them_are():
    assert read("2007", "2015") == [1_167_609_600.0, 1_420_070_400.0]
    assert read("2007", "20150101") == [1_167_609_600.0, 1_420_070_400.0]
    assert read("2007", "5", "90000") == [2007.0, 5.0, 90_000.0]


def test_one_date_past_the_twelfth_decides_for_the_column():
    assert read("3/4/2023", "13/4/2023") == [1_680_480_000.0, 1_681_344_000.0]
    assert read("3/4/2023", "4/13/2023") == [1_677_888_000.0, 1_681_344_000.0]
    assert read("3/4/23", "4/13/23") == [1_677_888_000.0, 1_681_344_000.0]


def test_dates_that_can_be_read_in_two_ways_are_answered_with_both_formats():
    with pytest.raises(DataError) as refused:
        read("3/4/2023 10:00", "5/6/2023 11:00")
    assert "'3/4/2023 10:00'" in str(refused.value)
    assert 'time_format = "%d/%m/%Y %H:%M"' in str(refused.value)
    assert 'time_format = "%m/%d/%Y %H:%M"' in str(refused.value)
    assert read("3/4/2023", date_order="dmy") == [1_680_480_000.0]
    assert read("3/4/2023", date_order="mdy") == [1_677_888_000.0]
    assert read("3/4/2023", time_format="%d/%m/%Y") == [1_680_480_000.0]


def test_a_column_of_short_dates_has_the_year_where_its_numbers_differ_least():
    days = range(1, 11)
    march = [datetime(2024, 3, day, tzinfo=UTC).timestamp() for day in days]
    assert read(*(f"{day:02d}.03.24" for day in days)) == march
    assert read(*(f"24-03-{day:02d}" for day in days)) == march
    assert read(*(f"{day}/3/24" for day in [*days, 13])) == [*march, march[0] + 12 * 86_400]
    assert read("24.03.05 10:00", date_order="ymd") == [1_709_632_800.0]
    with pytest.raises(DataError, match=r"month\.year or as year\.month") as refused:
        read("05.03.04", "06.03.04")
    assert 'time_format = "%d.%m.%y" or time_format = "%y.%m.%d"' in str(refused.value)


def test_a_text_that_is_too_long_for_a_time_is_none():
    assert parse_time("14 Nov" + " " * 20 + "2023") is not None
    assert parse_time("14 Nov" + " " * 200 + "2023") is None
    assert parse_time("1" + " " * 10_000_000 + "2") is None  # it would take hours


def test_months_of_other_languages_are_read():
    day = datetime(2024, 3, 1, tzinfo=UTC).timestamp()
    texts = ("1. März 2024", "1 mars 2024", "1 de marzo de 2024", "1 março 2024", "1 maart 2024")
    assert read(*texts) == [day] * 5
    assert read("1. Mürz 2024", "1 de 2024", "mars 2024") == [None] * 3


@pytest.mark.parametrize(
    "text",
    [
        "/Date(1700003831000)/",
        "\\/Date(1700003831000+0100)\\/",
        "14NOV2023:23:17:11",
        "2023:11:14 23:17:11",
        "14/11/2023 11:17:11 p. m.",
    ],
)
def test_notations_of_other_programs_are_read(text):
    assert read(text) == [1_700_003_831.0]


def test_dates_that_contradict_each_other_are_bad_where_they_are_unclear():
    assert read("13/4/2023", "4/13/2023", "3/4/2023") == [1_681_344_000.0, 1_681_344_000.0, None]


def test_a_format_of_the_schema_is_the_only_one():
    assert read("14|11|23", "2023-11-14", time_format="%d|%m|%y") == [1_699_920_000.0, None]
    assert read("1700", time_format="ms") == [1.7]
    zoned = read("14/11/2023 23 +0100", time_format="%d/%m/%Y %H %z")
    assert zoned == [1_699_999_200.0]


@pytest.mark.parametrize("text", ["2023-07-14 04:40:00", "14.07.2023 04:40", "20230714T0440"])
def test_a_time_without_a_zone_is_local_where_the_schema_has_a_zone(text):
    berlin = datetime(2023, 7, 14, 4, 40, tzinfo=ZoneInfo("Europe/Berlin")).timestamp()
    assert read(text, timezone="Europe/Berlin") == [berlin]
    assert read(text) == [datetime(2023, 7, 14, 4, 40, tzinfo=UTC).timestamp()]
    assert read(f"{text}Z" if "." not in text else f"{text} UTC", timezone="Asia/Tokyo") == read(
        text
    )


@pytest.mark.parametrize(
    ("text", "zone", "offset"),
    [
        ("2023-11-15 04:47:11 IST", "Asia/Kolkata", 0),
        ("2023-11-15 01:17:11 IST", "Asia/Jerusalem", 0),
        ("2023-07-15 00:17:11 BST", "Europe/London", -123 * 86_400),
        ("Wed Nov 15 07:17:11 CST 2023", "Asia/Shanghai", 0),
        ("Tue Nov 14 17:17:11 CST 2023", "America/Chicago", 0),
    ],
)
def test_a_name_of_several_zones_is_that_of_the_schema(text, zone, offset):
    assert read(text, timezone=zone) == [MOMENT + offset]


def test_a_name_of_several_zones_is_a_question_without_a_zone_in_the_schema():
    for rules in ({}, {"timezone": "Europe/Berlin"}):
        with pytest.raises(DataError) as refused:
            read("2023-11-15 04:47:11 UTC", "2023-11-15 04:47:11 IST", **rules)
        assert "'2023-11-15 04:47:11 IST'" in str(refused.value)
        assert 'timezone = "Asia/Kolkata" or timezone = "Asia/Jerusalem"' in str(refused.value)
    assert parse_either_reading(pl.Series(["2023-11-15 04:47:11 IST"])).to_list() == [MOMENT]


def test_the_american_reading_of_cst_is_noted():
    text = "Tue Nov 14 17:17:11 CST 2023"
    assert read(text) == [MOMENT]
    assert column(text).american == text
    assert column(text, timezone="America/Chicago").american is None
    assert column("Tue Nov 14 18:17:11 EST 2023").american is None


def test_days_of_a_spreadsheet_are_read_only_where_all_numbers_are():
    assert read("45244.970266203706", "45245") == [MOMENT, 1_700_006_400.0]
    assert column("45244.5").serial == "45244.5"
    assert read("45244.970266203706", "12") == [45_244.970266203706, 12.0]
    assert read("45244.97", "1700003831") == [pytest.approx(1_700_003_808), MOMENT]
    assert read("61244", "61245") == [61_244.0, 61_245.0]
    berlin = datetime(2023, 11, 14, 12, tzinfo=ZoneInfo("Europe/Berlin")).timestamp()
    assert read("45244.5", timezone="Europe/Berlin") == [berlin]
    assert read("32874", time_format="excel") == [631_152_000.0]


def test_an_hour_that_the_clocks_skip_is_read_all_the_same():
    skipped = read("2023-03-26 02:30:00", timezone="Europe/Berlin")
    assert skipped == [1_679_794_200.0]


@pytest.mark.parametrize(
    "value", ["2023-11-14T23:17:11Z", "Tue, 14 Nov 2023 23:17:11 GMT", 1_700_003_831_000, MOMENT]
)
def test_post_events_takes_the_same_times_and_whole_numbers_as_ids(value):
    body = {"user_id": 42, "item_id": 7, "timestamp": value}
    event = checked(body).valid[0]
    assert (event.user, event.item, event.timestamp) == ("42", "7", MOMENT)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(
            ("timestamp", value)
            for value in ("3/4/2023", "2023-11-14 IST", True, 0, -1, [1], "nan")
        ),
        *((field, value) for field in ("user_id", "item_id") for value in (True, 1.5, None)),
    ],
)
def test_post_events_names_a_field_that_is_no_time_or_no_id(field, value):
    fault = checked({"user_id": "u", "item_id": "i", field: value}).invalid[0]
    assert (fault.reason, fault.field) == ("invalid", field)


def checked(body):

    batch = parse_body(orjson.dumps(body), "application/json")
    return check_events(batch, EventWeights(), 1_800_000_000.0)
