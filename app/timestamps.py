"""One definition of a time, for training, for the import of events and for the HTTP API.

A time is a number or a text. A number is unix time in seconds, milliseconds, microseconds or
nanoseconds, by its size, or a date in digits: 2015, 20231114, 20231114231711. A text is ISO 8601 in
any form, RFC 2822, or one of the notations of log files and spreadsheets.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Literal, TypeAlias

from app.month_names import with_english_month
from app.time_zones import PATTERN as ZONE
from app.time_zones import parse_zone

# Of 3/4/23: 3 April 2023, March 4 of that year, or 23 April 2003.
DateOrder: TypeAlias = Literal["dmy", "mdy", "ymd"]

MAX_TIME = 4_102_444_800.0  # 2100-01-01, unix seconds
MAX_CLOCK_SKEW = 60.0  # seconds that the clock of whoever wrote a time may be ahead of ours
# A number above a bound is in the finer unit: seconds reach 1e11 in the year 5138.
FINER_UNITS = ((1e17, 1e-9), (1e14, 1e-6), (1e11, 1e-3))
YEARS = (1000, 2200)  # four digits in this range are a year
DIGITS = {4: "%Y", 8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S", 17: "%Y%m%d%H%M%S"}
FIRST_UNIX = 1e8  # numbers below are no unix times of our days: 1e8 is in March 1973
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
MAX_DAY = 31  # of a month
MAX_TEXT = 128  # characters of a time; blanks of a longer text would cost their number squared
MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july", "august"),
    *("september", "october", "november", "december"),
)

_NUMBER = re.compile(r"[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?")
_WEEKDAY = re.compile(r"(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,?\s+", re.IGNORECASE)
_SUFFIX = re.compile(r"\s*(?:\[[\w/+-]+\]|\([^()]*\)|\sm=[+-][\d.]+)$")  # Java, JavaScript, Go
_ZONE = rf"(?P<zone>{ZONE})"
_CLOCK = (
    r"(?P<hour>\d{1,2})(?::(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<part>\d+))?)?)?"
    r"\s*(?P<half>[ap]\.?\s?m\.?)?"
)
_BASIC_CLOCK = r"(?P<hour>\d{2})(?P<minute>\d{2})(?:(?P<second>\d{2})(?:[.,](?P<part>\d+))?)?"
_DAY, _WORD = r"(?P<day>\d{1,2})", r"(?P<word>[a-z]{3,9})"
_DATES = (
    r"(?P<year>\d{4})(?P<mark>[-/.:])(?P<month>\d{1,2})(?P=mark)(?P<day>\d{1,2})",
    r"(?P<first>\d{1,2})(?P<mark>[-/.])(?P<other>\d{1,2})(?P=mark)(?P<year>\d{4}|\d{2})",
    rf"{_DAY}(?:st|nd|rd|th|\.)?[-/ ]?\s*{_WORD}\.?,?[-/ ]?\s*(?P<year>\d{{4}}|\d{{2}})",
    r"(?P<word>[a-z]{3,9})\.?[-/ ]\s*(?P<day>\d{1,2})(?:st|nd|rd|th)?,?[-/ ]\s*(?P<year>\d{4})",
    r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})",
    r"(?P<year>\d{4})-?W(?P<week>\d{2})(?:-?(?P<weekday>[1-7]))?",
    r"(?P<year>\d{4})-?(?P<ordinal>\d{3})",
    r"(?P<year>\d{4})-(?P<month>\d{2})",
)
_BETWEEN = r"(?:\s*T\s*|,?\s+(?:at\s+)?|:|_)"
_FORMS = (
    *(rf"{date}(?:{_BETWEEN}{_CLOCK})?\s*{_ZONE}?" for date in _DATES),
    *(rf"{date}(?:T|\s|_){_BASIC_CLOCK}\s*{_ZONE}?" for date in _DATES),
    rf"(?P<word>[a-z]{{3,9}})\s+(?P<day>\d{{1,2}})\s+{_CLOCK}\s*{_ZONE}?\s*(?P<year>\d{{4}})",
)
_UNITS = {"年년月월": "-", "日일": " ", "时時시分분": ":", "秒초": " "}  # Chinese, Japanese, Korean
_PATTERNS = tuple(re.compile(form, re.IGNORECASE | re.ASCII) for form in _FORMS)
_DOTNET = re.compile(r"\\?/Date\((-?\d+)(?:[+-]\d{4})?\)\\?/")  # JSON of .NET, milliseconds
_ORDERED = re.compile(
    r"\D*?(\d{1,2})(?:([-/])(\d{1,2})\2(?:\d{4}|(\d{2}))(?!\d)|\.(\d{1,2})\.(\d{2})(?![\d.]))",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class ParsedTime:
    """A time that a text names."""

    seconds: float  # unix seconds, exact to the microsecond
    has_zone: bool  # False: the zone of the reader was applied


def parse_time(text: str, zone: tzinfo = UTC, order: DateOrder | None = None) -> ParsedTime | None:
    """Return the time of a text; None if it is none, or if day and month cannot be told apart.

    Args:
        text: A number in digits, or a date with or without a clock time and a zone.
        zone: The zone of a text that names none. It also decides about names of several zones.
        order: What comes first in ``3/4/2023``. None: whichever is possible, if only one is. A date
            in numbers with a two-digit year is not read without an order.
    """
    plain = text.strip().strip('"')
    if len(plain) > MAX_TEXT:
        return None
    if dotnet := _DOTNET.fullmatch(plain):
        return ParsedTime(int(dotnet[1]) / 1e3, has_zone=True)
    if _NUMBER.fullmatch(plain):
        return parse_number(int(plain) if plain.isdigit() else float(plain), zone)
    if plain[:1] == "[" and plain[-1:] == "]":
        plain = plain[1:-1].strip()
    while shorter := _SUFFIX.search(plain):
        plain = plain[: shorter.start()]
    plain = _WEEKDAY.sub("", _without_units(plain), count=1)
    read = _read_form(plain, zone, order)
    if read is None and (english := with_english_month(plain)) != plain:
        return _read_form(english, zone, order)
    return read


def _read_form(text: str, zone: tzinfo, order: DateOrder | None) -> ParsedTime | None:
    """Return the time of a text in the first form that fits."""
    for fields in _matches(text):
        try:
            moment = _build(fields, zone, order)
        except (ValueError, OverflowError):
            continue
        if moment is not None:
            return ParsedTime(moment, bool(fields.get("zone")))
    return None


def _without_units(text: str) -> str:
    """Return ``2024年3月1日 10時20分`` as ``2024-3-1 10:20``."""
    if text.isascii():
        return text
    for units, mark in _UNITS.items():
        text = re.sub(rf"\s*[{units}]\s*", mark, text)
    return re.sub(r"[-:](?=\s|$)", "", text).strip()


def parse_number(number: float, zone: tzinfo = UTC) -> ParsedTime | None:
    """Return the time of a number: a date in digits, or unix time in any usual unit."""
    if FIRST_UNIX <= number < FINER_UNITS[-1][0]:
        return ParsedTime(number, has_zone=True)
    if not math.isfinite(number):
        return None
    dated = _date_in_digits(number, zone)
    if dated is not None:
        return ParsedTime(dated, has_zone=False)
    return ParsedTime(scale_to_seconds(number), has_zone=True)


def scale_to_seconds(number: float) -> float:
    """Return unix seconds from unix time in seconds or a finer unit, by the size of the number."""
    unit = next((unit for bound, unit in FINER_UNITS if abs(number) >= bound), 1.0)
    return number * unit


def usable_orders(text: str) -> frozenset[DateOrder]:
    """Return the orders in which ``3/4/2023`` can be read; none if the text has no such date.

    Dates with points and a year of four digits have none: ``_ordered_day`` reads them with the day
    first. The year can be first only if all three numbers have at most two digits.
    """
    parts = short_date(text)
    match = _ORDERED.match(text.strip())
    if match is None:
        return frozenset()
    first, other = int(match[1]), int(match[3] or match[5])
    orders: dict[DateOrder, int] = {"dmy": other, "mdy": first}
    if match[5] and 1 <= other <= len(MONTHS):
        del orders["mdy"]  # points mean that the day is before the month
    if parts is not None and 1 <= parts[2] <= MAX_DAY:
        orders["ymd"] = other
    return frozenset(order for order, month in orders.items() if 1 <= month <= len(MONTHS))


def short_date(text: str) -> tuple[int, int, int] | None:
    """Return the three numbers of a date such as ``14.11.23``; None for other texts."""
    match = _ORDERED.match(text.strip())
    last = match and (match[4] or match[6])
    if match is None or not last:
        return None
    return int(match[1]), int(match[3] or match[5]), int(last)


def _matches(text: str) -> Iterator[dict[str, str]]:
    for pattern in _PATTERNS:
        if match := pattern.fullmatch(text):
            yield {name: value for name, value in match.groupdict().items() if value is not None}


def _date_in_digits(number: float, zone: tzinfo) -> float | None:
    digits = str(int(number))
    form = DIGITS.get(len(digits))
    if form is None or number != int(number):
        return None
    if not YEARS[0] <= int(digits[:4]) <= YEARS[1]:
        return None
    try:
        moment = datetime.strptime(digits[:14], form).replace(tzinfo=zone)
    except ValueError:
        return None
    return _seconds(moment + timedelta(milliseconds=int(digits[14:] or 0)))


def _build(fields: Mapping[str, str], zone: tzinfo, order: DateOrder | None) -> float | None:
    day = _day(fields, order)
    if day is None:
        return None
    hour, extra = _hour(fields)
    offset = parse_zone(fields["zone"], zone) if "zone" in fields else zone
    second = int(fields.get("second", 0))
    moment = datetime(
        *(day.year, day.month, day.day, hour, int(fields.get("minute", 0)), min(second, 59)),
        int(fields.get("part", "0")[:6].ljust(6, "0")),
        tzinfo=offset,
    )
    if second > 60:  # noqa: PLR2004 (60 is a leap second)
        return None
    return _seconds(moment + extra + timedelta(seconds=second - min(second, 59)))


def _day(fields: Mapping[str, str], order: DateOrder | None) -> date | None:
    year = int(fields["year"])
    if "week" in fields:
        return date.fromisocalendar(year, int(fields["week"]), int(fields.get("weekday", 1)))
    if "ordinal" in fields:
        first = date(year, 1, 1)
        day = first + timedelta(days=int(fields["ordinal"]) - 1)
        return day if day.year == year else None
    if "word" in fields:
        return date(_full_year(fields["year"]), _month(fields["word"]), int(fields["day"]))
    if "first" in fields:
        return _ordered_day(fields, order)
    return date(year, int(fields["month"]), int(fields.get("day", 1)))


def _ordered_day(fields: Mapping[str, str], order: DateOrder | None) -> date | None:
    """Return the day of 3/4/2023; None if its order is not clear.

    Points mean that the day is first, where this is possible. A two-digit year needs an order.
    ``14.11.23`` gets one from the schema or from other dates, because points decide no column.
    """
    first, other = int(fields["first"]), int(fields["other"])
    is_short = len(fields["year"]) == 2  # noqa: PLR2004
    if is_short and order is None:
        return None
    if order is None and fields["mark"] == ".":
        order = "dmy" if other <= len(MONTHS) else "mdy"
    if order is None and first != other:
        if first <= len(MONTHS) and other <= len(MONTHS):
            return None
        order = "dmy" if other <= len(MONTHS) else "mdy"
    if order == "ymd":
        return date(_full_year(fields["first"]), other, int(fields["year"])) if is_short else None
    day, month = (other, first) if order == "mdy" else (first, other)
    return date(_full_year(fields["year"]), month, day)


def _full_year(text: str) -> int:
    """Return a year; of two digits, 69 is 1969 and 68 is 2068, as in POSIX."""
    year = int(text)
    return year if len(text) > 2 else year + (1900 if year > 68 else 2000)  # noqa: PLR2004


def _month(word: str) -> int:
    name = word.lower()
    names = [n for n, month in enumerate(MONTHS, 1) if month.startswith(name[:3])]
    if not names or not (MONTHS[names[0] - 1] == name or name in {name[:3], "sept"}):
        raise ValueError(f"{word} is not a month")
    return names[0]


def _hour(fields: Mapping[str, str]) -> tuple[int, timedelta]:
    """Return the hour of the clock, 0 to 23, and what 24:00 adds to it."""
    hour, half = int(fields.get("hour", 0)), fields.get("half", "").lower()
    if "hour" in fields and "minute" not in fields and not half and "zone" not in fields:
        raise ValueError("a number after a date is not an hour")
    if half:
        if not 1 <= hour <= 12:  # noqa: PLR2004
            raise ValueError(f"{hour} {half} is not an hour")
        return hour % 12 + 12 * (half[0] == "p"), timedelta()
    if hour == 24 and not int(fields.get("minute", 0)) + int(fields.get("second", 0)):  # noqa: PLR2004
        return 0, timedelta(days=1)
    return hour, timedelta()


def _seconds(moment: datetime) -> float:
    return (moment - EPOCH) // MICROSECOND / 1e6
