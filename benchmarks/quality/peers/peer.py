"""The interface of a library in the comparison, and the way from its scores to lists.

Runs in the peers' environments. Of this project it uses ``quality.exchange`` and the metrics alone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from benchmarks.quality.exchange import MAX_LIST_LENGTH, Task
from offline.evaluate.metrics import Lists

BLOCK = 256  # users scored at a time: their scores of the whole catalogue are in memory
SEED = 7
Parameters: TypeAlias = dict[str, Any]  # name -> str, int or float
# (u, n) for the whole catalogue; higher is better
CatalogueScores: TypeAlias = NDArray[np.floating[Any]]


class PeerModel(Protocol):
    """A fitted model."""

    def score_users(self, users: NDArray[np.int64]) -> CatalogueScores:
        """Score the catalogue for users of the training data."""
        ...

    def score_histories(self, histories: sparse.csr_matrix) -> CatalogueScores:
        """Score the catalogue for new users from their histories (u, n).

        Raises:
            NotImplementedError: the library cannot fold in.
        """
        ...


@dataclass(frozen=True, slots=True)
class Peer:
    """A library's model, its search space and how it is fitted."""

    library: str  # its distribution, for the version; "" for a rule of this project
    suggest: Callable[[Any], Parameters]  # from an optuna trial
    fit: Callable[[Task, Parameters], PeerModel]
    recommends_to_cold_users: bool = False  # has lists for users without a history
    needs_times: bool = False


def signals(task: Task) -> list[str]:
    """Return the signals of interest that a library may use; tuning chooses one."""
    return ["liked", "all"] if task.is_explicit[0] else ["liked", "weight"]


def recommend(peer: Peer, model: PeerModel, task: Task, signal: str) -> Lists:
    """Build the lists (u, 100) of the target users; -1 for users without a history.

    Users whose history has dislikes only get popular items.
    """
    lists = np.full((len(task.target_users), MAX_LIST_LENGTH), -1, np.int64)
    seen, own = task.build_seen(), task.build_target_histories(signal)
    counts = task.build_matrix("all").getnnz(axis=0).astype(np.float64)
    has_list = (np.diff(seen.indptr) > 0) | peer.recommends_to_cold_users
    users, silent = np.flatnonzero(has_list), np.diff(own.indptr) == 0
    for start in range(0, len(users), BLOCK):
        block = users[start : start + BLOCK]
        if len(task.revealed_events):
            scores = np.array(model.score_histories(own[block]), np.float64)
        else:
            scores = np.array(model.score_users(task.target_users[block]), np.float64)
        if not peer.recommends_to_cold_users:
            scores[silent[block]] = counts
        scores[:, counts == 0] = -np.inf
        scores[seen[block].nonzero()] = -np.inf
        lists[block] = _best(scores)
    return lists


def _best(scores: NDArray[np.float64]) -> Lists:
    """Order by score, equal scores by row; items with a score of -inf are left out."""
    scores = np.where(np.isnan(scores), -np.inf, scores)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :MAX_LIST_LENGTH]
    shown = np.where(np.isfinite(np.take_along_axis(scores, order, 1)), order, -1)
    missing = MAX_LIST_LENGTH - shown.shape[1]
    return np.pad(shown, ((0, 0), (0, max(missing, 0))), constant_values=-1)
