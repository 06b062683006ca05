"""The record of a request in public ids. It can be replayed, also with another bundle."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from app.bundle.bundle import Bundle
from app.contracts import NO_HISTORY, NO_ROWS, History, Request, RequestOptions, Rows
from app.state.event_interpreter import EventInterpreter

SentEvent: TypeAlias = tuple[str, str, float, float]  # item, type, value, unix seconds


@dataclass(frozen=True, slots=True, eq=False)
class RequestedExclusions:
    """The items that a request excludes, in rows; -1: the bundle does not know it."""

    exclude: Rows
    earlier: Rows  # items of the earlier pages


@dataclass(frozen=True, slots=True)
class RequestRecord(RequestOptions):
    """One request as it was admitted. The HTTP edge fills it, and the request log stores it."""

    exclude: tuple[str, ...] = ()  # the caller's, then the ``offset`` items of earlier pages
    history: tuple[SentEvent, ...] = ()  # events that the caller sent along
    candidates: tuple[str, ...] = ()  # the items to rank; empty: those of recall

    def to_request(self, bundle: Bundle, arrived: float) -> Request:
        """Return the request in the rows of a bundle; items that it lacks are left out."""
        ids = bundle.models.catalogue.ids
        excluded = ids.rows(self.exclude) if self.exclude else NO_ROWS
        candidates = ids.rows(self.candidates) if self.candidates else None
        return Request(
            **self.options(),
            arrived=arrived,
            inline=self._inline(bundle) if self.history else NO_HISTORY,
            exclude=excluded[excluded >= 0],
            candidates=None if candidates is None else np.unique(candidates[candidates >= 0]),
        )

    def exclusions(self, bundle: Bundle) -> RequestedExclusions:
        """Return the excluded items in the rows of a bundle."""
        if not self.exclude:
            return RequestedExclusions(NO_ROWS, NO_ROWS)
        rows, own = bundle.models.catalogue.ids.rows(self.exclude), len(self.exclude) - self.offset
        return RequestedExclusions(rows[:own], rows[own:])

    def _inline(self, bundle: Bundle) -> History:
        manifest = bundle.manifest
        interpreter = EventInterpreter(
            bundle.models.catalogue.ids, manifest.event_weights(), manifest.time_shift
        )
        items, types, values, times = zip(*self.history, strict=True)
        read = interpreter.read(items, types, values, np.array(times))
        return read.take(np.lexsort((read.rows, -read.times)))
