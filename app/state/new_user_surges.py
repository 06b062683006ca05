"""Notice items and scenes that users whom the bundle does not have move within an hour.

A cap for each user does not stop invented users, because many can be invented. Their events count:
real new users look the same. But an item or a scene that they move alone is logged and counted.
"""

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.artifacts import Users
from app.state.trained_events import HOUR

log = logging.getLogger(__name__)

Kind: TypeAlias = Literal["item", "scene"]

MIN_NEW = 200  # events, or lists, of new users in an hour, from which a subject is looked at
MIN_SHARE = 0.8  # of the subject's events or lists in the hour
MAX_OTHER_SHARE = 0.5  # of all others: where most users are new, nothing is unusual
MAX_SUBJECTS = 100_000  # names that are remembered in an hour; the others share one count


@dataclass(slots=True, eq=False)
class HourCounts:
    """Events on items, or lists of scenes, in one hour: all, and those of new users."""

    every: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    new: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    n_every: int = 0
    n_new: int = 0
    noticed: set[str] = field(default_factory=set)

    def add(self, name: str, *, is_new: bool) -> bool:
        """Count one event or list; return True once, when the item or scene first surges."""
        if name not in self.every and len(self.every) >= MAX_SUBJECTS:
            name = "(others)"
        self.every[name] += 1
        self.n_every += 1
        if not is_new:
            return False
        self.new[name] += 1
        self.n_new += 1
        if self.new[name] < MIN_NEW or name in self.noticed or not self._is_unusual(name):
            return False
        self.noticed.add(name)
        return True

    def _is_unusual(self, name: str) -> bool:
        others, new_others = self.n_every - self.every[name], self.n_new - self.new[name]
        is_common = others and new_others / others >= MAX_OTHER_SHARE
        return not is_common and self.new[name] >= MIN_SHARE * self.every[name]


@dataclass(slots=True, eq=False)
class NewUserSurges:
    """Counts by the hour in which events and lists arrive. The bundle does not have new users."""

    users: Users  # of the bundle; without any, every user is new, and nothing is noticed
    noticed: dict[Kind, int] = field(default_factory=lambda: {"item": 0, "scene": 0}, init=False)
    new_user_events: int = field(default=0, init=False)
    _hour: int = field(default=0, init=False)
    _counts: dict[Kind, HourCounts] = field(default_factory=dict, init=False)

    def record(
        self, kind: Kind, names: Sequence[str], users: Sequence[str], arrived: float
    ) -> None:
        """Count events on these items, or lists of these scenes.

        Args:
            kind: of the names.
            names: (m,) ids of items, or names of scenes.
            users: (m,) ids.
            arrived: unix seconds, when the newest was stored.
        """
        if not len(self.users.ids):
            return
        if int(arrived // HOUR) != self._hour:
            self._hour, self._counts = int(arrived // HOUR), {}
        counts = self._counts.setdefault(kind, HourCounts())
        are_new: NDArray[np.bool_] = self.users.ids.rows(users) < 0
        are_new &= np.array([bool(user) for user in users])  # "": a visitor without an id
        if kind == "item":
            self.new_user_events += int(are_new.sum())
        for name, is_new in zip(names, are_new.tolist(), strict=True):
            if counts.add(name, is_new=is_new):
                self.noticed[kind] += 1
                log.warning(
                    "the %s %r has %d %s in this hour of users that the bundle does not have, out "
                    "of %d: if they are invented, revoke the key that sends them, or set "
                    "rate_limit_per_key",
                    *(kind, name, counts.new[name]),
                    *("events" if kind == "item" else "lists", counts.every[name]),
                )
