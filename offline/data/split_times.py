"""Times that a file has in several columns: a date and a clock, or a year, a month and a day."""

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from offline.data.column_content import MOST, sample
from offline.data.column_names import OTHER_TIMES, split_name
from offline.data.schema import InteractionsFile
from offline.data.table import TextTable

CLOCK = (
    r"(?i)^\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?"
    r"(\s*[ap]\.?\s?m\.?)?(\s*(z|utc|gmt|[+-]\d{2}:?\d{2}))?$"
)
BARE_CLOCK = r"^([01]\d|2[0-3])[.h]?([0-5]\d)[.]?([0-5]\d)?$"  # 08.30, 08h30 and 083000
CLOCK_WORDS = frozenset({"time", "clock", "hour", "at", "ts", "timestamp"})
NO_CLOCK = r"(?i)\d[:T]\d|^\d{9,}|^\d{1,7}(\.\d*)?$"  # a clock, unix time, or another number
MIDNIGHT = r"[ T]00:00(:00(\.0+)?)?$"
HOURS, MINUTES, MONTHS, DAYS, YEARS = (0, 23), (0, 59), (1, 12), (1, 31), (1970, 2100)


def join_time_columns(
    table: TextTable, part: InteractionsFile, free: Sequence[str]
) -> tuple[TextTable, InteractionsFile]:
    """Join the columns of one time, and return the schema with the column that holds it.

    The joined texts stand in the first of the columns. The others are removed from the table, which
    has a finding. Nothing is joined where the schema has a time format.

    Args:
        table: The rows of the file, as text.
        part: The schema of the file, with the column of each field.
        free: The columns that no field takes.
    """
    if part.time_format:
        return table, part
    table, part = _join_calendar(table, part, free)
    return _join_clock(table, part, [column for column in free if column in table.columns]), part


def _join_calendar(
    table: TextTable, part: InteractionsFile, free: Sequence[str]
) -> tuple[TextTable, InteractionsFile]:
    """Join columns of years, months and, if there are any, days."""
    named = part.timestamp
    if named is not None and split_name(named)[-1:] != ["year"]:
        return table, part
    years = [named] if named else _numbers(table, free, "year", YEARS)
    months = _numbers(table, free, "month", MONTHS)
    if len(years) != 1 or len(months) != 1:
        return table, part
    days = _numbers(table, free, "day", DAYS)[:1]
    parts = [_digits(years[0]), *(_digits(column).str.zfill(2) for column in [*months, *days])]
    joined = pl.concat_str(parts, separator="-").alias(years[0])
    table = _with_joined(table, joined, [years[0], *months, *days])
    return table, part.model_copy(update={"timestamp": years[0]})


def _join_clock(table: TextTable, part: InteractionsFile, free: Sequence[str]) -> TextTable:
    """Join a column of dates and the one column of clock times or hours beside it."""
    if part.timestamp is None:
        return table
    dates = table.frame[part.timestamp].str.strip_chars().str.replace(MIDNIGHT, "")
    texts = sample(dates)
    if texts.is_empty() or texts.str.contains(NO_CLOCK).any():
        return table
    clocks = [column for column in free if _is_clock(column, table.frame[column])]
    hours = _numbers(table, free, "hour", HOURS)
    if len(clocks) != 1 and (clocks or len(hours) != 1):
        return table
    column = [*clocks, *hours][0]
    minutes = [] if clocks else _numbers(table, free, "minute", MINUTES)[:1]
    text = pl.col(column).str.strip_chars()
    minute = _digits(minutes[0]).str.zfill(2) if minutes else pl.lit("00")
    bare = pl.concat_str(
        text.str.extract(BARE_CLOCK, 1),
        text.str.extract(BARE_CLOCK, 2),
        pl.coalesce(text.str.extract(BARE_CLOCK, 3), pl.lit("00")),
        separator=":",
    )
    clock = (
        pl.coalesce(bare, text) if clocks else pl.concat_str(_digits(column), minute, separator=":")
    )
    joined = pl.concat_str(pl.lit(dates), clock, separator=" ", ignore_nulls=True)
    joined = pl.when(pl.lit(dates).is_not_null()).then(joined).alias(part.timestamp)
    return _with_joined(table, joined, [part.timestamp, column, *minutes])


def _with_joined(table: TextTable, joined: pl.Expr, columns: Sequence[str]) -> TextTable:
    frame = table.frame.with_columns(joined)
    example = str(frame[columns[0]].drop_nulls().first())
    text = f"{table.file}: the time of an event is read from {' and '.join(columns)}, as {example}."
    frame = frame.drop(columns[1:])
    return replace(table, frame=frame).with_finding("good", text)


def _is_clock(name: str, of: pl.Series) -> bool:
    words, texts = split_name(name), sample(of)
    named = words[-1:] and words[-1] in CLOCK_WORDS and not OTHER_TIMES & set(words)
    if not named or texts.is_empty():
        return False
    clocks = int(texts.str.contains(CLOCK).sum())
    return clocks >= MOST * len(texts) or bool(texts.str.contains(BARE_CLOCK).all())


def _numbers(
    table: TextTable, columns: Sequence[str], word: str, bounds: tuple[int, int]
) -> list[str]:
    """Return the columns of whole numbers within the bounds whose name ends in the word."""
    matching = []
    for column in columns:
        words, texts = split_name(column), sample(table.frame[column])
        numbers = texts.cast(pl.Float64, strict=False)
        fits = (numbers.is_between(*bounds) & (numbers == numbers.floor())).fill_null(value=False)
        if words[-1:] == [word] and not OTHER_TIMES & set(words) and len(texts) and fits.all():
            matching.append(column)
    return matching


def _digits(column: str) -> pl.Expr:
    """Return the whole numbers of a column as texts: ``3.0`` is 3."""
    number = pl.col(column).str.strip_chars().cast(pl.Float64, strict=False)
    return number.cast(pl.Int64, strict=False).cast(pl.String)
