"""What a column may look at, and the arithmetic that several groups share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.artifacts import Models
from app.contracts import Candidates, History, Matrix, Query, Scores
from app.state.live import Live

Columns: TypeAlias = Sequence[NDArray[np.floating] | float]  # (n,) each; a float fills a column


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """All that a feature may look at: the models, the crowd, the user and the pool."""

    models: Models
    live: Live
    overall: Scores  # (n,) P(item) when the models were made
    crowd: NDArray[np.float64]  # (c,) share of all likes that fall into each category
    providers: NDArray[np.float64]  # (p,) share of the likes of items by each provider
    lengths: Scores  # (n,) of the items' factor vectors, never 0
    query: Query
    pool: Candidates


@dataclass(frozen=True, slots=True)
class Group:
    """Columns that are cheapest to fill together."""

    names: tuple[str, ...]
    fill: Callable[[Scene], Columns]


def standard(scores: NDArray[np.floating]) -> NDArray[np.floating]:
    """Give z-scores over the pool: raw scores of two users cannot be compared."""
    if not len(scores):
        return scores
    scaled: NDArray[np.floating] = (scores - scores.mean()) / max(float(scores.std()), 1e-9)
    return scaled


def nearness(scene: Scene, events: History) -> tuple[Matrix, Matrix]:
    """Give the cosine of each candidate to each event's item, by factors and content, (n, h)."""
    factors, content = scene.models.factors.items, scene.models.content.items
    rows, own = scene.pool.rows, scene.lengths
    near = _products(factors[rows], factors[events.rows] / own[events.rows, None])
    near /= own[rows, None]
    return near, _products(content[rows], content[events.rows])


def _products(candidates: Matrix, history: Matrix) -> Matrix:
    """Multiply the vector of each candidate with each of the history, (n, h); no columns: NaN.

    One small product for each candidate. In one large one BLAS would round a row differently in
    pools of different sizes, and serving would not compute what training saw.
    """
    if not candidates.shape[1]:
        return np.full((len(candidates), len(history)), np.nan, np.float32)
    products: Matrix = np.matmul(candidates[:, None, :], history.T)[:, 0]
    return products
