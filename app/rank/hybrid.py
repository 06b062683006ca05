"""Hybrid ranking: columns weighed against one another, by how much is known of the user."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson
from numpy.typing import NDArray

from app.contracts import Matrix, Scores
from app.features.views import FINE_VIEW, column_names

HYBRID = "hybrid.json"  # in a bundle; there it stands in for the fine ranker
EVENTS_COLUMN = "user_events"  # the column of history length: log1p of the number of events


@dataclass(frozen=True, slots=True, eq=False)
class HybridScorer:
    """A weighted sum of standardised columns; a missing value counts as the mean.

    Weights are given at some lengths of history and interpolated between them, on a logarithmic
    scale; outside, the nearest hold. Row by row: a pool of any size gives an item the same score.
    """

    kind: str  # "weighted", "learned", "adaptive", "switching" or "combined"
    columns: tuple[str, ...]  # (c,) of the fine view
    mean: Scores  # (c,)
    scale: Scores  # (c,) standard deviation, never 0
    lengths: Scores  # (b,) ascending: events known of the user
    weights: Matrix  # (b, c)

    def score(self, features: Matrix) -> Scores:
        """Give weighted sums, (n,); ``features`` are the columns of the fine view."""
        standard, shares = (
            self.standardise(features),
            self._shares(features[:, _place(EVENTS_COLUMN)]),
        )
        sums = [np.vecdot(standard, weights) for weights in self.weights.astype(np.float64)]
        scores: Scores = np.vecdot(np.stack(sums, axis=1), shares).astype(np.float32)
        return scores

    def part_weights(self, features: Matrix) -> dict[str, float]:
        """Say how much each column counts for the user whose pool this is."""
        shares = self._shares(features[:1, _place(EVENTS_COLUMN)])
        weights = shares.sum(axis=0) @ self.weights.astype(np.float64)
        return dict(zip(self.columns, weights.tolist(), strict=True))

    def standardise(self, features: Matrix) -> NDArray[np.float64]:
        """Choose the columns and standardise them, (n, c); a missing value is 0."""
        known = features[:, [_place(name) for name in self.columns]].astype(np.float64)
        return np.nan_to_num((known - self.mean) / self.scale)

    def _shares(self, events: Scores) -> NDArray[np.float64]:
        """Say how much the weights at each length count for users of so many events, (n, b)."""
        points = np.log1p(self.lengths.astype(np.float64))
        return np.stack([np.interp(events, points, one) for one in np.eye(len(points))], axis=1)

    def column_shares(self) -> Scores:
        """Give each column's share of all weights, over the whole fine view, (f,)."""
        size = np.abs(self.weights).mean(axis=0)
        share = dict(zip(self.columns, size / max(float(size.sum()), 1e-9), strict=True))
        return np.array([share.get(name, 0.0) for name in column_names(FINE_VIEW)], np.float32)


def _place(column: str) -> int:
    return column_names(FINE_VIEW).index(column)


def write_hybrid(hybrid: HybridScorer, path: Path) -> None:
    """Write it as JSON, one object a column."""
    columns = [
        {"name": name, "mean": float(mean), "scale": float(scale), "weights": weights.tolist()}
        for name, mean, scale, weights in zip(
            hybrid.columns, hybrid.mean, hybrid.scale, hybrid.weights.T, strict=True
        )
    ]
    stored = {"kind": hybrid.kind, "lengths": hybrid.lengths.tolist(), "columns": columns}
    path.write_bytes(orjson.dumps(stored, option=orjson.OPT_INDENT_2))


def read_hybrid(path: Path) -> HybridScorer:
    """Read what ``write_hybrid`` wrote.

    Raises:
        OSError: there is no such file.
        ValueError: it is damaged.
        KeyError: a part of it is absent.
    """
    stored = orjson.loads(path.read_bytes())
    columns = stored["columns"]
    mean, scale, weights = (
        np.array([column[key] for column in columns], np.float32)
        for key in ("mean", "scale", "weights")
    )
    named = tuple(column["name"] for column in columns)
    lengths = np.array(stored["lengths"], np.float32)
    return HybridScorer(stored["kind"], named, mean, scale, lengths, weights.T)
