"""Hybrid rankers: weighted sums of columns, whose weights can change with the user's history."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import orjson
from numpy.typing import NDArray

from app.contracts import Matrix, Scores
from app.features.views import FINE_VIEW, column_names
from app.rank.scorer import RankerSummary

EVENTS_COLUMN = "user_events"  # log1p of the number of events of the user


@dataclass(frozen=True, slots=True, eq=False)
class HybridModel:
    """A weighted sum of standardised columns; a missing value counts as the mean.

    ``score(row) = Σ_c w_c(events) · (x_c - mean_c) / scale_c``

    Weights are stored for some lengths of history. Between two lengths they are interpolated on
    a logarithmic scale; outside, those of the nearest length hold. A row has the same score in
    every pool.
    """

    columns: tuple[str, ...]  # (c,) of the fine view
    mean: Scores  # (c,)
    scale: Scores  # (c,) standard deviation, never 0
    lengths: Scores  # (b,) ascending: events of the user
    weights: Matrix  # (b, c)

    def score(self, features: Matrix) -> Scores:
        """Return weighted sums, (n,); ``features`` are the columns of the fine view."""
        standardised = self.standardise(features)
        shares = self._length_shares(features[:, _index(EVENTS_COLUMN)])
        sums = [np.vecdot(standardised, weights) for weights in self.weights.astype(np.float64)]
        scores: Scores = np.vecdot(np.stack(sums, axis=1), shares).astype(np.float32)
        return scores

    def part_weights(self, features: Matrix) -> dict[str, float]:
        """Return how much each column counts for the user whose pool this is."""
        shares = self._length_shares(features[:1, _index(EVENTS_COLUMN)])
        weights = shares.sum(axis=0) @ self.weights.astype(np.float64)
        return dict(zip(self.columns, weights.tolist(), strict=True))

    def standardise(self, features: Matrix) -> NDArray[np.float64]:
        """Return the model's columns, standardised, (n, c); a missing value is 0."""
        chosen = features[:, [_index(name) for name in self.columns]].astype(np.float64)
        return np.nan_to_num((chosen - self.mean) / self.scale)

    def _length_shares(self, events: Scores) -> NDArray[np.float64]:
        """Return how much the weights at each length count for users of so many events, (n, b)."""
        points = np.log1p(self.lengths.astype(np.float64))
        return np.stack([np.interp(events, points, unit) for unit in np.eye(len(points))], axis=1)

    def write(self, folder: Path, stem: str) -> None:
        """Write ``<stem>.json``, one object a column."""
        columns = [
            {"name": name, "mean": float(mean), "scale": float(scale), "weights": weights.tolist()}
            for name, mean, scale, weights in zip(
                self.columns, self.mean, self.scale, self.weights.T, strict=True
            )
        ]
        stored = {"lengths": self.lengths.tolist(), "columns": columns}
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
        columns = stored["columns"]
        mean, scale, weights = (
            np.array([column[key] for column in columns], np.float32)
            for key in ("mean", "scale", "weights")
        )
        lengths = np.array(stored["lengths"], np.float32)
        return cls(tuple(column["name"] for column in columns), mean, scale, lengths, weights.T)

    def describe(self) -> RankerSummary:
        """Return each column's share of all weights, over the whole fine view."""
        sizes = np.abs(self.weights).mean(axis=0)
        shares = dict(zip(self.columns, sizes / max(float(sizes.sum()), 1e-9), strict=True))
        return RankerSummary(
            {name: float(shares.get(name, 0.0)) for name in column_names(FINE_VIEW)},
            size=self.weights.nbytes,
        )

    def verify(self, columns: Sequence[str]) -> None:
        """Check that the view has every column of the model.

        Raises:
            ValueError: one is absent.
        """
        absent = {*self.columns, EVENTS_COLUMN}.difference(columns)
        if absent:
            raise ValueError(f"the hybrid reads the column {min(absent)}, which the view lacks")


def _index(column: str) -> int:
    return column_names(FINE_VIEW).index(column)
