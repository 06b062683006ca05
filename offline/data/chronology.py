"""Build the log from checked events, with row numbers and weights, in order of time."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from app.catalogue.ids import IdIndex
from app.contracts import NO_TYPES, EventTypes
from app.event_weights import EventWeights, type_code
from offline.data.dataset import Log
from offline.data.ids import to_rows
from offline.data.interactions import CheckedEvents

RANDOM_SEED = 20_260_101
YEAR = 365 * 86_400.0
UNTIMED_END = 1_704_067_200.0  # 2024-01-01, unix seconds: end of the invented year
SORT_COLUMNS = ["time", "user", "item", "value", "kind"]


def build_log(
    events: CheckedEvents, users: IdIndex, items: IdIndex, event_weights: EventWeights
) -> Log:
    """Build the log from checked events.

    Ids become row numbers, and event types and values become weights. If the data has no times,
    they are drawn at random. Events are sorted by time, then user, item, value and type.
    """
    frame = events.table.frame.select(SORT_COLUMNS).with_columns(
        to_rows(events.table.frame["user"], users).alias("user"),
        to_rows(events.table.frame["item"], items).alias("item"),
    )
    frame = frame.sort(SORT_COLUMNS)
    if not events.has_times:
        times = pl.Series("time", _invented_times(len(frame)))
        frame = frame.with_columns(times).sort(SORT_COLUMNS)
    values = frame["value"].to_numpy().astype(np.float32)
    return Log(
        frame["user"].to_numpy().astype(np.int32),
        frame["item"].to_numpy().astype(np.int32),
        values,
        _weights(frame["kind"], values, event_weights),
        frame["time"].to_numpy().astype(np.float64),
        _type_codes(frame["kind"]),
    )


def _invented_times(n: int) -> NDArray[np.float64]:
    """Return n random times within one year, so that a split by time is a random split."""
    return UNTIMED_END - YEAR * np.random.default_rng(RANDOM_SEED).random(n)


def _type_codes(kinds: pl.Series) -> EventTypes:
    codes = {kind: type_code(kind) for kind in kinds.unique().to_list()}
    return kinds.replace_strict(codes, return_dtype=pl.Int32).to_numpy() if codes else NO_TYPES


def _weights(
    kinds: pl.Series, values: NDArray[np.float32], event_weights: EventWeights
) -> NDArray[np.float32]:
    weights = np.zeros(len(values), np.float32)
    for kind in kinds.unique().sort().to_list():
        chosen = (kinds == kind).to_numpy()
        weights[chosen] = event_weights.weigh(kind, values[chosen])
    return weights
