"""Item-kNN, User-kNN and iALS of LensKit."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from lenskit.als import ImplicitMFScorer
from lenskit.data import ItemList, RecQuery, from_interactions_df
from lenskit.knn import ItemKNNScorer, UserKNNScorer
from lenskit.training import TrainingOptions
from numpy.typing import NDArray
from scipy import sparse

from benchmarks.quality.exchange import Task
from benchmarks.quality.peers.peer import SEED, CatalogueScores, Parameters, Peer


@dataclass(frozen=True, slots=True, eq=False)
class LensKitModel:
    """A trained scorer of LensKit, and the histories it was trained on."""

    scorer: Any
    matrix: sparse.csr_matrix
    trained: NDArray[np.bool_]  # (n,) items with a line in the training data

    def score_users(self, users: NDArray[np.int64]) -> CatalogueScores:
        """Score the catalogue for users of the training data."""
        return np.stack([self._one(self.matrix, user, int(user)) for user in users])

    def score_histories(self, histories: sparse.csr_matrix) -> CatalogueScores:
        """Score the catalogue for new histories."""
        return np.stack([self._one(histories, line, None) for line in range(histories.shape[0])])

    def _one(self, histories: sparse.csr_matrix, line: int, user: int | None) -> CatalogueScores:
        items = histories.indices[histories.indptr[line] : histories.indptr[line + 1]]
        items = items[self.trained[items]]  # the library's kNN fails on untrained items
        own = ItemList(item_ids=items, rating=np.ones(len(items), np.float32))
        query = RecQuery(user_id=user, user_items=own)
        everything = ItemList(item_ids=np.arange(histories.shape[1]))
        scored: CatalogueScores = self.scorer(query, everything).scores("numpy")
        return scored


def item_knn(task: Task, parameters: Parameters) -> LensKitModel:
    """Fit Item-kNN on the interactions, without their ratings."""
    return _fit(ItemKNNScorer, task, parameters, feedback="implicit")


def user_knn(task: Task, parameters: Parameters) -> LensKitModel:
    """Fit User-kNN on the interactions, without their ratings."""
    return _fit(UserKNNScorer, task, parameters, feedback="implicit")


def ials(task: Task, parameters: Parameters) -> LensKitModel:
    """Fit implicit ALS (Hu, Koren, Volinsky, 2008); "weight" is its confidence."""
    return _fit(ImplicitMFScorer, task, parameters)


def _fit(kind: Any, task: Task, parameters: Parameters, **fixed: Any) -> LensKitModel:
    chosen = {name: value for name, value in parameters.items() if name != "signal"}
    matrix = task.build_matrix(parameters["signal"])
    pairs = matrix.tocoo()
    frame = pd.DataFrame({"user_id": pairs.row, "item_id": pairs.col, "rating": pairs.data})
    scorer = kind(**chosen, **fixed)
    scorer.train(from_interactions_df(frame), TrainingOptions(rng=SEED))
    return LensKitModel(scorer, matrix, matrix.getnnz(axis=0) > 0)


def _of_knn(trial: Any) -> Parameters:
    return {
        "max_nbrs": trial.suggest_int("max_nbrs", 5, 300, log=True),
        "min_nbrs": trial.suggest_int("min_nbrs", 1, 5),
        "min_sim": trial.suggest_float("min_sim", 1e-6, 0.1, log=True),
    }


def _of_ials(trial: Any) -> Parameters:
    return {
        "embedding_size": trial.suggest_int("embedding_size", 8, 128, log=True),
        "regularization": trial.suggest_float("regularization", 0.01, 10, log=True),
        "weight": trial.suggest_float("weight", 1, 100, log=True),
        "epochs": trial.suggest_int("epochs", 5, 20),
    }


PEERS = {
    "item_knn": Peer("lenskit", _of_knn, item_knn),
    "user_knn": Peer("lenskit", _of_knn, user_knn),
    "ials_lenskit": Peer("lenskit", _of_ials, ials),
}
