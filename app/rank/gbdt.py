"""A linear model and the gradient-boosted trees that were grown from its scores."""

from dataclasses import dataclass
from pathlib import Path

import lightgbm
import numpy as np
from numpy.typing import NDArray

from app.contracts import Matrix, Scores
from app.features.views import FINE_VIEW, column_names
from app.rank.logistic import Logistic, read_logistic, write_logistic


@dataclass(frozen=True, slots=True, eq=False)
class GradientBoosting:
    """The linear score plus the mean of some boosters, each grown from it by another seed.

    The linear model orders finely by smooth signals, which takes trees very many splits; the trees
    add what depends on one another. One thread a call: parallelism comes from requests.
    """

    base: Logistic
    boosters: tuple[lightgbm.Booster, ...]  # 1 or more

    def score(self, features: Matrix, trees: int = -1) -> Scores:
        """Give raw scores, (n,), by the first ``trees`` trees of each booster; -1: by all."""
        total: NDArray[np.float64] = np.zeros(len(features))
        for booster in self.boosters:
            total += booster.predict(features, raw_score=True, num_iteration=trees, num_threads=1)
        scores: Scores = (self.base.score(features) + total / len(self.boosters)).astype(np.float32)
        return scores

    @property
    def trees(self) -> int:
        """The number of trees of all boosters."""
        return sum(booster.num_trees() for booster in self.boosters)

    def to_text(self) -> str:
        """Give the trees as LightGBM writes them, one booster after another."""
        return "".join(booster.model_to_string() for booster in self.boosters)


def write_gbdt(grown: GradientBoosting, folder: Path, stem: str) -> None:
    """Write the linear model as JSON and each booster as LightGBM text."""
    write_logistic(grown.base, column_names(FINE_VIEW), folder / f"{stem}.json")
    for at, booster in enumerate(grown.boosters):
        booster.save_model(str(folder / f"{stem}.{at}.txt"))


def read_gbdt(folder: Path, stem: str) -> GradientBoosting:
    """Read what ``write_grown`` wrote.

    Raises:
        OSError: a file is absent.
        ValueError: a file is damaged.
        KeyError: a part of a file is absent.
        lightgbm.basic.LightGBMError: the trees are damaged.
    """
    files = sorted(folder.glob(f"{stem}.*.txt"))
    if not files:
        raise FileNotFoundError(f"{folder / stem}.0.txt")
    start = read_logistic(folder / f"{stem}.json")
    return GradientBoosting(start, tuple(lightgbm.Booster(model_file=str(file)) for file in files))
