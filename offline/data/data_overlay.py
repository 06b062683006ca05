"""Changes to a data set after its files are read: erased users left out, live events added."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import polars as pl

from app.event_weights import EventWeights
from app.live_catalogue.live_items import ItemRecord
from offline.data.interactions import CheckedEvents
from offline.data.repeats import EVENT_ID
from offline.data.table import LINE, RAW, TextTable

if TYPE_CHECKING:  # reading data does not need LightGBM
    from offline.training.rank_table import RankTable

ErasedAt: TypeAlias = Callable[[pl.Series], pl.Series]  # (users) -> unix seconds; -inf: not erased


def never_erased(users: pl.Series) -> pl.Series:
    """Return -inf for every user: none was erased."""
    return pl.Series(np.full(len(users), -np.inf))


@dataclass(frozen=True, slots=True, eq=False)
class ArchiveState:
    """The position up to which the archive was read. Workers continue from there."""

    time_shift: float  # seconds from the time of the data to the wall clock
    stream_offsets: Mapping[str, str]  # id of the newest entry that was read, by stream


@dataclass(frozen=True, slots=True, eq=False)
class DataOverlay:
    """Live events, served lists, and erased users."""

    erased_at: ErasedAt = never_erased
    # user, item, kind, value, time, in the data's time; and EVENT_ID, where it is known
    live_events: pl.DataFrame | None = None
    logged_lists: "Callable[[EventWeights, float], RankTable] | None" = None  # those before a time
    live_items: Sequence[ItemRecord] = ()  # put over HTTP; deleted ones are left out
    archive_state: ArchiveState | None = None  # position up to which live events were read


def drop_erased(
    table: TextTable | None, erased: ErasedAt, *columns: str | None
) -> TextTable | None:
    """Return the rows without those of erased users. Events after the erasure stay."""
    if table is None:
        return None
    frame = table.frame
    for column in (column for column in columns if column in frame.columns):
        times = frame["time"] if "time" in frame.columns else pl.Series(np.zeros(len(frame)))
        frame = frame.filter(times > erased(frame[column]))
    return replace(table, frame=frame)


def drop_trained(live: pl.DataFrame, frame: pl.DataFrame, time_shift: float) -> pl.DataFrame:
    """Return the live events without those that the files have too.

    ``recfunnel events import`` of the training data puts its events into the archive, with their
    own times. A user, item, type and time, to the millisecond, name an event.

    Args:
        live: as in ``DataOverlay``, in the data's time.
        frame: the checked events of the files.
        time_shift: seconds from the data's time to the wall clock.
    """
    names = ("user", "item", "kind", "moment")
    in_files = frame.select(*names[:3], _milliseconds(pl.col("time")).alias("moment")).unique()
    rest = live
    for shift in {0.0, time_shift}:
        moments = rest.with_columns(_milliseconds(pl.col("time") + shift).alias("moment"))
        rest = moments.join(in_files, on=names, how="anti", maintain_order="left").drop("moment")
    return rest


def drop_imported(live: pl.DataFrame, event_ids: pl.Series) -> pl.DataFrame:
    """Return the live events without those with these ids.

    ``recfunnel events import`` gives the rows of a file ids that it computes from their content and
    their line. Only these recognise rows without times, whose events have the time of the import.
    """
    if EVENT_ID not in live.columns:
        return live
    return live.filter(~pl.col(EVENT_ID).is_in(event_ids.implode()).fill_null(value=False))


def _milliseconds(seconds: pl.Expr) -> pl.Expr:
    return (seconds * 1000).round().cast(pl.Int64)


def append_events(
    events: CheckedEvents, live: pl.DataFrame, event_weights: EventWeights
) -> CheckedEvents:
    """Return the events of the files and live events, whose values are scaled in the same way.

    Types without a weight are left out.
    """
    kinds = [kind for kind in live["kind"].unique() if event_weights.accepts(kind)]
    parts = [
        _scale_values(live.filter(pl.col("kind") == kind), kind, event_weights) for kind in kinds
    ]
    frame = events.table.frame
    frames = [
        part.with_columns(
            pl.lit(0).alias(LINE),
            pl.lit("").alias(RAW),
            pl.lit(None, pl.String).alias(EVENT_ID),
            pl.col("value").cast(pl.String).alias("raw value"),
            pl.col("time").cast(pl.String).alias("raw time"),
        )
        for part in parts
    ]
    aligned = [
        part.select(pl.col(name).cast(kind) for name, kind in frame.schema.items())
        for part in frames
    ]
    table = replace(events.table, frame=pl.concat([frame, *aligned]))
    if not len(frame):  # there are no files: the weights are those of the live events
        weights = [event_weights.weigh(kind, np.ones(1, np.float32)) for kind in kinds]
        positive = sorted({float(weight[0]) for weight in weights if weight[0] > 0})
        events = replace(events, positive_weights=tuple(positive) or events.positive_weights)
    return replace(events, table=table, is_explicit=events.traits.is_explicit)


def _scale_values(live: pl.DataFrame, kind: str, event_weights: EventWeights) -> pl.DataFrame:
    values = event_weights.scale_values(kind, live["value"].to_numpy().astype(np.float32))
    return live.with_columns(pl.Series("value", values.astype(np.float64)))
