"""ALS and BPR of implicit."""

from typing import Any

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from implicit.cpu.bpr import BayesianPersonalizedRanking

from benchmarks.quality.exchange import Task
from benchmarks.quality.peers.peer import SEED, Parameters, Peer
from benchmarks.quality.peers.vectors import VectorModel


def als(task: Task, parameters: Parameters) -> VectorModel:
    """Fit implicit ALS."""
    return _fit(AlternatingLeastSquares, task, parameters)


def bpr(task: Task, parameters: Parameters) -> VectorModel:
    """Fit BPR (Rendle et al., 2009); its vectors hold the biases."""
    return _fit(BayesianPersonalizedRanking, task, parameters)


def _fit(kind: Any, task: Task, parameters: Parameters) -> VectorModel:
    chosen = {name: value for name, value in parameters.items() if name != "signal"}
    model = kind(**chosen, num_threads=1, random_state=SEED)
    model.fit(task.build_matrix(parameters["signal"]), show_progress=False)
    items = np.asarray(model.item_factors)
    return VectorModel(np.asarray(model.user_factors), items, np.zeros(len(items), np.float32))


def _of_als(trial: Any) -> Parameters:
    return {
        "factors": trial.suggest_int("factors", 8, 256, log=True),
        "regularization": trial.suggest_float("regularization", 1e-3, 10, log=True),
        "alpha": trial.suggest_float("alpha", 0.5, 100, log=True),
        "iterations": trial.suggest_int("iterations", 5, 30),
    }


def _of_bpr(trial: Any) -> Parameters:
    return {
        "factors": trial.suggest_int("factors", 8, 256, log=True),
        "regularization": trial.suggest_float("regularization", 1e-4, 0.1, log=True),
        "learning_rate": trial.suggest_float("learning_rate", 5e-3, 0.2, log=True),
        "iterations": trial.suggest_int("iterations", 50, 300),
    }


PEERS = {
    "als_implicit": Peer("implicit", _of_als, als),
    "bpr_implicit": Peer("implicit", _of_bpr, bpr),
}
