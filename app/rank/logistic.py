"""Logistic regression: the coarse ranker, and where the fine ranker's trees begin."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson

from app.contracts import Matrix, Scores


@dataclass(frozen=True, slots=True, eq=False)
class Logistic:
    """A logistic regression on standardised columns; a missing value counts as the mean."""

    mean: Scores  # (f,)
    scale: Scores  # (f,) standard deviation, never 0
    weights: Scores  # (f,)
    bias: float

    def score(self, features: Matrix) -> Scores:
        """Give log odds, (n,): the order is that of the probability.

        A row scores the same in every pool. A product by BLAS would round it differently in pools
        of different sizes.
        """
        apart = np.subtract(features, self.mean, dtype=np.float32)
        bits = apart.view(np.int32)
        bits *= apart == apart  # noqa: PLR0124 - only NaN is not itself; half the time of np.where
        scores: Scores = np.einsum("nf,f->n", apart, self.weights / self.scale)
        return scores + np.float32(self.bias)


def write_logistic(logistic: Logistic, columns: Sequence[str], path: Path) -> None:
    """Write it as JSON, one object a column."""
    stored = [
        {"name": name, "mean": float(mean), "scale": float(scale), "weight": float(weight)}
        for name, mean, scale, weight in zip(
            columns, logistic.mean, logistic.scale, logistic.weights, strict=True
        )
    ]
    told = {"columns": stored, "bias": logistic.bias}
    path.write_bytes(orjson.dumps(told, option=orjson.OPT_INDENT_2))


def read_logistic(path: Path) -> Logistic:
    """Read what ``write_logistic`` wrote.

    Raises:
        OSError: there is no such file.
        ValueError: it is damaged.
        KeyError: a part of it is absent.
    """
    stored = orjson.loads(path.read_bytes())
    mean, scale, weights = (
        np.array([column[key] for column in stored["columns"]], np.float32)
        for key in ("mean", "scale", "weight")
    )
    return Logistic(mean, scale, weights, float(stored["bias"]))
