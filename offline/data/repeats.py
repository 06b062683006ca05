"""Distinguish a line that was written twice from an action that was done twice on one day."""

import polars as pl

from offline.data.table import RAW, TextTable

DUPLICATE = "exact duplicate of an earlier line"
OPINIONS = ("rating", "like", "dislike", "hide", "unhide")  # given again, they say nothing new
EVENT_ID = "event_id"  # column in which an event is named
QUARTER_HOUR, DAY = 900.0, 86_400.0  # seconds; time zones differ by whole quarters of an hour
MAX_MIDNIGHTS = 2  # times of day at which dates begin: two where clocks change in summer


def has_only_dates(times: pl.Series) -> bool:
    """Return whether times, unix seconds, are the beginnings of days, or there are none."""
    present = times.drop_nulls()
    is_whole = bool((present % QUARTER_HOUR == 0).all())
    return is_whole and (present % DAY).n_unique() <= MAX_MIDNIGHTS


def reject_duplicates(events: TextTable, *, timed: bool) -> TextTable:
    """Reject the rows whose whole line repeats an earlier one.

    Two purchases of one item on one day are equal lines where the data have only dates. A line
    therefore counts as written twice only if it has a full time or the id of its event, or is an
    opinion.

    Args:
        events: with the columns user, item, kind, time, and EVENT_ID (null: none).
        timed: whether the data have times.
    """
    is_repeat = ~pl.col(RAW).is_first_distinct()
    is_identified = pl.col(EVENT_ID).is_not_null() | pl.col("kind").is_in(OPINIONS).fill_null(
        value=False
    )
    if timed and not has_only_dates(events.frame["time"]):
        is_identified |= pl.col("raw time").is_not_null()
    return events.reject(pl.when(is_repeat & is_identified).then(pl.lit(DUPLICATE)))


def count_repeats(events: TextTable) -> int:
    """Return how many good rows repeat an earlier line, and count as actions of their own."""
    return int((~events.frame[RAW].is_first_distinct()).sum())
