"""The trees of one LightGBM model. A service scores them without LightGBM where it can."""

import logging
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from app.contracts import Matrix
from app.kernels.forest import Forest, UnsupportedForestError, flatten
from app.rank.scorer import Parts

if TYPE_CHECKING:
    import lightgbm

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class BoostedTrees:
    """Trees flattened for compiled loops, which return the bits that LightGBM returns.

    Trees that cannot be flattened are scored by LightGBM itself. LightGBM is imported only where
    it is needed: it imports scikit-learn where that is installed, which takes time and memory.
    """

    forest: Forest | None  # None: LightGBM scores them
    _model_file: Path | None = field(default=None, repr=False)

    @classmethod
    def of(cls, booster: "lightgbm.Booster") -> Self:
        """Flatten the trees of a booster, unless the compiled loops cannot score them."""
        try:
            forest = flatten(booster.dump_model())
        except UnsupportedForestError as error:
            log.warning(
                "the trees are scored by LightGBM, which takes 10 to 20 times longer: %s", error
            )
            forest = None
        trees = cls(forest)
        trees.__dict__["booster"] = booster  # as the cached property keeps it
        return trees

    @cached_property
    def booster(self) -> "lightgbm.Booster":
        """The model of LightGBM.

        Raises:
            ValueError: its file is damaged.
        """
        import lightgbm  # noqa: PLC0415 (see above)

        try:
            return lightgbm.Booster(model_file=str(self._model_file))
        except lightgbm.basic.LightGBMError as error:
            raise ValueError(f"the trees of {self._model_file} are damaged: {error}") from None

    def score(
        self, features: Matrix, columns: NDArray[np.float32], trees: int
    ) -> NDArray[np.float64]:
        """Return raw scores, (n,), by the first ``trees`` trees; -1: by all.

        Args:
            features: (n, f), what LightGBM reads.
            columns: (f, n) in C order, the same values for the compiled loops.
            trees: how many trees to add up.

        Raises:
            ValueError: the trees read another number of columns.
        """
        if self.forest is not None:
            return self.forest.score(columns, trees)
        scores: NDArray[np.float64] = self.booster.predict(
            features, raw_score=True, num_iteration=trees, num_threads=1
        )
        return scores

    def contributions(self, features: Matrix) -> Parts:
        """Return what each column adds to the score by SHAP values, (n, f + 1).

        The last one is the mean score of the training rows. LightGBM computes them, so the first
        call imports it and reads its file.

        Raises:
            ValueError: the file is damaged.
        """
        parts: Parts = self.booster.predict(features, pred_contrib=True, num_threads=1)
        return parts

    @property
    def tree_count(self) -> int:
        """The number of trees."""
        if self.forest is not None:
            return len(self.forest.leaf_starts)
        return int(self.booster.num_trees())

    @property
    def column_count(self) -> int:
        """The number of columns that the trees read."""
        if self.forest is not None:
            return self.forest.n_features
        return int(self.booster.num_feature())

    def write(self, path: Path) -> None:
        """Write the text of LightGBM, and beside it (``.npz``) the flattened trees."""
        self.booster.save_model(str(path))
        if self.forest is not None:
            self.forest.write(path.with_suffix(".npz"))

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what ``write`` wrote, or only the text of an older bundle.

        Raises:
            OSError: a file cannot be read.
            ValueError: a file is damaged.
        """
        flattened = path.with_suffix(".npz")
        if flattened.exists():
            return cls(Forest.read(flattened), path)
        return cls.of(cls(None, path).booster)
