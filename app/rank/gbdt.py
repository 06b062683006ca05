"""A linear model, and gradient-boosted trees that are grown from its scores."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from app.contracts import Matrix, Scores
from app.rank.boosted_trees import BoostedTrees
from app.rank.logistic import Logistic
from app.rank.scorer import Parts

if TYPE_CHECKING:
    import lightgbm


@dataclass(frozen=True, slots=True, eq=False)
class GradientBoosting:
    """The linear score plus the mean of some boosters, each grown from it with its own seed.

    The linear model orders finely by smooth signals, for which trees need very many splits. The
    trees add the interactions.
    """

    base: Logistic
    parts: tuple[BoostedTrees, ...]  # 1 or more

    @classmethod
    def of(cls, base: Logistic, *boosters: "lightgbm.Booster") -> Self:
        """Return the linear model with these boosters, flattened."""
        return cls(base, tuple(map(BoostedTrees.of, boosters)))

    def score(self, features: Matrix, trees: int = -1) -> Scores:
        """Return raw scores, (n,), by the first ``trees`` trees of each booster; -1: by all."""
        total: NDArray[np.float64] = np.zeros(len(features))
        columns = np.ascontiguousarray(features.T, np.float32)
        for part in self.parts:
            total += part.score(features, columns, trees)
        scores: Scores = (self.base.score(features) + total / len(self.parts)).astype(np.float32)
        return scores

    def contributions(self, features: Matrix) -> Parts:
        """Return what each column adds to the raw score, (n, f + 1), the constant last."""
        trees = sum(part.contributions(features) for part in self.parts) / len(self.parts)
        parts: Parts = self.base.contributions(features) + trees
        return parts

    @property
    def boosters(self) -> "tuple[lightgbm.Booster, ...]":
        """The models of LightGBM. A service does not need them."""
        return tuple(part.booster for part in self.parts)

    @property
    def tree_count(self) -> int:
        """The number of trees of all boosters."""
        return sum(part.tree_count for part in self.parts)

    @property
    def column_counts(self) -> set[int]:
        """The numbers of columns that the linear model and the boosters read, without repeats."""
        return {len(self.base.weights), *(part.column_count for part in self.parts)}

    def to_text(self) -> str:
        """Return the trees as LightGBM writes them, one booster after another."""
        return "".join(booster.model_to_string() for booster in self.boosters)

    def compute_gains(self) -> list[NDArray[np.float64]]:
        """Return by how much the splits on each column lowered the loss, (f,) for each booster."""
        return [np.asarray(booster.feature_importance("gain")) for booster in self.boosters]

    def write(self, folder: Path, stem: str) -> None:
        """Write the linear model as JSON, and the trees of each booster."""
        self.base.write(folder, stem)
        for number, part in enumerate(self.parts):
            part.write(folder / f"{stem}.{number}.txt")

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
            raise FileNotFoundError(f"{folder / stem}.0.txt is absent: train again")
        return cls(Logistic.read(folder, stem), tuple(map(BoostedTrees.read, files)))
