"""SVD of Surprise. It predicts ratings, and the list holds the highest predicted ratings."""

from typing import Any

import numpy as np
import pandas as pd
from surprise import SVD, Dataset, Reader

from benchmarks.quality.exchange import Task
from benchmarks.quality.peers.peer import SEED, Parameters, Peer
from benchmarks.quality.peers.vectors import VectorModel


def svd(task: Task, parameters: Parameters) -> VectorModel:
    """Fit on the ratings or, where there are counts, on the preference weights."""
    ratings = task.values if task.is_explicit[0] else task.weights
    frame = pd.DataFrame({"user": task.users, "item": task.items, "rating": ratings})
    reader = Reader(rating_scale=(float(ratings.min()), float(ratings.max())))
    train = Dataset.load_from_df(frame, reader).build_full_trainset()
    chosen = {name: value for name, value in parameters.items() if name != "signal"}
    model = SVD(random_state=SEED, **chosen).fit(train)
    rows, columns = (int(n) for n in task.shape)
    users = np.zeros((rows, model.n_factors), np.float32)
    items, biases = np.zeros((columns, model.n_factors), np.float32), np.zeros(columns, np.float32)
    users[[train.to_raw_uid(u) for u in train.all_users()]] = model.pu
    rated = [train.to_raw_iid(i) for i in train.all_items()]
    items[rated], biases[rated] = model.qi, model.bi
    return VectorModel(users, items, biases)


def _of_svd(trial: Any) -> Parameters:
    return {
        "n_factors": trial.suggest_int("n_factors", 8, 200, log=True),
        "n_epochs": trial.suggest_int("n_epochs", 10, 50),
        "lr_all": trial.suggest_float("lr_all", 1e-3, 0.02, log=True),
        "reg_all": trial.suggest_float("reg_all", 5e-3, 0.2, log=True),
    }


PEERS = {"svd_surprise": Peer("scikit-surprise", _of_svd, svd)}
