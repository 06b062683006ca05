"""The times of interactions: how they are read, which are bad, and what was assumed."""

from collections.abc import Iterator
from datetime import UTC, datetime

import polars as pl

from app.timestamps import FIRST_UNIX, MAX_CLOCK_SKEW, MAX_TIME
from app.trainings.data_diagnosis import DataFinding
from offline.data.repeats import DAY, has_only_dates
from offline.data.schema import InteractionsFile
from offline.data.table import TextTable
from offline.data.time_questions import ORDER_WORDS
from offline.data.timestamps import TimeColumn, TimeRules, parse_times

FUTURE = "timestamp is in the future"
RECENT = 30 * DAY  # seconds; older data are served as if they ended now
MAX_WEST = 12 * 3600.0  # seconds that the clocks of any zone are behind UTC
MAX_ZONE = 14 * 3600.0  # seconds that the clocks of any zone are ahead of UTC
FORMATS = "use unix time or ISO 8601, or set time_format in the schema"


def read_times(table: TextTable, part: InteractionsFile) -> TimeColumn | None:
    """Return the times of all rows of a table; None if the file has none.

    Raises:
        DataError: The dates can be read in two ways.
    """
    column = part.timestamp
    if column is None or not table.frame[column].is_not_null().any():
        return None
    rules = TimeRules(part.timezone, part.time_format, part.date_order)
    return parse_times(table.frame[column], rules)


def time_faults(now: float) -> list[pl.Expr]:
    """Return the faults of the columns "time" and "raw time"; null where there are none."""
    time, raw = pl.col("time"), pl.col("raw time")
    has_time = raw.is_not_null()
    no_time = pl.format(f"timestamp is not a time: {{}}; {FORMATS}", raw.str.slice(0, 40))
    return [
        pl.when(has_time & time.is_null()).then(no_time),
        pl.when(~time.is_between(0.0, MAX_TIME)).then(pl.lit("timestamp out of range")),
        pl.when(time > now + MAX_CLOCK_SKEW).then(pl.lit(FUTURE)),
        pl.when(has_time & (time == 0.0) & (time.max() >= FIRST_UNIX)).then(
            pl.lit("timestamp is 0, which stands for no time")
        ),
    ]


def time_margin(times: TimeColumn, part: InteractionsFile) -> float:
    """Return the seconds by which times may be earlier than what they stand for.

    Live events are counted from the end of the data. The margin keeps those that the data already
    contain from counting twice.
    """
    zone = MAX_WEST if times.naive is not None and part.timezone is None else 0.0
    return zone + (DAY if has_only_dates(times.seconds) else 0.0)


def with_time_findings(
    table: TextTable, times: TimeColumn | None, part: InteractionsFile, now: float
) -> TextTable:
    """Return the table with findings about the zone, the order of dates, and future rows."""
    for finding in _findings(table.file, times, part, now) if times else ():
        table = table.with_finding(finding.level, finding.text)
    return table


def _findings(
    file: str, times: TimeColumn, part: InteractionsFile, now: float
) -> Iterator[DataFinding]:
    if times.naive is not None:
        newest = times.seconds.max()
        is_recent = isinstance(newest, float) and newest > now - RECENT
        yield _zone_finding(file, times.naive, part, is_recent=is_recent)
    if times.date_order is not None and part.date_order is None:
        words = ORDER_WORDS[times.date_order]
        what = f"dates such as {times.short}" if times.short else "dates with slashes"
        yield DataFinding("good", f"{file}: {what} are read as {words}.")
    if times.calendar is not None:
        yield DataFinding("good", f"{file}: times such as {times.calendar} are read as dates.")
    if times.serial is not None:
        yield DataFinding("limit", _serial_text(file, times))
    if times.american is not None:
        yield DataFinding(
            "limit",
            f"{file}: CST in times such as {times.american!r} is read as the time of North "
            'America, UTC-6. For the time of China, set timezone = "Asia/Shanghai" in '
            "[interactions] of the schema.",
        )
    future = times.seconds.filter(
        times.seconds.is_between(now + MAX_CLOCK_SKEW, MAX_TIME, closed="right")
    )
    if len(future):
        yield DataFinding("problem", _future_text(file, future, times, now))


def _zone_finding(
    file: str, example: str, part: InteractionsFile, *, is_recent: bool
) -> DataFinding:
    if part.timezone:
        text = f"{file}: times without a zone are read as {part.timezone}."
        return DataFinding("good", text)
    hours = f"{MAX_WEST / 3600:.0f} hours"
    live = f" Until then, live events of the {hours} after the newest row do not count."
    return DataFinding(
        "limit",
        f"{file}: times without a zone, such as {example!r}, are read as UTC. Set timezone = "
        f'"Europe/Berlin" (or your zone, or "UTC") in [interactions] of the schema.'
        + (live if is_recent else ""),
    )


def _serial_text(file: str, times: TimeColumn) -> str:
    first = times.seconds.drop_nulls().min()
    moment = datetime.fromtimestamp(float(str(first)), UTC)
    return (
        f"{file}: times such as {times.serial} are read as the days of a spreadsheet; the "
        f"earliest is {moment:%Y-%m-%d %H:%M} UTC. If they are not, set time_format in "
        "[interactions] of the schema."
    )


def _future_text(file: str, future: pl.Series, times: TimeColumn, now: float) -> str:
    latest = float(str(future.max()))
    moment = datetime.fromtimestamp(latest, UTC)
    text = (
        f"{file}: {len(future)} rows are later than now, the latest at {moment:%Y-%m-%d %H:%M} "
        f"UTC, and are left out"
    )
    if times.naive is not None and latest <= now + MAX_ZONE:
        return f'{text}; if the times are local, set timezone = "Asia/Shanghai" (or your zone).'
    return f"{text}; correct the time of these rows."
