"""What some events mean by their value or user: refunds, ratings that are none, and nobody."""

from dataclasses import replace

import polars as pl

from offline.data.column_fields import could_be
from offline.data.schema import InteractionsFile
from offline.data.table import TextTable

FAR = 3.0  # times as large as all other ratings: it is none
NO_RATINGS = (-1.0, -9.0, -99.0, -999.0)  # below a scale from 0 on: no rating
MIN_VALUES = 4  # different ratings of a scale on which one can be apart: -1, 0 and 1 are votes
ZERO_SHARE = 0.1  # with so many zeros, a zero may mean that there is no rating


def interpret_events(events: TextTable, part: InteractionsFile) -> TextTable:
    """Return checked events without those of nobody, with refunds, and clicks for no rating."""
    return _interpret_values(_leave_out_nobody(events, part), part)


def _leave_out_nobody(table: TextTable, part: InteractionsFile) -> TextTable:
    """Leave out the rows of the ids that stand for nobody."""
    nobody = pl.col("user").is_in(part.no_user)
    count = table.frame.select(nobody.sum()).item() if part.no_user else 0
    if not count:
        return table
    text = f"{table.file}: {count:,} rows of {', '.join(part.no_user)} are left out (no_user)."
    return replace(table, frame=table.frame.filter(~nobody)).with_finding("limit", text)


def _interpret_values(table: TextTable, part: InteractionsFile) -> TextTable:
    """Read a purchase of a negative amount as a refund, and the rating that means none as a click.

    The table is returned with findings that name the numbers of such rows.
    """
    kind, value = pl.col("kind"), pl.col("value")
    returned = (kind == "purchase") & (value < 0) & pl.lit(could_be("money", part.value))
    unrated = (kind == "rating") & (value.eq_missing(pl.lit(part.no_rating, pl.Float64)))
    refunds, clicks = table.frame.select(returned.sum(), unrated.sum().alias("n")).row(0)
    if refunds:
        text = f"{refunds:,} purchases of a negative {part.value} are read as refunds."
        table = table.with_finding("limit", f"{table.file}: {text}")
    if clicks:
        text = f"{clicks:,} ratings of {part.no_rating:g} are read as clicks (no_rating)."
        table = table.with_finding("good", f"{table.file}: {text}")
    frame = table.frame.with_columns(
        pl.when(returned).then(pl.lit("refund")).when(unrated).then(pl.lit("click"))
        .otherwise(kind).alias("kind"),
        pl.when(unrated).then(1.0).otherwise(value).alias("value"),
    )  # fmt: skip
    ratings = frame.filter(pl.col("kind") == "rating")["value"]
    if zeros := _unrated_count(ratings):
        text = (
            f"{table.file}: {zeros:,} of the {len(ratings):,} ratings are 0, and count as "
            "dislikes. If 0 means that there is no rating, write no_rating = 0 in [interactions] "
            "of the schema: they are then clicks."
        )
        table = table.with_finding("limit", text)
    if text := _apart_text(ratings):
        table = table.with_finding("problem", f"{table.file}: {text}")
    return replace(table, frame=frame)


def _apart_text(ratings: pl.Series) -> str:
    """Return the question whether a rating far from all others, such as 99 or -1, means none."""
    values = ratings.drop_nulls().unique().sort().to_list()
    if len(values) < MIN_VALUES:
        return ""
    largest = max(abs(value) for value in values[:-1])
    is_high = values[-1] >= FAR * largest > 0
    is_low = values[0] in NO_RATINGS and values[1] >= 0
    if not (is_high or is_low):
        return ""
    apart, others = (values[-1], values[:-1]) if is_high else (values[0], values[1:])
    return (
        f"{int((ratings == apart).sum()):,} of the {len(ratings):,} ratings are {apart:g}, far "
        f"from the others ({others[0]:g} to {others[-1]:g}). If it means that there is no rating, "
        f"write no_rating = {apart:g} in [interactions] of the schema: they are then clicks."
    )


def _unrated_count(ratings: pl.Series) -> int:
    """Return the number of zeros, if there are many beside whole ratings from 1 on; else 0."""
    zeros, others = int((ratings == 0).sum()), ratings.filter(ratings != 0)
    scale = others.len() > 0 and bool((others >= 1).all()) and others.n_unique() > 1
    return zeros if scale and zeros >= ZERO_SHARE * len(ratings) else 0
