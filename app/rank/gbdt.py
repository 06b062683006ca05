"""A linear model, and gradient-boosted trees that are grown from its scores."""

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import lightgbm
import numpy as np
from numpy.typing import NDArray

from app.contracts import Matrix, Scores
from app.kernels.forest import Forest, UnsupportedForestError, flatten
from app.rank.logistic import Logistic

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class GradientBoosting:
    """The linear score plus the mean of some boosters, each grown from it with its own seed.

    The linear model orders finely by smooth signals, for which trees need very many splits. The
    trees add the interactions. The trees are flattened for compiled loops, which return the bits
    that LightGBM returns. A booster that cannot be flattened is scored by LightGBM itself.
    """

    base: Logistic
    boosters: tuple[lightgbm.Booster, ...]  # 1 or more
    _forests: tuple[Forest | None, ...] = field(init=False, repr=False)  # None: by LightGBM

    def __post_init__(self) -> None:
        object.__setattr__(self, "_forests", tuple(map(_flatten, self.boosters)))

    def score(self, features: Matrix, trees: int = -1) -> Scores:
        """Return raw scores, (n,), by the first ``trees`` trees of each booster; -1: by all."""
        total: NDArray[np.float64] = np.zeros(len(features))
        columns = np.ascontiguousarray(features.T, np.float32)
        for booster, forest in zip(self.boosters, self._forests, strict=True):
            total += (
                booster.predict(features, raw_score=True, num_iteration=trees, num_threads=1)
                if forest is None
                else forest.score(columns, trees)
            )
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


def _flatten(booster: lightgbm.Booster) -> Forest | None:
    """Flatten the trees for the compiled loops, unless these cannot score them."""
    try:
        return flatten(booster.dump_model())
    except UnsupportedForestError as error:
        log.warning(
            "the trees are scored by LightGBM, which takes 10 to 20 times longer: %s", error
        )
        return None
