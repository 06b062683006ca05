"""Parse columns of times. Numbers and plain ISO 8601 are read as whole columns, which is fast.

Every other text is read by ``app.timestamps``, which defines what a time is. All values of a column
follow one rule: all dates of the column together decide what 3/4/2023 means.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import cached_property
from zoneinfo import ZoneInfo

import polars as pl

from app.time_zones import unclear_zone
from app.timestamps import (
    FINER_UNITS,
    FIRST_UNIX,
    DateOrder,
    ParsedTime,
    parse_number,
    parse_time,
    short_date,
    usable_orders,
)
from offline.data.errors import DataError
from offline.data.schema import SPREADSHEET_DAYS, TIME_UNITS
from offline.data.time_questions import ambiguous_date_text, unclear_zone_text

# Plain ISO 8601, which is read as a whole column. Other forms are read text by text.
PLAIN = r"^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?(?:Z|[+-]\d{2}:?\d{2})?)?$"
HAS_ZONE = r"(?:Z|:\d{2}(?:\.\d+)?[+-]\d{2}:?\d{2})$"
FEWER = 2  # a column has this many times more days than years, if its dates tell which is which
DAY = 86_400.0  # seconds
SERIAL_EPOCH = 25_569.0  # the day of a spreadsheet that is 1970-01-01
SERIAL_DAYS = (36_526.0, 54_789.0)  # 2000 to 2049: numbers of this size, if all are, are such days
MAX_ZONE_TEXTS = 1_000  # different texts whose zone is examined
# Dates of 1900 to 2109 in 12, 14 and 17 digits.
DIGIT_RANGES = ((1.9e11, 2.11e11), (1.9e13, 2.11e13), (1.9e16, 2.11e16))


@dataclass(frozen=True)
class TimeRules:
    """How the times of one column are read. The defaults are those of a file without a schema."""

    timezone: str | None = None  # of times that name no zone; None: UTC
    time_format: str | None = None  # ``strptime`` format, unit of TIME_UNITS, or SPREADSHEET_DAYS
    date_order: DateOrder | None = None  # None: decided by the column

    @cached_property
    def zone(self) -> tzinfo:
        return ZoneInfo(self.timezone) if self.timezone else UTC


@dataclass(frozen=True, slots=True, eq=False)
class TimeColumn:
    """The times of a column, and what was assumed to read them."""

    seconds: pl.Series  # Float64: unix seconds; null where the text is no time
    naive: str | None = None  # the first text without a zone, read in ``TimeRules.zone``
    date_order: DateOrder | None = None  # in which dates such as 14/11/2023 were read
    calendar: str | None = None  # the first number that was read as a date in digits
    serial: str | None = None  # the first number that was read as a day of a spreadsheet
    american: str | None = None  # the first text whose CST was read as the time of North America
    short: str | None = None  # the first date with a year of two digits


@dataclass(slots=True)
class _Reading:
    """Fills the times of one column step by step."""

    texts: pl.Series  # without blanks around them; null: empty
    rules: TimeRules
    seconds: pl.Series
    naive: str | None = None
    date_order: DateOrder | None = None
    calendar: str | None = None
    serial: str | None = None
    american: str | None = None
    short: str | None = None

    @classmethod
    def of(cls, texts: pl.Series, rules: TimeRules) -> "_Reading":
        plain = texts.cast(pl.String).str.strip_chars().replace("", None)
        return cls(plain, rules, plain.cast(pl.Float64, strict=False))

    def read(self) -> TimeColumn:
        unit = TIME_UNITS.get(self.rules.time_format or "")
        if unit:
            return TimeColumn(self.seconds * unit)
        if self.rules.time_format == SPREADSHEET_DAYS:
            self._read_serial(self.seconds.is_not_null())
            return TimeColumn(self.seconds, self.naive)
        if self.rules.time_format:
            self.seconds = pl.Series([None] * len(self.texts), dtype=pl.Float64)
        else:
            self._read_numbers()
        if self.rest.any():
            self._read_plain()
        if self.rest.any():
            self._read_others()
        return TimeColumn(
            *(self.seconds, self.naive, self.date_order, self.calendar, self.serial),
            *(self.american, self.short),
        )

    @property
    def rest(self) -> pl.Series:
        """Whether each text is not read yet, (n,)."""
        return self.seconds.is_null() & self.texts.is_not_null()

    def _read_numbers(self) -> None:
        """Scale the unix times, and read the dates in digits.

        Small numbers are dates if all of them are; else they count from an unknown start. Numbers
        that are all days of a spreadsheet are those.
        """
        numbers = self.seconds
        scaled = _scale(numbers)
        digits = _between(numbers, DIGIT_RANGES)
        small = (numbers > 0) & (numbers < FIRST_UNIX)
        if small.fill_null(value=False).any() and self._are_dates(numbers.filter(small)):
            digits |= small
        digits = digits.fill_null(value=False)
        serial = small.fill_null(value=False) & ~digits
        self.seconds = scaled
        if digits.any():
            self._fill(digits, self._parse)
            self.calendar = str(self.texts.filter(digits)[0])
        elif serial.any() and numbers.filter(serial).is_between(*SERIAL_DAYS).all():
            self.seconds = numbers
            self.serial = str(self.texts.filter(serial)[0])
            self._read_serial(serial)
            self.seconds = self.seconds.zip_with(serial, scaled)

    def _read_serial(self, chosen: pl.Series) -> None:
        """Convert all of ``seconds`` from days of a spreadsheet, which name no zone.

        The first of the chosen texts is the example of ``naive``. If others are not such days, the
        caller puts their values back.
        """
        if not chosen.any():
            return
        self.naive = self.naive or str(self.texts.filter(chosen)[0])
        micros = ((self.seconds - SERIAL_EPOCH) * DAY * 1e3).round() * 1e3
        local = micros.cast(pl.Int64, strict=False).cast(pl.Datetime("us"))
        self.seconds = _epoch_seconds(_as_utc(local, self.rules))

    def _are_dates(self, numbers: pl.Series) -> bool:
        parsed = (parse_number(number) for number in numbers.unique().to_list())
        return all(time is not None and not time.has_zone for time in parsed)

    def _read_plain(self) -> None:
        """Read plain ISO 8601, unless the schema has a format."""
        if self.rules.time_format:
            return
        is_plain = self.rest & self.texts.str.contains(PLAIN)
        if not is_plain.any():
            return
        chosen = self.texts.filter(is_plain)
        has_zone = chosen.str.contains(HAS_ZONE)
        tidy = chosen.str.replace("T", " ", literal=True).str.replace("Z$", "+00:00")
        zoned = tidy.str.to_datetime("%Y-%m-%d %H:%M:%S%.f%#z", time_unit="us", strict=False)
        naive = tidy.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False)
        days = tidy.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us"))
        local = _as_utc(naive.fill_null(days), self.rules)
        self._put(is_plain, _epoch_seconds(zoned.dt.replace_time_zone(None).fill_null(local)))
        if not has_zone.all():
            self.naive = str(chosen.filter(~has_zone)[0])

    def _read_others(self) -> None:
        """Read each different text once, by the format of the schema or by ``parse_time``."""
        if self.rules.time_format:
            self._fill(self.rest, self._parse_by_format)
            return
        rest = self.texts.filter(self.rest)
        self.date_order = self.rules.date_order or self._find_order(rest)
        self._check_zones(rest)
        self._fill(self.rest, self._parse)

    def _check_zones(self, texts: pl.Series) -> None:
        """Find the first name of a zone that has another meaning too.

        Raises:
            DataError: The name has no usual meaning.
        """
        for text in texts.unique(maintain_order=True).head(MAX_ZONE_TEXTS).to_list():
            unclear = unclear_zone(text, self.rules.zone)
            if unclear is None:
                continue
            name, zones = unclear
            if parse_time(text, ZoneInfo(zones[0]), self.date_order) is None:
                continue
            if self._parse(text) is None:
                raise DataError(unclear_zone_text(text, name, zones))
            self.american = text
            return

    def _find_order(self, texts: pl.Series) -> DateOrder | None:
        """Return the order that fits every date with slashes; None without such dates.

        Raises:
            DataError: Both orders fit every date, so that none can be chosen.
        """
        orders = [(text, usable_orders(text)) for text in texts.unique(maintain_order=True)]
        dated = [(text, usable) for text, usable in orders if usable]
        if not dated:
            return None
        self.short = next((text for text, _ in dated if short_date(text)), None)
        common = _without_other_years(
            frozenset.intersection(*(usable for _, usable in dated)), [text for text, _ in dated]
        )
        if len(common) == 1:
            return next(iter(common))
        unclear = (text for text, _ in dated if parse_time(text) is None)
        if common and (text := next(unclear, None)) is not None:
            raise DataError(ambiguous_date_text(text, common))
        return None

    def _fill(self, chosen: pl.Series, parse: Callable[[str], ParsedTime | None]) -> None:
        """Read each different one of the chosen texts once."""
        texts = self.texts.filter(chosen)
        unique = texts.unique(maintain_order=True)
        parsed = [parse(text) for text in unique.to_list()]
        self.naive = self.naive or next(
            (text for text, t in zip(unique, parsed, strict=True) if t and not t.has_zone), None
        )
        values = pl.Series([time and time.seconds for time in parsed], dtype=pl.Float64)
        self._put(chosen, texts.replace_strict(unique, values, return_dtype=pl.Float64))

    def _put(self, chosen: pl.Series, values: pl.Series) -> None:
        at = chosen.arg_true()
        self.seconds = self.seconds.clone().scatter(at, values)

    def _parse(self, text: str) -> ParsedTime | None:
        return parse_time(text, self.rules.zone, self.date_order)

    def _parse_by_format(self, text: str) -> ParsedTime | None:
        try:
            moment = datetime.strptime(text, self.rules.time_format or "")  # noqa: DTZ007
        except ValueError:
            return None
        has_zone = moment.tzinfo is not None
        aware = moment if has_zone else moment.replace(tzinfo=self.rules.zone)
        return ParsedTime(aware.timestamp(), has_zone)


def parse_times(texts: pl.Series, rules: TimeRules | None = None) -> TimeColumn:
    """Return the times of a column of texts, (n,).

    Raises:
        DataError: Dates such as 3/4/2023, or names of zones such as IST, can be read in two ways.
    """
    return _Reading.of(texts, rules or TimeRules()).read()


def _without_other_years(orders: frozenset[DateOrder], texts: list[str]) -> frozenset[DateOrder]:
    """Return the orders whose year is where a column of dates such as 14.11.23 has the years.

    A log has more days of the month than years. Dates that differ too little decide nothing.
    """
    parts = [part for part in map(short_date, texts) if part is not None]
    firsts, others, lasts = (len({part[place] for part in parts}) for place in range(3))
    if "ymd" not in orders or not parts:
        return orders
    if firsts * FEWER < lasts:
        return frozenset({"ymd"})
    if lasts * FEWER < max(firsts, others):
        return orders - {"ymd"}
    return orders


def _as_utc(local: pl.Series, rules: TimeRules) -> pl.Series:
    """Return times of the zone of the rules as times in UTC; neither names its zone."""
    if not rules.timezone:
        return local
    return (
        local.dt.replace_time_zone(rules.timezone, ambiguous="earliest", non_existent="null")
        .dt.convert_time_zone("UTC")
        .dt.replace_time_zone(None)
    )


def _epoch_seconds(moments: pl.Series) -> pl.Series:
    micros = moments.dt.epoch("us")
    seconds = pl.Series(micros.fill_null(0).to_numpy() / 1e6)  # Polars rounds otherwise
    return seconds.zip_with(micros.is_not_null(), pl.Series([None], dtype=pl.Float64))


def _scale(numbers: pl.Series) -> pl.Series:
    """Return unix seconds, (n,) Float64, from unix time in any unit, by the size of each number."""
    name = numbers.name
    scaled = pl.col(name)
    for bound, unit in reversed(FINER_UNITS):
        scaled = pl.when(pl.col(name).abs() >= bound).then(pl.col(name) * unit).otherwise(scaled)
    return numbers.to_frame().select(scaled.alias(name)).to_series()


def _between(numbers: pl.Series, ranges: tuple[tuple[float, float], ...]) -> pl.Series:
    """Return whether each number lies in one of the ranges, (n,) Boolean; null for null."""
    inside = pl.any_horizontal(pl.col(numbers.name).is_between(*each) for each in ranges)
    return numbers.to_frame().select(inside).to_series()
