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

from quality.exchange import Task
from quality.peers.peer import SEED, Parameters, Peer, Scores


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A recommender of irspack, learned."""

    recommender: Any

    def known(self, users: NDArray[np.int64]) -> Scores:
        """Score the catalogue for users of the training matrix."""
        scores: Scores = self.recommender.get_score(users)
        return scores

    def folded(self, histories: sparse.csr_matrix) -> Scores:
        """Score the catalogue for new histories."""
        scores: Scores = self.recommender.get_score_cold_user(histories.astype(np.float64))
        return scores


def ease(task: Task, parameters: Parameters) -> Fitted:
    """Fit EASE (Steck, 2019)."""
    return _fit(DenseSLIMRecommender, task, parameters)


def slim(task: Task, parameters: Parameters) -> Fitted:
    """Fit SLIM (Ning, Karypis, 2011)."""
    return _fit(SLIMRecommender, task, parameters, n_threads=1, n_iter=30)


def rp3beta(task: Task, parameters: Parameters) -> Fitted:
    """Fit RP3beta (Paudel et al., 2017)."""
    return _fit(RP3betaRecommender, task, parameters, n_threads=1)


def ials(task: Task, parameters: Parameters) -> Fitted:
    """Fit iALS as of Rendle et al. (2022)."""
    return _fit(IALSRecommender, task, parameters, n_threads=1, random_seed=SEED)


def _fit(kind: Any, task: Task, parameters: Parameters, **fixed: Any) -> Fitted:
    chosen = {name: value for name, value in parameters.items() if name != "signal"}
    matrix = task.matrix(parameters["signal"]).astype(np.float64)
    return Fitted(kind(matrix, **chosen, **fixed).learn())


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
