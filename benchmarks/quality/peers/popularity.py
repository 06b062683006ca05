"""The same list for everyone: all-time popularity, and popularity that fades."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from benchmarks.quality.exchange import Task
from benchmarks.quality.peers.peer import CatalogueScores, Parameters, Peer

DAY = 86_400.0


@dataclass(frozen=True, slots=True, eq=False)
class SameListForAll:
    """One score per item."""

    scores: NDArray[np.float64]  # (n,)

    def score_users(self, users: NDArray[np.int64]) -> CatalogueScores:
        """Repeat the scores for each user."""
        return np.broadcast_to(self.scores, (len(users), len(self.scores)))

    def score_histories(self, histories: sparse.csr_matrix) -> CatalogueScores:
        """Repeat the scores for each history."""
        return np.broadcast_to(self.scores, (histories.shape[0], len(self.scores)))


def popularity(task: Task, parameters: Parameters) -> SameListForAll:
    """Count the users of each item."""
    counts = np.asarray(task.build_matrix(parameters["signal"]).sum(axis=0), np.float64)
    return SameListForAll(counts.ravel())


def recency(task: Task, parameters: Parameters) -> SameListForAll:
    """Count events; the weight of each halves with every half-life of its age."""
    age = float(task.cut_time[0]) - task.times
    decay = np.exp2(-age / (parameters["half_life_days"] * DAY))
    decay *= (task.weights > 0) if parameters["signal"] == "liked" else 1.0
    counts = np.bincount(task.items, weights=decay, minlength=int(task.shape[1]))
    return SameListForAll(np.asarray(counts, np.float64))


PEERS = {
    "popularity": Peer("", lambda _trial: {}, popularity, recommends_to_cold_users=True),
    "recency_popularity": Peer(
        "",
        lambda trial: {"half_life_days": trial.suggest_float("half_life_days", 1, 365, log=True)},
        recency,
        recommends_to_cold_users=True,
        needs_times=True,
    ),
}
