"""The interactions file: converts and checks each row, and removes bad ones."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import polars as pl

from app.contracts import Scores
from app.event_weights import EventWeights
from offline.data.column_content import MAX_SCALE_VALUES
from offline.data.column_fields import could_be
from offline.data.columns import interaction_findings
from offline.data.dataset import DataTraits
from offline.data.event_values import interpret_events
from offline.data.event_words import map_raw_types, map_types
from offline.data.numbers import is_missing, parse_values
from offline.data.repeats import EVENT_ID, reject_duplicates
from offline.data.schema import InteractionsFile, Schema
from offline.data.table import FILE, LINE, RAW, TextTable, id_fault
from offline.data.times import read_times, time_faults, time_margin, with_time_findings
from offline.data.timestamps import TimeColumn

POSITIVE_SHARE = 0.8  # positive from this share of the scale's maximum: 4 of 5 stars, 8 of 10
MAX_RATING = 10.0
UNLIKE_MONEY = ("rating", "play", "watch")  # types whose value is not an amount of money
DEFAULT_TYPE = "click"  # type of an event without one, as in ``app.api.schemas.InlineEvent``


@dataclass(frozen=True, slots=True, eq=False)
class CheckedEvents:
    """The good interactions: user, item, kind (text), value, time (float)."""

    table: TextTable
    has_times: bool
    positive_at: float
    positive_weights: tuple[
        float, ...
    ]  # weights of the positive types that occur, ascending, without repeats
    is_explicit: bool | None = None  # None: the types decide
    time_margin: float = 0.0  # seconds by which the times may be too early

    @property
    def traits(self) -> DataTraits:
        """The kind of the data."""
        kinds = self.table.frame["kind"]
        rated = len(kinds) > 0 and bool((kinds == "rating").all())
        explicit = rated if self.is_explicit is None else self.is_explicit
        return DataTraits(explicit, self.positive_at, self.has_times, self.positive_weights)


def check_interactions(
    table: TextTable, part: InteractionsFile, schema: Schema, now: float
) -> CheckedEvents:
    """Convert every row and remove bad rows and exact duplicates.

    Args:
        table: The rows of the file, as text.
        part: The schema of the file, with the column of each field.
        schema: The event types, and their weights.
        now: Unix seconds. Later rows are bad.

    Raises:
        DataError: The dates can be read in two ways.
    """
    times = read_times(table, part)
    timed = times is not None
    table, kinds = map_types(table, part, schema.weights())
    for text in interaction_findings(table, part):
        table = table.with_finding("limit", text)
    typed = _convert(table.frame, part, _kind(table.frame, part, kinds), times)
    kind, is_known_type = pl.col("kind"), pl.col("kind").is_in(list(schema.weights()))
    faults: list[pl.Expr] = [
        pl.when(kind.is_null()).then(pl.lit("no event type; default_type sets one")),
        pl.when(~is_known_type).then(pl.format("unknown event type {}", "kind")),
        *([pl.when(pl.col("raw time").is_null()).then(pl.lit("no timestamp"))] if timed else []),
    ]
    unique = _reject_bad(replace(table, frame=typed), faults, now, timed=timed)
    unique = with_time_findings(unique, times, part, now)
    unique = interpret_events(unique, part)
    ratings = unique.frame.filter(pl.col("kind") == "rating")["value"]
    event_weights = EventWeights(type_weights=schema.weights())
    weights = {
        _largest_weight(event_weights, str(kind), part["value"].cast(pl.Float32).to_numpy())
        for (kind,), part in unique.frame.group_by("kind")
    }
    positive = tuple(sorted(weight for weight in weights if weight > 0))
    margin = time_margin(times, part) if times else 0.0
    return CheckedEvents(unique, timed, _positive_at(part, ratings), positive, time_margin=margin)


def no_interactions() -> CheckedEvents:
    """Return the interactions of a data set that has no file of them."""
    texts = (EVENT_ID, RAW, "user", "item", "kind", "raw value", "raw time")
    columns = dict.fromkeys(texts, pl.String) | {"value": pl.Float64, "time": pl.Float64}
    frame = pl.DataFrame(schema={LINE: pl.Int64, **columns})
    table = TextTable.of("", frame, pl.lit(None, pl.String))
    return CheckedEvents(table, True, EventWeights().positive_at, (1.0,))  # noqa: FBT003


def read_raw_events(table: TextTable, part: InteractionsFile, now: float) -> TextTable:
    """Convert every row to the form of ``POST /events``; remove bad rows and exact duplicates.

    A row without a type is a click. A row without a time has a null time. Types are not checked.
    A value column with a name such as stars or plays decides the type of its rows.
    """
    times = read_times(table, part)
    frame = _convert(table.frame, part, _raw_kind(table.frame, part), times)
    sound = _reject_bad(replace(table, frame=frame), [], now, timed=times is not None)
    sound = with_time_findings(sound, times, part, now)
    sound = interpret_events(sound, part)
    time = pl.when(pl.col("raw time").is_not_null()).then(pl.col("time"))
    return replace(sound, frame=sound.frame.with_columns(time.alias("time")))


def _reject_bad(typed: TextTable, faults: list[pl.Expr], now: float, *, timed: bool) -> TextTable:
    times = time_faults(now) if timed else []
    sound = typed.reject(pl.coalesce(*_id_faults(), *faults, *_faults(), *times))
    return reject_duplicates(sound, timed=timed)


def _convert(
    frame: pl.DataFrame, part: InteractionsFile, kind: pl.Expr, times: TimeColumn | None
) -> pl.DataFrame:
    """Convert the columns. A value that cannot be converted becomes null, and is reported later."""
    raw_value = pl.col(part.value) if part.value else pl.lit(None, pl.String)
    number = pl.lit(parse_values(frame[part.value])) if part.value else pl.lit(None, pl.Float64)
    if could_be("money", part.value):  # not stars, and not a time of use
        unlike = kind.is_in(UNLIKE_MONEY)
        raw_value, number = pl.when(~unlike).then(raw_value), pl.when(~unlike).then(number)
    is_named = EVENT_ID in frame.columns and EVENT_ID not in {part.user, part.item}
    return frame.select(
        (pl.col(EVENT_ID) if is_named else pl.lit(None, pl.String)).alias(EVENT_ID),
        pl.col("#line"),
        *(pl.col(FILE) for _ in range(FILE in frame.columns)),
        pl.col(RAW),
        pl.col(part.user or "").alias("user"),
        pl.col(part.item or "").alias("item"),
        kind.alias("kind"),
        pl.when(~is_missing(raw_value)).then(raw_value).alias("raw value"),
        number.alias("value"),
        (pl.col(part.timestamp or "") if times else pl.lit(None, pl.String)).alias("raw time"),
        (pl.lit(times.seconds) if times else pl.lit(0.0)).alias("time"),
    ).with_columns(
        pl.when(pl.col("raw value").is_null() & (pl.col("kind") != "rating"))
        .then(1.0)
        .otherwise(pl.col("value"))
        .alias("value"),
    )


def _kind(frame: pl.DataFrame, part: InteractionsFile, kinds: Mapping[str, str]) -> pl.Expr:
    if part.type is not None:
        text = pl.col(part.type).str.strip_chars().replace("", None)
        return text.replace(kinds).fill_null(pl.lit(part.default_type, pl.String))
    is_rated = part.default_type != "rating" or part.value is not None
    named = part.default_type if is_rated else None
    return pl.lit(named or _guess(frame, part.value))


def _raw_kind(frame: pl.DataFrame, part: InteractionsFile) -> pl.Expr:
    default = pl.lit(part.default_type or _implied_type(part.value) or DEFAULT_TYPE)
    if part.type is None:
        return default
    kinds = map_raw_types(frame, part)
    return pl.col(part.type).str.strip_chars().replace(kinds).fill_null(default)


def _implied_type(value: str | None) -> str | None:
    """Return the type of all events that the name of the value column implies, or None."""
    kinds = {"rating": "rating", "amount": "play", "money": "purchase"}
    return next((kind for what, kind in kinds.items() if could_be(what, value)), None)


def _guess(frame: pl.DataFrame, value: str | None) -> str:
    """Guess the type of all events from the name of the value column, else from its values."""
    if value is None:
        return "like"
    if named := _implied_type(value):
        return named
    numbers = frame[value].cast(pl.Float64, strict=False).drop_nulls().drop_nans()
    scale = numbers.is_between(0.0, MAX_RATING).all() and numbers.n_unique() <= MAX_SCALE_VALUES
    return "rating" if scale and numbers.n_unique() > 1 else "play"


def _id_faults() -> list[pl.Expr]:
    return [id_fault("user", "user"), id_fault("item", "item")]


def _faults() -> list[pl.Expr]:
    """Return the faults of the value of a converted row; null where there are none."""
    value = pl.col("value")
    return [
        pl.when(pl.col("raw value").is_null() & value.is_null()).then(pl.lit("no value")),
        pl.when(value.is_null()).then(pl.lit("value is not a number")),
        pl.when(~value.cast(pl.Float32).is_finite()).then(pl.lit("value is NaN or infinite")),
    ]


def _largest_weight(event_weights: EventWeights, kind: str, values: Scores) -> float:
    """Return the weight of a type: its number, or the largest result of its formula."""
    weight = event_weights.type_weights[kind]
    return float(event_weights.weigh(kind, values).max()) if isinstance(weight, str) else weight


def _positive_at(part: InteractionsFile, ratings: pl.Series) -> float:
    if part.positive_at is not None:
        return part.positive_at
    if not len(ratings):
        return EventWeights().positive_at
    return round(POSITIVE_SHARE * float(ratings.to_numpy().max()), 6)
