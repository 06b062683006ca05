"""The logs of a data set: one file, the files of several months, or a file for each event type."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from offline.data.column_fields import could_be
from offline.data.errors import DataError
from offline.data.foreign_names import english_stem
from offline.data.formats.sources import stem_of
from offline.data.interactions import CheckedEvents, check_interactions, no_interactions
from offline.data.loading import load_file
from offline.data.repeats import DUPLICATE
from offline.data.schema import InteractionsFile, Schema
from offline.data.table import FILE, RAW, EmptyFileError, TextTable, concat_tables

IMPLIED_TYPES = {  # of the events of a file without a column of types, by the name of the file
    **dict.fromkeys(("views", "page_views", "pageviews", "product_views"), "view"),
    **dict.fromkeys(("clicks", "clickstream"), "click"),
    **dict.fromkeys(("plays", "listens", "listening_history", "scrobbles", "streams"), "play"),
    **dict.fromkeys(("watches", "watched", "watch_history"), "watch"),
    **dict.fromkeys(("likes", "favorites", "favourites", "wishlists", "wishlist"), "like"),
    "dislikes": "dislike",
    **dict.fromkeys(("ratings", "reviews"), "rating"),
    **dict.fromkeys(("carts", "cart", "add_to_cart", "cart_items"), "add_to_cart"),
    **dict.fromkeys(
        ("purchases", "orders", "order_items", "transactions", "sales", "buys"), "purchase"
    ),
}
UNTYPED = ("interactions", "events", "log", "logs", "feedback", "history", "activity")
LOG_STEMS = (*UNTYPED, *IMPLIED_TYPES)
SUFFIX_WORDS = frozenset(  # words after the name of a log that do not change its meaning
    ("export", "exported", "data", "dataset", "train", "all", "full", "raw", "clean", "cleaned")
)
SHORT_STEMS = frozenset(("log", "logs", "history", "cart", "activity"))  # ends of other names too
NOT_LOG_WORDS = frozenset(("test", "error", "system", "price"))  # in the names of other files
_PERIOD = r"(?:\d{4}[-_]?q[1-4]|\d[\d_.T-]*|part[-_]?\d+)"
_NUMBERED = re.compile(rf"(?:{_PERIOD}[-_ .])?(?P<stem>.*?)(?:[-_ .]?{_PERIOD})?")


def base_stem(name: str) -> str:
    """Return the stem of a file without a period or number: events for ``events-2023-01.csv``."""
    stem = stem_of(name)
    if stem in LOG_STEMS:
        return stem
    match = _NUMBERED.fullmatch(stem)
    base = english_stem(match["stem"] if match else stem)
    return base if base in LOG_STEMS else _last_words(base) or base


def _last_words(stem: str) -> str | None:
    """Return the stem of a log that a longer one ends in: orders for ``shop_orders_export``."""
    words = [word for word in re.split(r"[-_ .]+", stem) if word]
    while words and words[-1] in SUFFIX_WORDS:
        words.pop()
    if words and not NOT_LOG_WORDS & set(words):
        for candidate in ("_".join(words[-2:]), words[-1]):
            if candidate in LOG_STEMS and candidate not in SHORT_STEMS:
                return candidate
    return None


def is_named_as_log(name: str) -> bool:
    """Return whether a file has the name of a log, a period or number aside, and no other words."""
    stem = stem_of(name)
    match = _NUMBERED.fullmatch(stem)
    return stem in LOG_STEMS or bool(match and english_stem(match["stem"]) in LOG_STEMS)


def implied_type(name: str) -> str | None:
    """Return the type that the name of a file implies for its events, or None."""
    return IMPLIED_TYPES.get(base_stem(name))


def load_logs(folder: Path, part: InteractionsFile) -> list[tuple[TextTable, InteractionsFile]]:
    """Read the interactions: one table for the files that have the same name but for a period.

    Each table has its own columns. A file without a column of types has the type of its name. There
    is no table if ``part`` has no file.

    Raises:
        DataError: A file is missing, not readable, or lacks a required column; or all are empty.
    """
    groups: dict[str, list[str]] = {}
    for name in part.files:
        groups.setdefault(base_stem(name), []).append(name)
    loaded, empty = [], []
    for names in groups.values():
        one = part.model_copy(update={"file": names[0] if len(names) == 1 else tuple(names)})
        try:
            loaded.append(_with_type(*load_file(folder, one)))
        except EmptyFileError as error:
            if len(groups) == 1:
                raise
            empty.append(str(error))
    if empty and not loaded:
        raise EmptyFileError(" ".join(empty))
    if len(loaded) > 1:
        listed = "; ".join(f"{table.file} as {_words(resolved)}" for table, resolved in loaded)
        table = loaded[0][0].with_finding("limit", f"Several logs are read together: {listed}.")
        for text in empty:
            table = table.with_finding("limit", text)
        loaded[0] = (table, loaded[0][1])
    return loaded


def check_logs(
    logs: Sequence[tuple[TextTable, InteractionsFile]], schema: Schema, now: float
) -> tuple[CheckedEvents, list[TextTable]]:
    """Check the rows of all logs; return all events, and the table of each log.

    Raises:
        DataError: Some logs have times and others have none.
    """
    checked = [check_interactions(table, part, schema, now) for table, part in logs]
    if not checked:
        nothing = no_interactions()
        return nothing, [nothing.table]
    if len(checked) == 1:
        return replace(checked[0], table=_as_one_file(checked[0].table)), [checked[0].table]
    timed = [one.table.file for one in checked if one.has_times]
    untimed = [one.table.file for one in checked if not one.has_times]
    if timed and untimed:
        raise DataError(
            f"{', '.join(timed)} has times and {', '.join(untimed)} has none, so that they cannot "
            f'be put in one order; name one in the schema: [interactions] file = "{timed[0]}".'
        )
    tables = _without_repeats([one.table for one in checked])
    rated = [one.positive_at for one in checked if (one.table.frame["kind"] == "rating").any()]
    weights = sorted({weight for one in checked for weight in one.positive_weights})
    joined = concat_tables(", ".join(table.file for table in tables), tables)
    whole = CheckedEvents(
        _as_one_file(joined),
        bool(timed),
        max(rated, default=checked[0].positive_at),
        tuple(weights),
        time_margin=max(one.time_margin for one in checked),
    )
    return whole, tables


def _as_one_file(table: TextTable) -> TextTable:
    """Return the table without the file of each row."""
    return replace(table, frame=table.frame.drop(FILE, strict=False))


def _without_repeats(tables: Sequence[TextTable]) -> list[TextTable]:
    """Reject the lines that an earlier log has too, for the same event."""
    columns = ["user", "item", "kind", "value", "time", RAW]
    seen = pl.concat([table.frame.select(columns).head(0) for table in tables[:1]])
    kept = []
    for table in tables:
        repeats = table.frame.select(columns).join(seen, on=columns, how="semi")[RAW]
        is_repeat = pl.col(RAW).is_in(repeats.unique().implode())
        kept.append(table.reject(pl.when(is_repeat).then(pl.lit(DUPLICATE))))
        seen = pl.concat([seen, kept[-1].frame.select(columns)])
    return kept


def _with_type(table: TextTable, part: InteractionsFile) -> tuple[TextTable, InteractionsFile]:
    kind = implied_type(part.files[0])
    if kind is None or part.type is not None or part.default_type is not None:
        return table, part
    is_price = could_be("money", part.value) and not could_be("rating", part.value)
    if part.value is None or (kind == "rating" and is_price):
        kind = "like" if kind == "rating" else kind
        part = part.model_copy(update={"value": None}) if kind == "like" else part
    elif kind == "rating" or could_be("rating", part.value):
        return table, part.model_copy(update={"default_type": "rating"})
    text = (
        f"{table.file} has no column of event types: its rows are {kind} events, by the name of "
        f"the file. default_type in [interactions] of the schema sets another type."
    )
    return table.with_finding("good", text), part.model_copy(update={"default_type": kind})


def _words(part: InteractionsFile) -> str:
    return f"events of the column {part.type}" if part.type else part.default_type or "events"
