"""Fine ranking: a logistic regression, and gradient-boosted trees for what it misses."""

from dataclasses import dataclass
from pathlib import Path

import lightgbm
import numpy as np

from app.contracts import Matrix, Scores
from app.features import FINE_VIEW, names
from app.rank.logistic import Logistic, read_logistic, write_logistic

FINE = "fine"  # of the files of the model of what is relevant


@dataclass(frozen=True, slots=True, eq=False)
class Fine:
    """Log odds plus the trees of LightGBM (lambdarank) that were grown from them.

    The regression orders finely by smooth signals, which takes trees very many splits; the trees
    add what depends on one another. One thread a call: parallelism comes from requests.
    """

    start: Logistic
    booster: lightgbm.Booster

    def score(self, features: Matrix, trees: int = -1) -> Scores:
        """Give raw scores, (n,), by the first ``trees`` trees; -1: by all."""
        if not len(features):
            return np.empty(0, np.float32)
        grown = self.booster.predict(features, raw_score=True, num_iteration=trees, num_threads=1)
        scores: Scores = (self.start.score(features) + grown).astype(np.float32)
        return scores


def write_fine(fine: Fine, folder: Path, stem: str = FINE) -> None:
    """Write the regression as JSON and the trees as LightGBM text."""
    write_logistic(fine.start, names(FINE_VIEW), folder / f"{stem}.json")
    fine.booster.save_model(str(folder / f"{stem}.txt"))


def read_fine(folder: Path, stem: str = FINE) -> Fine:
    """Read what ``write_fine`` wrote.

    Raises:
        OSError: a file is absent.
        ValueError: a file is damaged.
        KeyError: a part of a file is absent.
        lightgbm.basic.LightGBMError: the trees are damaged.
    """
    start = read_logistic(folder / f"{stem}.json")
    return Fine(start, lightgbm.Booster(model_file=str(folder / f"{stem}.txt")))
