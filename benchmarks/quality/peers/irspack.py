"""EASE, SLIM, RP3beta and iALS of irspack, in search ranges that hold the library's own."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from irspack.recommenders import (
    DenseSLIMRecommender,
    IALSRecommender,
    RP3betaRecommender,
    SLIMRecommender,
)
from numpy.typing import NDArray
from scipy import sparse

from benchmarks.quality.exchange import Task
from benchmarks.quality.peers.peer import SEED, CatalogueScores, Parameters, Peer

MAX_ITEMS = 4_000  # of EASE and SLIM, whose cost grows with the cube and the square of the items


@dataclass(frozen=True, slots=True, eq=False)
class IrspackModel:
    """A recommender of irspack that was fitted on some of the items. It never lists the others."""

    recommender: Any
    items: NDArray[np.int64]  # catalogue rows, ascending
    n: int

    def score_users(self, users: NDArray[np.int64]) -> CatalogueScores:
        """Score the catalogue for users of the training matrix."""
        return self._spread(self.recommender.get_score(users))

    def score_histories(self, histories: sparse.csr_matrix) -> CatalogueScores:
        """Score the catalogue for new histories."""
        own = histories[:, self.items].astype(np.float64)
        return self._spread(self.recommender.get_score_cold_user(own))

    def _spread(self, part: CatalogueScores) -> CatalogueScores:
        scores = np.full((len(part), self.n), -np.inf)
        scores[:, self.items] = part
        return scores


def ease(task: Task, parameters: Parameters) -> IrspackModel:
    """Fit EASE (Steck, 2019)."""
    return _fit(DenseSLIMRecommender, task, parameters, MAX_ITEMS)


def slim(task: Task, parameters: Parameters) -> IrspackModel:
    """Fit SLIM (Ning, Karypis, 2011)."""
    return _fit(SLIMRecommender, task, parameters, MAX_ITEMS, n_threads=1, n_iter=30)


def rp3beta(task: Task, parameters: Parameters) -> IrspackModel:
    """Fit RP3beta (Paudel et al., 2017)."""
    return _fit(RP3betaRecommender, task, parameters, None, n_threads=1)


def ials(task: Task, parameters: Parameters) -> IrspackModel:
    """Fit iALS as of Rendle et al. (2022)."""
    return _fit(IALSRecommender, task, parameters, None, n_threads=1, random_seed=SEED)


def _fit(
    kind: Any, task: Task, parameters: Parameters, max_items: int | None, **fixed: Any
) -> IrspackModel:
    """Fit on the items with the most users, at most ``max_items`` of them."""
    chosen = {name: value for name, value in parameters.items() if name != "signal"}
    matrix = task.build_matrix(parameters["signal"]).astype(np.float64)
    items = np.sort(np.argsort(-matrix.getnnz(axis=0), kind="stable")[:max_items])
    return IrspackModel(kind(matrix[:, items], **chosen, **fixed).learn(), items, matrix.shape[1])


def _of_ease(trial: Any) -> Parameters:
    return {"reg": trial.suggest_float("reg", 1, 1e5, log=True)}


def _of_slim(trial: Any) -> Parameters:
    return {
        "alpha": trial.suggest_float("alpha", 1e-3, 1, log=True),
        "l1_ratio": trial.suggest_float("l1_ratio", 0, 1),
    }


def _of_rp3beta(trial: Any) -> Parameters:
    return {
        "top_k": trial.suggest_int("top_k", 10, 1000, log=True),
        "alpha": trial.suggest_float("alpha", 0.1, 2),
        "beta": trial.suggest_float("beta", 0, 1.2),
    }


def _of_ials(trial: Any) -> Parameters:
    return {
        "n_components": trial.suggest_int("n_components", 8, 256, log=True),
        "alpha0": trial.suggest_float("alpha0", 3e-3, 1, log=True),
        "reg": trial.suggest_float("reg", 1e-4, 0.1, log=True),
        "train_epochs": trial.suggest_int("train_epochs", 4, 16),
    }


PEERS = {
    "ease": Peer("irspack", _of_ease, ease),
    "slim": Peer("irspack", _of_slim, slim),
    "rp3beta": Peer("irspack", _of_rp3beta, rp3beta),
    "ials_irspack": Peer("irspack", _of_ials, ials),
}
