"""Whole columns are read as ``app.timestamps`` reads each text alone."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import polars as pl
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.timestamps import FIRST_UNIX, parse_time
from offline.data.errors import DataError
from offline.data.timestamps import TimeRules, parse_times

moments = st.datetimes(datetime(1980, 1, 1), datetime(2099, 1, 1))  # noqa: DTZ001
FORMATS = (
    *("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d"),
    *("%Y-%m-%dT%H:%M:%S+05:30", "%Y-%m-%d %H:%M:%S-0800", "%Y-%m-%dT%H:%MZ", "%Y%m%dT%H%M%SZ"),
    *("%d.%m.%Y %H:%M", "%d %b %Y %H:%M:%S", "%b %d, %Y %I:%M %p", "%d/%b/%Y:%H:%M:%S +0000"),
    *("%a, %d %b %Y %H:%M:%S GMT", "%Y/%m/%d %H:%M", "%G-W%V-%u", "%Y-%jT%H:%M:%S"),
)
junk = st.text(st.sampled_from("0123456789-/:. TZ+,apmUTCNov"), max_size=22)


def alone(text, zone=UTC):
    parsed = parse_time(text, zone)
    return None if parsed is None else parsed.seconds


def column(*texts, **rules):
    return parse_times(pl.Series(texts, dtype=pl.String), TimeRules(**rules)).seconds.to_list()


@settings(max_examples=200)
@given(moments, st.sampled_from(FORMATS), st.sampled_from([None, "Europe/Berlin", "Asia/Tokyo"]))
@example(datetime(2023, 3, 26, 2, 30), "%Y-%m-%d %H:%M:%S", "Europe/Berlin")  # noqa: DTZ001
@example(datetime(2023, 10, 29, 2, 30), "%Y-%m-%d %H:%M:%S", "Europe/Berlin")  # noqa: DTZ001
def test_a_column_is_read_as_each_text_alone(moment, form, zone):
    text = moment.strftime(form)
    expected = alone(text, ZoneInfo(zone) if zone else UTC)
    assert expected is not None
    assert column(text, timezone=zone) == [expected]


@settings(max_examples=300)
@given(st.lists(junk, min_size=1, max_size=5))
@example(["2023-1-4 "])
@example(["2023-01-04T10:00:00.1234567Z"])
def test_no_text_is_a_time_in_a_column_and_none_alone(texts):
    try:
        read = column(*texts)
    except DataError:
        return
    for text, seconds in zip(texts, read, strict=True):
        single = alone(text)
        if single is None or seconds is None or (seconds < FIRST_UNIX and "/" not in text):
            continue  # the other texts of the column decide what small numbers and dates are
        assert seconds == single or "/" in text


@settings(max_examples=200)
@given(moments.map(lambda moment: moment.replace(tzinfo=UTC)), st.sampled_from([1, 1_000, 10**6]))
def test_unix_times_of_any_unit_are_the_same_moment(moment, unit):
    seconds = int(moment.timestamp())
    assert column(str(seconds * unit)) == [seconds]
    assert alone(str(seconds * unit)) == seconds
