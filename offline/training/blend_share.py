"""Learns how fast the fine ranker's listwise model takes over as a user's history grows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.contracts import Scores
from app.rank.gbdt import GradientBoosting
from app.rank.pointwise_listwise import EVENTS_COLUMN, HALF, Growth
from offline.evaluate.metrics import grouped_ndcg
from offline.training.rank_table import RankTable

HALVES = (2.5, 5.0, 10.0, HALF, 40.0, 80.0, 160.0)  # events at which both models may count half
FEWEST = 30  # pools of users with a history, below which a standard error says little
ERRORS = 2.0  # standard errors by which another must be better; at 1 noise moves it

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Predicted:
    """A held-out window of users with a history, and what models that never saw it say of it."""

    table: RankTable  # every group holds something taken
    pointwise: Scores  # (m,)
    listwise: Scores  # (m,)


def predicted(
    held_out: RankTable, pointwise: GradientBoosting, listwise: GradientBoosting, trees: int
) -> Predicted:
    """Score a window by both models; strangers, whom only one of them ranks, are left out."""
    owner = np.repeat(np.arange(len(held_out.groups)), held_out.groups)
    told = np.bincount(owner, held_out.labels > 0, minlength=len(held_out.groups)) > 0
    known = np.nan_to_num(held_out.features[:, EVENTS_COLUMN]) > 0
    table = held_out.take(np.flatnonzero(told[owner] & known))
    if not len(table):
        nothing = np.empty(0, np.float32)
        return Predicted(table, nothing, nothing)
    scores = (member.score(table.features, trees) for member in (pointwise, listwise))
    return Predicted(table, *scores)


def fit_growth(windows: Sequence[Predicted]) -> Growth:
    """Choose of ``HALVES`` by the mean NDCG@10 of held-out pools; ``HALF`` unless it is worse.

    Taken is the one nearest to ``HALF`` that is not worse than the best by more than ``ERRORS``
    standard errors of their difference, pool by pool (after the 1-SE rule: Breiman
    et al.: Classification and regression trees, 1984). Of fewer than ``FEWEST``
    pools nothing is learned.
    """
    judged = np.stack([_judged(windows, half) for half in HALVES])
    judged = judged[:, np.isfinite(judged).all(axis=0)]  # not where nothing was taken
    pools = judged.shape[1]
    if pools < FEWEST:
        return Growth(pools=pools)
    best = judged[int(np.argmax(judged.mean(axis=1)))]
    near = [at for at, one in enumerate(judged) if _as_good(one, best)]
    chosen = min(near, key=lambda at: abs(np.log(HALVES[at] / HALF)))
    gains = judged[chosen] - judged[HALVES.index(HALF)]
    return Growth(HALVES[chosen], pools, float(gains.mean()), _error(gains))


def _judged(windows: Sequence[Predicted], half: float) -> Floats:
    """Give NDCG@10 of every pool of all windows, (g,), if both models counted half there."""
    return np.concatenate([np.empty(0), *(_ndcg(one, half) for one in windows if len(one.table))])


def _ndcg(window: Predicted, half: float) -> Floats:
    share = Growth(half).share(window.table.features)
    blended = (1 - share) * window.pointwise + share * window.listwise
    return grouped_ndcg(window.table.groups, window.table.labels, blended).astype(np.float64)


def _as_good(one: Floats, best: Floats) -> bool:
    behind = best - one
    return bool(behind.mean() <= ERRORS * _error(behind))


def _error(differences: Floats) -> float:
    """Give the standard error of the mean."""
    return float(differences.std(ddof=1) / np.sqrt(len(differences)))


def sentence(growth: Growth) -> str:
    """Say what was learned, and from what."""
    half = f"Both models of the fine ranker count half at {growth.half:g} events of history"
    if growth.pools < FEWEST:
        return (
            f"{half}, as is usual: {growth.pools} held-out pools of users with a history are too "
            f"few to learn it from ({FEWEST} needed)."
        )
    if growth.half == HALF:
        return (
            f"{half}: on {growth.pools} held-out pools no other was better by two standard errors."
        )
    return (
        f"{half}, learned on {growth.pools} held-out pools: NDCG@10 {growth.gain:+.4f} against "
        f"{HALF:g} events (standard error {growth.error:.4f})."
    )
