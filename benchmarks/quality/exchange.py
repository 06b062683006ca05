"""The files by which peers are asked and answer. Imported on both sides: numpy and scipy only.

A peer reads a ``Task``, in which nothing of the test is, and answers with lists of catalogue rows.
"""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

MAX_LIST_LENGTH = 100  # items in a list: all that a method hands over
Lists: TypeAlias = NDArray[np.int64]  # (u, 100) catalogue rows, best first; -1 pads


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """What may be learned from, as parallel columns in time order, and who is to be recommended.

    ``asked`` are user rows. Where ``revealed`` has columns, its line n is the history of asked user
    n, whom the model must not have been fitted on (fold-in).
    """

    users: NDArray[np.int32]  # (m,) user rows
    items: NDArray[np.int32]  # (m,) catalogue rows
    values: NDArray[np.float32]  # (m,) raw: stars, plays
    weights: NDArray[np.float32]  # (m,) preference: > 0 liked, 0 neutral, < 0 disliked
    times: NDArray[np.float64]  # (m,) unix seconds, non-decreasing
    target_users: NDArray[np.int64]  # (u,)
    revealed_events: NDArray[np.int64]  # (e, 2) number among the asked, item row; mostly empty
    revealed_is_liked: NDArray[np.bool_]  # (e,) whether the revealed event was positive
    shape: NDArray[np.int64]  # users and items of the whole data set
    cut_time: NDArray[np.float64]  # (1,) the cut, unix seconds
    is_explicit: NDArray[np.bool_]  # (1,) values are ratings on a scale
    has_times: NDArray[np.bool_]  # (1,) False: the times are made up

    def build_matrix(self, signal: str) -> sparse.csr_matrix:
        """Give the interactions, users by items, as float32.

        "all": 1 for every pair; "liked": 1 for pairs with a positive event; "weight": the highest
        positive preference weight of each pair.
        """
        chosen = self.weights > 0 if signal != "all" else np.ones(len(self.users), np.bool_)
        told = self.weights if signal == "weight" else np.ones(len(self.users), np.float32)
        return _highest(self.users[chosen], self.items[chosen], told[chosen], self.shape)

    def build_target_histories(self, signal: str) -> sparse.csr_matrix:
        """Give what is known of the asked, asked by items, as ``matrix`` does."""
        return (
            self.build_revealed_histories(signal)
            if len(self.revealed_events)
            else self.build_matrix(signal)[self.target_users]
        )

    def build_revealed_histories(self, signal: str) -> sparse.csr_matrix:
        """Give what is revealed of the asked, asked by items, as ``matrix`` does."""
        chosen = (
            self.revealed_is_liked
            if signal != "all"
            else np.ones(len(self.revealed_is_liked), np.bool_)
        )
        owners, rows = self.revealed_events[chosen].T
        told = np.ones(len(rows), np.float32)
        return _highest(owners, rows, told, (len(self.target_users), self.shape[1]))

    def build_seen(self) -> sparse.csr_matrix:
        """Give what must not be in the lists, asked by items."""
        return self.build_target_histories("all")

    def save(self, path: Path) -> None:
        """Write it as an npz file."""
        np.savez_compressed(path, **{f.name: getattr(self, f.name) for f in fields(self)})

    @classmethod
    def load(cls, path: Path) -> "Task":
        """Read what ``save`` wrote."""
        with np.load(path, allow_pickle=False) as held:
            return cls(**{field.name: held[field.name] for field in fields(cls)})


def _highest(
    users: NDArray[np.integer], items: NDArray[np.integer], told: NDArray[np.float32], shape: object
) -> sparse.csr_matrix:
    """Keep the highest value of each pair."""
    rows, columns = (int(n) for n in np.asarray(shape))
    keys, place = np.unique(users.astype(np.int64) * columns + items, return_inverse=True)
    highest = np.zeros(len(keys), np.float32)
    np.maximum.at(highest, place, told)
    return sparse.csr_matrix((highest, (keys // columns, keys % columns)), (rows, columns))
