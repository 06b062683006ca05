"""The training data after reading and checking: columns in order of time, with rows for ids."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from app.catalogue.catalogue import Catalogue
from app.catalogue.ids import IdIndex
from app.contracts import NO_TYPES, EventTypes, Scores, Times
from app.state.repeat_cap import first_of_hour


@dataclass(frozen=True, slots=True, eq=False)
class Log:
    """Interactions in time order, oldest first, as parallel columns."""

    users: NDArray[np.int32]  # (m,) user rows
    items: NDArray[np.int32]  # (m,) catalogue rows
    values: Scores  # (m,) raw value: stars, plays, seconds; 1.0 if the event has none
    weights: Scores  # (m,) preference: > 0 liked, 0 neutral, < 0 disliked
    times: Times  # (m,) unix seconds, non-decreasing
    types: EventTypes = field(default_factory=lambda: NO_TYPES)  # (m,); (0,): not known

    def __len__(self) -> int:
        return len(self.users)

    def take(self, chosen: NDArray[np.intp] | slice) -> "Log":
        """Return these interactions, in this order."""
        return Log(
            self.users[chosen],
            self.items[chosen],
            self.values[chosen],
            self.weights[chosen],
            self.times[chosen],
            self.types[chosen] if len(self.types) else self.types,
        )

    def before(self, time: float) -> "Log":
        """Return the interactions that are strictly earlier than ``time``."""
        return self.take(slice(0, int(np.searchsorted(self.times, time, side="left"))))

    def between(self, start: float, end: float) -> "Log":
        """Return the interactions with ``start <= time < end``."""
        low, high = np.searchsorted(self.times, [start, end], side="left")
        return self.take(slice(int(low), int(high)))

    def without_repeats(self) -> "Log":
        """Return the interactions that count in popularity, see ``app.state.repeat_cap``."""
        is_first = first_of_hour(self.users, self.items, self.types, self.times)
        return self if is_first.all() else self.take(is_first.nonzero()[0])


NO_LOG = Log(
    np.empty(0, np.int32),
    np.empty(0, np.int32),
    np.empty(0, np.float32),
    np.empty(0, np.float32),
    np.empty(0),
)


@dataclass(frozen=True, slots=True)
class DataTraits:
    """The kind of the data. It decides defaults, and the doctor reports it."""

    is_explicit: bool  # values are ratings on a scale, not counts
    positive_at: float  # explicit: a rating of at least this is positive
    has_times: bool  # False: ``Log.times`` are random, so that the split is random
    positive_weights: tuple[float, ...] = (1.0,)  # of the event types that occur, ascending


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """All of the training data. ``attributes`` are the raw columns of the users file."""

    name: str
    users: IdIndex
    attributes: dict[str, NDArray[np.str_]]  # name -> (u,) raw text; "" unknown
    catalogue: Catalogue
    log: Log
    traits: DataTraits
    friends: NDArray[np.int32]  # (e, 2) user rows, both ways; (0, 2) when there is no graph
