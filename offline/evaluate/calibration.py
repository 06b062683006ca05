"""Do scores tell probabilities? Mapped on the outcomes of half of the users, judged on the rest.

Rankers are trained for order: the coarse one on a sample of the negatives, the fine one on pairs.
An isotonic map (Zadrozny, Elkan: Transforming classifier scores into accurate multiclass
probability estimates, 2002) turns scores into shares taken; each half maps the other.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.isotonic import IsotonicRegression

from app.contracts import Candidates
from offline.evaluate.figures import Calibration, CalibrationPoint
from offline.evaluate.funnel_answers import FunnelAnswers
from offline.training.replay import label_rows

BINS = 10  # of equal counts, as deciles of the prediction
LOG_ODDS = frozenset({"coarse"})  # stages whose scores are log odds as they come

Floats = NDArray[np.float64]


def compute_calibrations(asked: FunnelAnswers) -> list[Calibration]:
    """Judge the candidates that each ranking stage let through; nothing for a single user."""
    pools = {
        "coarse": [slate.coarse for slate in asked.slates],
        "fine": [slate.fine for slate in asked.slates],
    }
    half = np.random.default_rng(asked.seed).permutation(len(asked)) % 2
    judged = [_judge(stage, pools[stage], asked, half) for stage in pools]
    return [figure for figure in judged if figure]


def _judge(
    stage: str, pools: list[Candidates], asked: FunnelAnswers, half: NDArray[np.int64]
) -> Calibration | None:
    scores = np.concatenate([pool.scores for pool in pools]).astype(np.float64)
    taken = np.concatenate(
        [
            label_rows(pool.rows, user.relevant)
            for pool, user in zip(pools, asked.users, strict=True)
        ]
    ).astype(np.float64)
    side = np.repeat(half, [len(pool) for pool in pools])
    if len(np.unique(side)) < len((0, 1)):
        return None
    predicted = np.empty(len(scores))
    for own, other in ((0, 1), (1, 0)):
        mapped = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip")
        mapped.fit(scores[side == other], taken[side == other])
        predicted[side == own] = mapped.predict(scores[side == own])
    points = binned(predicted, taken)
    return Calibration(
        stage=stage,
        points=points,
        error=error(points),
        raw_error=error(binned(expit(scores), taken)) if stage in LOG_ODDS else None,
        taken=float(taken.mean()),
    )


def binned(predicted: Floats, taken: Floats) -> list[CalibrationPoint]:
    """Group candidates (n,) by prediction into ten of equal counts, lowest first."""
    order = np.argsort(predicted, kind="stable")
    return [
        CalibrationPoint(
            predicted=float(predicted[part].mean()),
            observed=float(taken[part].mean()),
            count=len(part),
        )
        for part in np.array_split(order, BINS)
        if len(part)
    ]


def error(points: list[CalibrationPoint]) -> float:
    """Give the expected calibration error (Naeini, Cooper, Hauskrecht, 2015), by equal counts."""
    total = sum(point["count"] for point in points)
    distance = sum(abs(p["predicted"] - p["observed"]) * p["count"] for p in points)
    return distance / total
