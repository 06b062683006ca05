"""Measure whether scores predict probabilities: map on half of the users, evaluate on the rest.

Rankers are trained for order: the coarse one on a sample of the negatives, the fine one on pairs.
An isotonic map (Zadrozny, Elkan: Transforming classifier scores into accurate multiclass
probability estimates, 2002) turns scores into shares of positives. Each half of the users
maps the other.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.isotonic import IsotonicRegression

from app.contracts import Candidates
from offline.evaluate.figures import Calibration, CalibrationPoint
from offline.evaluate.funnel_answers import FunnelAnswers
from offline.training.past_requests import label_rows

BINS = 10  # bins of equal counts: the deciles of the prediction
LOG_ODDS_STAGES = frozenset({"coarse"})  # stages whose scores are log odds without a map


def compute_calibrations(answers: FunnelAnswers) -> list[Calibration]:
    """Evaluate the candidates that each ranking stage kept; return nothing for a single user."""
    pools = {
        "coarse": [run.coarse for run in answers.runs],
        "fine": [run.fine for run in answers.runs],
    }
    half = np.random.default_rng(answers.seed).permutation(len(answers)) % 2
    figures = [_calibration(stage, pools[stage], answers, half) for stage in pools]
    return [figure for figure in figures if figure]


def _calibration(
    stage: str, pools: list[Candidates], answers: FunnelAnswers, half: NDArray[np.int64]
) -> Calibration | None:
    scores = np.concatenate([pool.scores for pool in pools]).astype(np.float64)
    is_positive = np.concatenate(
        [
            label_rows(pool.rows, user.relevant)
            for pool, user in zip(pools, answers.users, strict=True)
        ]
    ).astype(np.float64)
    halves = np.repeat(half, [len(pool) for pool in pools])
    if len(np.unique(halves)) < len((0, 1)):
        return None
    predicted = np.empty(len(scores))
    for own, other in ((0, 1), (1, 0)):
        isotonic = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip")
        isotonic.fit(scores[halves == other], is_positive[halves == other])
        predicted[halves == own] = isotonic.predict(scores[halves == own])
    points = calibration_points(predicted, is_positive)
    raw = calibration_points(expit(scores), is_positive) if stage in LOG_ODDS_STAGES else None
    return Calibration(
        stage=stage,
        points=points,
        error=calibration_error(points),
        raw_error=calibration_error(raw) if raw else None,
        positive_share=float(is_positive.mean()),
    )


def calibration_points(
    predicted: NDArray[np.float64], is_positive: NDArray[np.float64]
) -> list[CalibrationPoint]:
    """Group candidates (n,) by prediction into ten bins of equal counts, lowest first."""
    order = np.argsort(predicted, kind="stable")
    return [
        CalibrationPoint(
            predicted=float(predicted[part].mean()),
            observed=float(is_positive[part].mean()),
            count=len(part),
        )
        for part in np.array_split(order, BINS)
        if len(part)
    ]


def calibration_error(points: list[CalibrationPoint]) -> float:
    """Return the expected calibration error (Naeini, Cooper, Hauskrecht, 2015) of the bins."""
    total = sum(point["count"] for point in points)
    distance = sum(abs(p["predicted"] - p["observed"]) * p["count"] for p in points)
    return distance / total
