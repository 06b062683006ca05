"""What a library must offer to be compared, and how its scores become lists.

Runs in the peers' environments: of this project only ``quality.exchange`` and the metrics.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from benchmarks.quality.exchange import LONGEST, Lists, Task

BLOCK = 256  # users scored at a time: their scores of the whole catalogue are in memory
SEED = 7
Parameters: TypeAlias = dict[str, Any]  # name -> str, int or float
Scores: TypeAlias = NDArray[np.floating[Any]]  # (u, n) higher is better, for the whole catalogue


class Model(Protocol):
    """A fitted model."""

    def known(self, users: NDArray[np.int64]) -> Scores:
        """Score the catalogue for users of the training data."""
        ...

    def folded(self, histories: sparse.csr_matrix) -> Scores:
        """Score the catalogue for new users from their histories (u, n).

        Raises:
            NotImplementedError: the library cannot.
        """
        ...


@dataclass(frozen=True, slots=True)
class Peer:
    """A library's model, its search space and how it is fitted."""

    library: str  # the distribution whose version is told; "" for a rule of this project
    suggest: Callable[[Any], Parameters]  # from an optuna trial
    fit: Callable[[Task, Parameters], Model]
    answers_cold: bool = False  # says something to users without a history
    needs_times: bool = False


def signals(task: Task) -> list[str]:
    """Name what the library may take for a sign of interest; which one is tuned."""
    return ["liked", "all"] if task.explicit[0] else ["liked", "weight"]


def recommend(peer: Peer, model: Model, task: Task, signal: str) -> Lists:
    """Make the lists (u, 100) of the users asked; -1 for users without a history.

    Popular items are listed for those whose history has no sign of interest, only dislikes.
    """
    lists = np.full((len(task.asked), LONGEST), -1, np.int64)
    seen, own = task.seen(), task.own(signal)
    counts = task.matrix("all").getnnz(axis=0).astype(np.float64)
    answered = np.diff(seen.indptr) > 0 if not peer.answers_cold else np.ones(len(lists), np.bool_)
    users, silent = np.flatnonzero(answered), np.diff(own.indptr) == 0
    for start in range(0, len(users), BLOCK):
        block = users[start : start + BLOCK]
        told = model.folded(own[block]) if len(task.revealed) else model.known(task.asked[block])
        scores = np.array(told, np.float64)
        if not peer.answers_cold:
            scores[silent[block]] = counts
        scores[:, counts == 0] = -np.inf
        scores[seen[block].nonzero()] = -np.inf
        lists[block] = _best(scores)
    return lists


def _best(scores: NDArray[np.float64]) -> Lists:
    """Order by score, equal ones by row; what may not be shown is left out."""
    scores = np.where(np.isnan(scores), -np.inf, scores)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :LONGEST]
    shown = np.where(np.isfinite(np.take_along_axis(scores, order, 1)), order, -1)
    missing = LONGEST - shown.shape[1]
    return np.pad(shown, ((0, 0), (0, max(missing, 0))), constant_values=-1)
