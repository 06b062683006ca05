"""Turn the texts of events into rows and weights of one bundle."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.catalogue.ids import IdIndex
from app.contracts import EventTypes, History, Scores, Times
from app.event_weights import EventWeights, type_code


@dataclass(frozen=True, slots=True, eq=False)
class EventInterpreter:
    """Reads events with the ids and weights of one bundle. Leaves out what these do not cover."""

    ids: IdIndex
    event_weights: EventWeights
    time_shift: float = 0.0  # seconds from the data's time to the wall clock

    def read(
        self,
        items: Sequence[str],
        types: Sequence[str],
        values: Sequence[float | None],
        timestamps: Times,
    ) -> History:
        """Return the events with a row, a weighted type and a finite value, in their order."""
        return self.read_with_positions(items, types, values, timestamps)[0]

    def read_with_positions(
        self,
        items: Sequence[str],
        types: Sequence[str],
        values: Sequence[float | None],
        timestamps: Times,
    ) -> tuple[History, NDArray[np.intp]]:
        """Return the same events, and the positions that they have in the arguments."""
        rows = self.ids.rows(items)
        with np.errstate(over="ignore"):  # a value that is too large becomes inf, and is left out
            raw = np.array(values, np.float32)
        weights, scaled, type_codes = self._weigh(types, raw)
        usable = np.flatnonzero((rows >= 0) & np.isfinite(weights))
        return History(
            rows.take(usable),
            scaled.take(usable),
            weights.take(usable),
            (timestamps - self.time_shift).take(usable),
            types=type_codes.take(usable),
        ), usable

    def _weigh(self, types: Sequence[str], values: Scores) -> tuple[Scores, Scores, EventTypes]:
        """Return each event's weight, NaN if it has none, value on the data's scale, and type."""
        codes = {kind: code for code, kind in enumerate(set(types))}
        coded = np.fromiter(map(codes.__getitem__, types), np.int64, len(types))
        weights = np.full(len(types), np.nan, np.float32)
        scaled = values.copy()
        for kind, code in codes.items():
            if self.event_weights.accepts(kind):
                chosen = coded == code
                weights[chosen] = self.event_weights.weigh(kind, values[chosen])
                scaled[chosen] = self.event_weights.scale_values(kind, values[chosen])
        type_codes = np.array([type_code(kind) for kind in codes], np.int32).take(coded)
        return np.where(np.isfinite(values), weights, np.float32(np.nan)), scaled, type_codes
