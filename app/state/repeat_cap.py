"""Cap what one user adds to the counts of all users: one event of each item and type an hour.

Popularity, trends, likes by segment and by scene show what many users do. A user who sends one
event a thousand times must not move them. Training caps a whole log by ``first_of_hour``. The
service caps events as they come by ``RepeatCap``, with the same result for events that are on time,
as long as it remembers them: the newest 100,000 to 200,000.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from app.contracts import EventTypes, Times
from app.state.recent_keys import RecentKeys
from app.state.trained_events import HOUR, TrainedEvents


def hours_of(times: Times) -> NDArray[np.int64]:
    """Return the hour of each time, counted from 1970, (m,)."""
    hours: NDArray[np.int64] = np.floor(times / HOUR).astype(np.int64)
    return hours


def first_of_hour(
    users: NDArray[np.integer], items: NDArray[np.integer], types: EventTypes, times: Times
) -> NDArray[np.bool_]:
    """Return which events are the first of their user, item, type and hour, (m,).

    Args:
        users: (m,) rows.
        items: (m,) rows.
        types: (m,); (0,) if they are not known: all events are then of one type.
        times: (m,) unix seconds, non-decreasing.
    """
    width = int(items.max(initial=0)) + 1
    keys = [hours_of(times), users.astype(np.int64) * width + items]
    if len(types):
        keys.insert(0, types.astype(np.int64))
    order = np.lexsort(keys)  # stable: equal events stay in order of time
    differs = np.ones(len(users), np.bool_)
    differs[1:] = np.any([np.diff(key[order]) != 0 for key in keys], axis=0)
    is_first = np.empty_like(differs)
    is_first[order] = differs
    return is_first


@dataclass(slots=True, eq=False)
class RepeatCap:
    """Remembers which user acted on which item in which hour. Its memory is bounded.

    An event that arrives more than an hour after its time belongs to the hour in which it arrives:
    otherwise made-up times would let one user count many times.
    """

    trained: TrainedEvents | None = None  # events that count already
    capped: int = field(default=0, init=False)  # events that did not count
    _recent: RecentKeys = field(default_factory=RecentKeys, init=False)

    def keep_first(
        self,
        users: Sequence[str],
        items: Sequence[str],
        types: EventTypes,
        times: Times,
        arrivals: Times,
    ) -> NDArray[np.bool_]:
        """Return which of these events count, (m,), and remember them.

        Args:
            users: (m,) ids.
            items: (m,) ids.
            types: (m,) codes, see ``type_code``.
            times: (m,) unix seconds, data time.
            arrivals: (m,) the same, when each event was stored.
        """
        is_late = arrivals - times > HOUR
        hours = hours_of(np.where(is_late, arrivals, times))
        keys = zip(users, items, types.tolist(), hours.tolist(), is_late.tolist(), strict=True)
        kept = np.fromiter(map(self._recent.add, keys), np.bool_, len(users))
        if self.trained is not None:
            on_time = np.flatnonzero(kept & ~is_late).tolist()
            events = [(users[n], items[n], int(types[n]), float(hours[n])) for n in on_time]
            kept[on_time] = ~self.trained.contain_hours(events)
        self.capped += int(len(kept) - kept.sum())
        return kept
