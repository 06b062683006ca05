"""Recognise events that a bundle was trained on, so that they do not count again.

An owner may import the file that he trained on. Its events are in the histories and counters of
the bundle already.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.artifacts import Users
from app.catalogue.ids import IdIndex
from app.event_weights import type_code

EventName: TypeAlias = tuple[str, str, str, float]  # user, item, type, unix seconds
HOUR = 3_600.0  # seconds
TOLERANCE = 0.0005  # seconds; times are written with milliseconds at the finest


@dataclass(frozen=True, slots=True, eq=False)
class TrainedEvents:
    """The events of one bundle's training log, by user."""

    users: Users
    items: IdIndex
    data_end: float  # unix seconds, data time: the newest event
    time_shift: float = 0.0  # seconds from the data's time to the wall clock

    def contain(self, events: Sequence[EventName]) -> NDArray[np.bool_]:
        """Return which of these events the log has, (n,).

        The time of an event may be that of the data or that of the wall clock.
        """
        result = np.zeros(len(events), np.bool_)
        newest = self.data_end + max(self.time_shift, 0.0) + TOLERANCE
        old = [n for n, (*_, time) in enumerate(events) if time <= newest]  # seldom any is
        if old:
            users, items, kinds, times = zip(*(events[n] for n in old), strict=True)
            rows = zip(self.users.ids.rows(users), self.items.rows(items), strict=True)
            for n, (user, item), kind, time in zip(old, rows, kinds, times, strict=True):
                result[n] = (
                    user >= 0
                    and item >= 0
                    and any(
                        self._has(
                            *(int(user), int(item), type_code(kind)),
                            (moment - TOLERANCE, moment + TOLERANCE),
                        )
                        for moment in {time, time - self.time_shift}
                    )
                )
        return result

    def contain_hours(self, events: Sequence[tuple[str, str, int, float]]) -> NDArray[np.bool_]:
        """Return for which events the log has one of the same user, item, type and hour, (n,).

        Args:
            events: user, item, code of the type, and number of the hour since 1970, data time.
        """
        result = np.zeros(len(events), np.bool_)
        last = self.data_end // HOUR
        old = [n for n, (*_, hour) in enumerate(events) if hour <= last]  # seldom any is
        if old:
            users, items, codes, hours = zip(*(events[n] for n in old), strict=True)
            rows = zip(self.users.ids.rows(users), self.items.rows(items), strict=True)
            for n, (user, item), code, hour in zip(old, rows, codes, hours, strict=True):
                start, end = hour * HOUR, (hour + 1) * HOUR
                is_known = user >= 0 and item >= 0
                result[n] = is_known and self._has(int(user), int(item), code, (start, end))
        return result

    def _has(self, user: int, item: int, code: int, span: tuple[float, float]) -> bool:
        """Return whether the log has such an event in ``[start, end)``, unix seconds."""
        users = self.users
        start, end = int(users.indptr[user]), int(users.indptr[user + 1])
        oldest_first = users.times[start:end][::-1]
        low, high = oldest_first.searchsorted(span)
        if low == high:
            return False
        same_time = slice(end - int(high), end - int(low))
        is_same: NDArray[np.bool_] = users.rows[same_time] == item
        if len(users.types):
            is_same &= users.types[same_time] == code
        return bool(is_same.any())
