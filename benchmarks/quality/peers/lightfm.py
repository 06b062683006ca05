"""WARP of LightFM, in the build that rectools keeps alive."""

from typing import Any

import numpy as np
from lightfm import LightFM

from benchmarks.quality.exchange import Task
from benchmarks.quality.peers.peer import SEED, Parameters, Peer
from benchmarks.quality.peers.vectors import VectorModel


def warp(task: Task, parameters: Parameters) -> VectorModel:
    """Fit by the WARP loss (Weston et al., 2011)."""
    names = ("signal", "epochs", "decay")
    chosen = {name: value for name, value in parameters.items() if name not in names}
    decay = parameters["decay"]
    model = LightFM(loss="warp", random_state=SEED, item_alpha=decay, user_alpha=decay, **chosen)
    matrix = task.build_matrix(parameters["signal"])
    pairs = (matrix > 0).astype(np.float32).tocoo()
    weights = matrix.tocoo().astype(np.float32)
    model.fit(pairs, sample_weight=weights, epochs=parameters["epochs"], num_threads=1)
    return VectorModel(model.user_embeddings, model.item_embeddings, model.item_biases)


def _of_warp(trial: Any) -> Parameters:
    return {
        "no_components": trial.suggest_int("no_components", 8, 128, log=True),
        "learning_rate": trial.suggest_float("learning_rate", 5e-3, 0.1, log=True),
        "decay": trial.suggest_float("decay", 1e-7, 1e-3, log=True),
        "epochs": trial.suggest_int("epochs", 5, 40),
    }


PEERS = {"warp_lightfm": Peer("rectools-lightfm", _of_warp, warp)}
