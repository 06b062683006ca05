"""What is taken from a data set, or added, once its files are read: erased users, live events."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import polars as pl

from app.event_weights import EventWeights
from offline.data.interactions import CheckedEvents
from offline.data.table import LINE, RAW, TextTable

if TYPE_CHECKING:  # what reads data needs no LightGBM
    from offline.training.rank_table import RankTable

ErasedAt: TypeAlias = Callable[[pl.Series], pl.Series]  # of users: unix seconds; -inf: never
LIVE_COLUMNS = ("user", "item", "kind", "value", "time")


def never_erased(users: pl.Series) -> pl.Series:
    """Say that no user was erased."""
    return pl.Series(np.full(len(users), -np.inf))


@dataclass(frozen=True, slots=True, eq=False)
class ArchiveState:
    """How the bundle's knowledge of what was live joins what workers follow."""

    time_shift: float  # seconds from the data's time to the wall clock, as live events had it
    stream_offsets: Mapping[str, str]  # of each stream, the id of the newest entry that is known


@dataclass(frozen=True, slots=True, eq=False)
class DataOverlay:
    """Live events, the lists that were served, and who was erased."""

    erased_at: ErasedAt = never_erased
    live_events: pl.DataFrame | None = None  # COLUMNS, times as the data's
    logged_lists: "Callable[[EventWeights, float], RankTable] | None" = (
        None  # those before a moment
    )
    archive_state: ArchiveState | None = None  # of the events


def drop_erased(
    table: TextTable | None, erased: ErasedAt, *columns: str | None
) -> TextTable | None:
    """Leave out the rows of erased users; of events those after they were erased stay."""
    if table is None:
        return None
    frame = table.frame
    for column in (column for column in columns if column in frame.columns):
        times = frame["time"] if "time" in frame.columns else pl.Series(np.zeros(len(frame)))
        frame = frame.filter(times > erased(frame[column]))
    return replace(table, frame=frame)


def append_events(
    events: CheckedEvents, live: pl.DataFrame, preferences: EventWeights
) -> CheckedEvents:
    """Add live events to those of the files; they are graded as the files' are.

    Types without a weight are left out.
    """
    known = [kind for kind in live["kind"].unique() if preferences.accepts(kind)]
    parts = [_graded(live.filter(pl.col("kind") == kind), kind, preferences) for kind in known]
    frame = events.table.frame
    texts = [
        part.with_columns(
            pl.lit(0).alias(LINE),
            pl.lit("").alias(RAW),
            pl.col("value").cast(pl.String).alias("raw value"),
            pl.col("time").cast(pl.String).alias("raw time"),
        )
        for part in parts
    ]
    same = [
        part.select(pl.col(name).cast(kind) for name, kind in frame.schema.items())
        for part in texts
    ]
    table = replace(events.table, frame=pl.concat([frame, *same]))
    return replace(events, table=table, is_explicit=events.traits.is_explicit)


def _graded(live: pl.DataFrame, kind: str, preferences: EventWeights) -> pl.DataFrame:
    values = preferences.scale_values(kind, live["value"].to_numpy().astype(np.float32))
    return live.with_columns(pl.Series("value", values.astype(np.float64)))
