"""SASRec of rectools, on one processor. Epochs and sizes are bounded, as the docs describe."""

import logging
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytorch_lightning
from numpy.typing import NDArray
from rectools import Columns
from rectools.dataset import Dataset
from rectools.models import SASRecModel
from scipy import sparse

from benchmarks.quality.exchange import MAX_LIST_LENGTH, Task
from benchmarks.quality.peers.peer import SEED, CatalogueScores, Parameters, Peer

MAX_SOFTMAX_ITEMS = (
    5_000  # above, the softmax over the whole catalogue takes minutes for each epoch
)


@dataclass(frozen=True, slots=True, eq=False)
class RecToolsModel:
    """A fitted model of rectools, and its training data."""

    model: Any
    dataset: Any
    counts: NDArray[np.float64]  # (n,) events on each item, for users whom the library drops

    def score_users(self, users: NDArray[np.int64]) -> CatalogueScores:
        """Score the items of the library's own lists by their position, all others with -inf.

        The library drops users with a single event; they get popular items.
        """
        trained = self.dataset.user_id_map.external_ids
        targets = users[np.isin(users, trained)]
        scores = np.tile(self.counts, (len(users), 1))
        if len(targets):
            frame = self.model.recommend(
                targets,
                self.dataset,
                MAX_LIST_LENGTH,
                filter_viewed=True,
                on_unsupported_targets="ignore",
            )
            lines = np.searchsorted(users, frame[Columns.User].to_numpy())
            scores[lines] = -np.inf
            scores[lines, frame[Columns.Item].to_numpy()] = -frame[Columns.Rank].to_numpy()
        return scores

    def score_histories(self, histories: sparse.csr_matrix) -> CatalogueScores:
        """Raise: this peer does not fold in.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(f"no fold-in for these {histories.shape[0]} histories")


def _trainer(epochs: int) -> Any:
    return pytorch_lightning.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        devices=1,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        logger=False,
    )


def sasrec(task: Task, parameters: Parameters) -> RecToolsModel:
    """Fit SASRec (Kang, McAuley, 2018) by softmax or, of a large catalogue, by gBCE."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
    pytorch_lightning.seed_everything(SEED, verbose=False)
    chosen = {name: value for name, value in parameters.items() if name != "signal"}
    kept = task.weights > 0 if parameters["signal"] == "liked" else np.ones(len(task.users), bool)
    frame = pd.DataFrame(
        {
            Columns.User: task.users[kept],
            Columns.Item: task.items[kept],
            Columns.Weight: 1.0,
            Columns.Datetime: pd.to_datetime(task.times[kept], unit="s"),
        }
    )
    dataset = Dataset.construct(frame)
    epochs = chosen.pop("epochs")
    sampled = {"loss": "gBCE", "n_negatives": 256} if task.shape[1] > MAX_SOFTMAX_ITEMS else {}
    model = SASRecModel(
        **chosen,
        **sampled,
        batch_size=128,
        get_trainer_func=_trainer,
        get_trainer_func_kwargs={"epochs": epochs},
        recommend_torch_device="cpu",
    )
    counts = np.bincount(task.items, minlength=int(task.shape[1])).astype(np.float64)
    return RecToolsModel(model.fit(dataset), dataset, counts)


def _of_sasrec(trial: Any) -> Parameters:
    return {
        "n_factors": trial.suggest_categorical("n_factors", [32, 64]),
        "n_blocks": trial.suggest_int("n_blocks", 1, 2),
        "n_heads": trial.suggest_categorical("n_heads", [1, 2]),
        "dropout_rate": trial.suggest_float("dropout_rate", 0.1, 0.5),
        "session_max_len": trial.suggest_categorical("session_max_len", [50, 100]),
        "lr": trial.suggest_float("lr", 1e-3, 1e-2, log=True),
        "epochs": trial.suggest_int("epochs", 5, 15),
    }


PEERS = {"sasrec": Peer("rectools", _of_sasrec, sasrec, needs_times=True)}
