"""The files that the benchmark and the peers exchange. Both import this: numpy and scipy only.

A peer reads a ``Task``, which holds nothing of the test, and writes lists of catalogue rows.
"""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

MAX_LIST_LENGTH = 100  # items in a list of a method
DETAILS_FILE = "details.json"  # settings, seconds and versions of a peer; written last


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """The log to learn from, as parallel columns in time order, and the users to recommend to.

    ``target_users`` are user rows. Where ``revealed_events`` has rows, these are the histories of
    the target users, and no model may be fitted on these users (fold-in).
    """

    users: NDArray[np.int32]  # (m,) user rows
    items: NDArray[np.int32]  # (m,) catalogue rows
    values: NDArray[np.float32]  # (m,) raw: stars, plays
    weights: NDArray[np.float32]  # (m,) event weight: > 0 liked, 0 neutral, < 0 disliked
    times: NDArray[np.float64]  # (m,) unix seconds, non-decreasing
    target_users: NDArray[np.int64]  # (u,)
    revealed_events: NDArray[np.int64]  # (e, 2) position in target_users, item row; mostly empty
    revealed_is_liked: NDArray[np.bool_]  # (e,) whether the event is positive
    shape: NDArray[np.int64]  # users and items of the whole data set
    cut_time: NDArray[np.float64]  # (1,) the cut, unix seconds
    is_explicit: NDArray[np.bool_]  # (1,) values are ratings on a scale
    has_times: NDArray[np.bool_]  # (1,) False: the times are random

    def build_matrix(self, signal: str) -> sparse.csr_matrix:
        """Return the interactions, users by items, as float32.

        "all": 1 for every pair; "liked": 1 for pairs with a positive event; "weight": the highest
        positive event weight of each pair.
        """
        chosen = self.weights > 0 if signal != "all" else np.ones(len(self.users), np.bool_)
        values = self.weights if signal == "weight" else np.ones(len(self.users), np.float32)
        return _highest(self.users[chosen], self.items[chosen], values[chosen], self.shape)

    def build_target_histories(self, signal: str) -> sparse.csr_matrix:
        """Return the histories of the target users, target users by items."""
        if len(self.revealed_events):
            return self.build_revealed_histories(signal)
        return self.build_matrix(signal)[self.target_users]

    def build_revealed_histories(self, signal: str) -> sparse.csr_matrix:
        """Return the revealed histories, target users by items."""
        events = self.revealed_events
        owners, rows = (events if signal == "all" else events[self.revealed_is_liked]).T
        values = np.ones(len(rows), np.float32)
        return _highest(owners, rows, values, (len(self.target_users), self.shape[1]))

    def build_seen(self) -> sparse.csr_matrix:
        """Return the items that must not be in the lists, target users by items."""
        return self.build_target_histories("all")

    def save(self, path: Path) -> None:
        """Write the task as an npz file."""
        np.savez_compressed(path, **{f.name: getattr(self, f.name) for f in fields(self)})

    @classmethod
    def load(cls, path: Path) -> "Task":
        """Read a task from its npz file."""
        with np.load(path, allow_pickle=False) as file:
            return cls(**{field.name: file[field.name] for field in fields(cls)})


def _highest(
    users: NDArray[np.integer],
    items: NDArray[np.integer],
    values: NDArray[np.float32],
    shape: object,
) -> sparse.csr_matrix:
    """Keep the highest value of each pair."""
    rows, columns = (int(n) for n in np.asarray(shape))
    keys, position = np.unique(users.astype(np.int64) * columns + items, return_inverse=True)
    highest = np.zeros(len(keys), np.float32)
    np.maximum.at(highest, position, values)
    return sparse.csr_matrix((highest, (keys // columns, keys % columns)), (rows, columns))
