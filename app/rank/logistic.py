"""Logistic regression: the coarse ranker, and the model from which the fine trees begin."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
import orjson
from numpy.typing import NDArray

from app.contracts import Matrix, Scores
from app.features.views import FINE_VIEW, column_names
from app.kernels.features import linear_scores
from app.rank.scorer import Parts, RankerSummary

STORED = ("mean", "scale", "weight", "low", "high")  # the numbers of a column in a file
UNLIMITED = np.array([[-np.inf], [np.inf]], np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Logistic:
    """A logistic regression on standardised columns; a missing value counts as the mean.

    Its columns are the first ones of the fine view, which begins with the coarse view. Some columns
    grow with time, such as the age of an item. A value beyond ``limits`` counts as the nearest of
    them, so that the score goes no further than the training data.
    """

    mean: Scores  # (f,)
    scale: Scores  # (f,) standard deviation, never 0
    weights: Scores  # (f,)
    bias: float
    # (2, f) lowest and highest value of each column
    limits: Matrix = field(default_factory=UNLIMITED.copy)
    _by_value: Scores = field(init=False, repr=False)  # (f,) ``weights / scale``

    def __post_init__(self) -> None:
        each = np.broadcast_to(self.limits, (2, len(self.weights)))
        object.__setattr__(self, "limits", np.ascontiguousarray(each, np.float32))
        object.__setattr__(self, "_by_value", self.weights / self.scale)

    def standardise(self, features: Matrix) -> NDArray[np.float64]:
        """Return the columns within their limits as z-scores, (n, f); 0 for missing values."""
        within = np.clip(features.astype(np.float64), *self.limits)
        return np.nan_to_num((within - self.mean) / self.scale)

    def score(self, features: Matrix) -> Scores:
        """Return log odds, (n,): their order is that of the probability.

        Raises:
            ValueError: there is not one column for each weight.
        """
        if features.shape[1] != len(self.weights):
            raise ValueError(f"{features.shape[1]} columns for {len(self.weights)} weights")
        columns = np.ascontiguousarray(features.T, np.float32)
        return linear_scores(columns, self.mean, self._by_value, self.limits, self.bias)

    def contributions(self, features: Matrix) -> Parts:
        """Return what each column adds to the log odds, (n, f + 1); the bias is the last one."""
        parts = self.standardise(features) * self.weights
        return np.column_stack([parts, np.full(len(parts), self.bias)])

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns, (f,)."""
        return column_names(FINE_VIEW)[: len(self.weights)]

    def write(self, folder: Path, stem: str) -> None:
        """Write ``<stem>.json``, one object a column; a limit that is null does not limit."""
        values = (self.mean, self.scale, self.weights, *self.limits)
        columns = [
            {"name": name, **dict(zip(STORED, row, strict=True))}
            for name, *row in zip(self.columns, *(each.tolist() for each in values), strict=True)
        ]
        stored = {"columns": columns, "bias": self.bias}
        (folder / f"{stem}.json").write_bytes(orjson.dumps(stored, option=orjson.OPT_INDENT_2))

    @classmethod
    def read(cls, folder: Path, stem: str) -> Self:
        """Read what ``write`` wrote; a model of an earlier version has no limits.

        Raises:
            OSError: there is no such file.
            ValueError: it is damaged.
            KeyError: all of its columns or its bias are absent.
        """
        stored = orjson.loads((folder / f"{stem}.json").read_bytes())
        columns = stored["columns"]
        mean, scale, weights, low, high = (
            np.array([column.get(key) for column in columns], np.float32) for key in STORED
        )
        if not np.isfinite([mean, scale, weights]).all():
            raise ValueError(f"{stem}.json: a column lacks its mean, scale or weight")
        limits = np.stack([np.nan_to_num(low, nan=-np.inf), np.nan_to_num(high, nan=np.inf)])
        return cls(mean, scale, weights, float(stored["bias"]), limits)

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
