"""A linear model, and gradient-boosted trees that are grown from its scores."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import lightgbm
import numpy as np
from numpy.typing import NDArray

from app.contracts import Matrix, Scores
from app.rank.logistic import Logistic


@dataclass(frozen=True, slots=True, eq=False)
class GradientBoosting:
    """The linear score plus the mean of some boosters, each grown from it with its own seed.

    The linear model orders finely by smooth signals, for which trees need very many splits. The
    trees add the interactions. A call uses one thread: parallelism comes from requests.
    """

    base: Logistic
    boosters: tuple[lightgbm.Booster, ...]  # 1 or more

    def score(self, features: Matrix, trees: int = -1) -> Scores:
        """Return raw scores, (n,), by the first ``trees`` trees of each booster; -1: by all."""
        total: NDArray[np.float64] = np.zeros(len(features))
        for booster in self.boosters:
            total += booster.predict(features, raw_score=True, num_iteration=trees, num_threads=1)
        scores: Scores = (self.base.score(features) + total / len(self.boosters)).astype(np.float32)
        return scores

    @property
    def tree_count(self) -> int:
        """The number of trees of all boosters."""
        return sum(booster.num_trees() for booster in self.boosters)

    @property
    def column_counts(self) -> set[int]:
        """The numbers of columns that the linear model and the boosters read, without repeats."""
        return {len(self.base.weights), *(booster.num_feature() for booster in self.boosters)}

    def to_text(self) -> str:
        """Return the trees as LightGBM writes them, one booster after another."""
        return "".join(booster.model_to_string() for booster in self.boosters)

    def compute_gains(self) -> list[NDArray[np.float64]]:
        """Return by how much the splits on each column lowered the loss, (f,) for each booster."""
        return [np.asarray(booster.feature_importance("gain")) for booster in self.boosters]

    def write(self, folder: Path, stem: str) -> None:
        """Write the linear model as JSON and each booster as LightGBM text."""
        self.base.write(folder, stem)
        for number, booster in enumerate(self.boosters):
            booster.save_model(str(folder / f"{stem}.{number}.txt"))

    @classmethod
    def read(cls, folder: Path, stem: str) -> Self:
        """Read what ``write`` wrote.

        Raises:
            OSError: a file is absent.
            ValueError: a file is damaged.
            KeyError: a part of a file is absent.
        """
        files = sorted(folder.glob(f"{stem}.*.txt"))
        if not files:
            raise FileNotFoundError(f"{folder / stem}.0.txt")
        base = Logistic.read(folder, stem)
        try:
            return cls(base, tuple(lightgbm.Booster(model_file=str(file)) for file in files))
        except lightgbm.basic.LightGBMError as error:
            raise ValueError(f"the trees of {stem} are damaged: {error}") from None
