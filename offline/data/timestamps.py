"""Parses times: unix numbers in any common unit, ISO 8601, and the dates of item files."""

import polars as pl

MAX_TIME = 4_102_444_800.0  # 2100-01-01, unix seconds
# A number above a bound is in the finer unit: seconds reach 1e11 in the year 5138.
FINER_UNITS = ((1e17, 1e-9), (1e14, 1e-6), (1e11, 1e-3))
ISO_FORMATS = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%d")
DATE_FORMATS = ("%d-%b-%Y", "%d %b %Y", "%B %d, %Y")
YEARS = (1000.0, 2200.0)  # a number in this range is a year, not a time


def parse_seconds(column: str) -> pl.Expr:
    """Return the unix seconds of a text column; null if it is no time. Naive times are UTC."""
    text = pl.col(column).str.strip_chars()
    number = text.cast(pl.Float64, strict=False)
    scaled = number
    for bound, unit in reversed(FINER_UNITS):
        scaled = pl.when(number.abs() >= bound).then(number * unit).otherwise(scaled)
    return pl.coalesce(scaled, _moment(text).dt.epoch("us") / 1e6)


def parse_years(column: str) -> pl.Expr:
    """Return the year, with its fraction, of a text column; null if the text is no date."""
    text = pl.col(column).str.strip_chars()
    number = text.cast(pl.Float64, strict=False)
    since_epoch = (parse_seconds(column) * 1e6).cast(pl.Int64, strict=False).cast(pl.Datetime("us"))
    moment = pl.coalesce(*[_parse(text, each) for each in DATE_FORMATS], since_epoch)
    dated = moment.dt.year() + (moment.dt.ordinal_day() - 1) / 366
    return pl.when(number.is_between(*YEARS)).then(number).otherwise(dated)


def _moment(text: pl.Expr) -> pl.Expr:
    """Parse ISO 8601, with or without a zone, to naive UTC."""
    tidy = text.str.replace("T", " ", literal=True).str.replace("Z$", "+00:00")
    zoned = tidy.str.to_datetime("%Y-%m-%d %H:%M:%S%.f%#z", time_unit="us", strict=False)
    naive = [_parse(tidy, each) for each in ISO_FORMATS]
    return pl.coalesce(zoned.dt.replace_time_zone(None), *naive)


def _parse(text: pl.Expr, form: str) -> pl.Expr:
    if "%H" in form:
        return text.str.to_datetime(form, time_unit="us", strict=False)
    return text.str.to_date(form, strict=False).cast(pl.Datetime("us"))
