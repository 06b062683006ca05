"""Logistic regression: the coarse ranker, and the model from which the fine trees begin."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
import orjson

from app.contracts import Matrix, Scores
from app.features.views import FINE_VIEW, column_names
from app.kernels.features import linear_scores
from app.rank.scorer import RankerSummary


@dataclass(frozen=True, slots=True, eq=False)
class Logistic:
    """A logistic regression on standardised columns; a missing value counts as the mean.

    Its columns are the first ones of the fine view, which begins with the coarse view.
    """

    mean: Scores  # (f,)
    scale: Scores  # (f,) standard deviation, never 0
    weights: Scores  # (f,)
    bias: float
    _by_value: Scores = field(init=False, repr=False)  # (f,) ``weights / scale``

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_value", self.weights / self.scale)

    def score(self, features: Matrix) -> Scores:
        """Return log odds, (n,): their order is that of the probability.

        Raises:
            ValueError: there is not one column for each weight.
        """
        if features.shape[1] != len(self.weights):
            raise ValueError(f"{features.shape[1]} columns for {len(self.weights)} weights")
        columns = np.ascontiguousarray(features.T, np.float32)
        return linear_scores(columns, self.mean, self._by_value, self.bias)

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns, (f,)."""
        return column_names(FINE_VIEW)[: len(self.weights)]

    def write(self, folder: Path, stem: str) -> None:
        """Write ``<stem>.json``, one object a column."""
        columns = [
            {"name": name, "mean": float(mean), "scale": float(scale), "weight": float(weight)}
            for name, mean, scale, weight in zip(
                self.columns, self.mean, self.scale, self.weights, strict=True
            )
        ]
        stored = {"columns": columns, "bias": self.bias}
        (folder / f"{stem}.json").write_bytes(orjson.dumps(stored, option=orjson.OPT_INDENT_2))

    @classmethod
    def read(cls, folder: Path, stem: str) -> Self:
        """Read what ``write`` wrote.

        Raises:
            OSError: there is no such file.
            ValueError: it is damaged.
            KeyError: a part of it is absent.
        """
        stored = orjson.loads((folder / f"{stem}.json").read_bytes())
        mean, scale, weights = (
            np.array([column[key] for column in stored["columns"]], np.float32)
            for key in ("mean", "scale", "weight")
        )
        return cls(mean, scale, weights, float(stored["bias"]))

    def describe(self) -> RankerSummary:
        """Return the weight of each column; a negative one speaks against an item."""
        return RankerSummary(dict(zip(self.columns, self.weights.tolist(), strict=True)))

    def verify(self, columns: Sequence[str]) -> None:
        """Check that the model has one weight for each column.

        Raises:
            ValueError: it has more or fewer.
        """
        if len(self.weights) != len(columns):
            raise ValueError(
                f"the logistic regression has {len(self.weights)} weights, the view has "
                f"{len(columns)} columns: train again"
            )
