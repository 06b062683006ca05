"""Parse columns that may hold times, and the years of release dates.

Nothing here is refused. Dates that can be read in two ways are left out, or read in one of them.
"""

from datetime import UTC
from zoneinfo import ZoneInfo

import polars as pl

from app.time_zones import unclear_zone
from app.timestamps import YEARS, parse_time, usable_orders
from offline.data.errors import DataError
from offline.data.timestamps import parse_times

DATE_FORMATS = ("%d-%b-%Y", "%d %b %Y", "%B %d, %Y")


def parse_seconds(column: str) -> pl.Expr:
    """Return the unix seconds of a text column; null if it is no time. Naive times are UTC."""
    return pl.col(column).map_batches(_seconds_or_null, return_dtype=pl.Float64)


def parse_either_reading(texts: pl.Series) -> pl.Series:
    """Return the unix seconds of texts, in one of two readings if there are two; null if none."""
    try:
        return parse_times(texts).seconds
    except DataError:
        return pl.Series([_one_reading(text or "") for text in texts.to_list()], dtype=pl.Float64)


def _one_reading(text: str) -> float | None:
    unclear = unclear_zone(text)
    zone = ZoneInfo(unclear[1][0]) if unclear else UTC
    time = parse_time(text, zone, "dmy") or parse_time(text, zone, "mdy")
    return time.seconds if time else None


def parse_years(column: str) -> pl.Expr:
    """Return the year, with its fraction, of a text column; null if the text is no date."""
    text = pl.col(column).str.strip_chars()
    number = text.cast(pl.Float64, strict=False)
    since_epoch = (parse_seconds(column) * 1e6).cast(pl.Int64, strict=False).cast(pl.Datetime("us"))
    moment = pl.coalesce(*[_parse_date(text, each) for each in DATE_FORMATS], since_epoch)
    dated = moment.dt.year() + (moment.dt.ordinal_day() - 1) / 366
    return pl.when(number.is_between(*YEARS)).then(number).otherwise(dated)


def _seconds_or_null(texts: pl.Series) -> pl.Series:
    """Return the times; null for all dates that can be read in two ways."""
    try:
        return parse_times(texts).seconds
    except DataError:
        unclear = pl.Series(
            [bool(text and (usable_orders(text) or unclear_zone(text))) for text in texts.to_list()]
        )
        return parse_times(texts.set(unclear, None)).seconds


def _parse_date(text: pl.Expr, form: str) -> pl.Expr:
    return text.str.to_date(form, strict=False).cast(pl.Datetime("us"))
