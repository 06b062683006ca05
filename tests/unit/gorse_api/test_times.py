import pytest

from app.api.errors import RefusalError
from app.gorse_api.times import (
    NO_TIME,
    read_duration,
    read_time,
    render_time,
    time_of_year,
    year_of,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2026-03-04", "2026-03-04T00:00:00Z"),
        ("2026-03-04 05:06:07", "2026-03-04T05:06:07Z"),
        ("2026-03-04T05:06:07+02:00", "2026-03-04T03:06:07Z"),
        ("2026-03-04T05:06:07.25Z", "2026-03-04T05:06:07.25Z"),
        ("1772600767", "2026-03-04T05:06:07Z"),
        ("1772600767000", "2026-03-04T05:06:07Z"),
        ("Mar 4, 2026", "2026-03-04T00:00:00Z"),
        ("3/4/2026", "2026-03-04T00:00:00Z"),
        ("2123-01-01T00:00:00Z", "2123-01-01T00:00:00Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ("", "0001-01-01T00:00:00Z"),
        (None, "0001-01-01T00:00:00Z"),
    ],
)
def test_a_time_of_many_forms_is_shown_in_one(text, shown):
    assert render_time(read_time(text, "Timestamp")) == shown


@pytest.mark.parametrize("value", ["20/3/2026", "tomorrow", 1772600767, True, ["2026"], "9" * 120])
def test_what_is_no_time_is_refused(value):
    with pytest.raises(RefusalError) as refused:
        read_time(value, "Timestamp")
    assert refused.value.status == 400
    assert "Timestamp" in str(refused.value)


def test_a_year_with_a_fraction_is_the_time_again():
    at = read_time("2024-07-02T12:00:00Z", "Timestamp")
    assert year_of(at) == pytest.approx(2024.50137, abs=1e-5)
    assert abs(time_of_year(year_of(at)) - at) < 1_000_000
    assert year_of(NO_TIME) is None
    assert render_time(time_of_year(1997.0)) == "1997-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("text", "seconds"), [("10m", 600), ("1h30m", 5_400), ("0s", 0), ("0", 0), ("250ms", 0.25)]
)
def test_a_duration(text, seconds):
    assert read_duration(text, "write-back-delay") == seconds


@pytest.mark.parametrize("text", ["soon", "10", "-5m", "1d", "999999999h", ""])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(RefusalError, match="write-back-delay"):
        read_duration(text, "write-back-delay")
