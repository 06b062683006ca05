"""The logistic regression scores as scikit-learn does, and each row alone."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from app.rank.logistic import Logistic

RANDOM = np.random.default_rng(0)
FEATURES = (RANDOM.standard_normal((400, 6)) * [1, 10, 0.1, 1, 1, 1] + 3).astype(np.float32)
LABELS = (FEATURES[:, 0] - FEATURES[:, 3] + RANDOM.standard_normal(400) > 0).astype(np.int32)
SCALER = StandardScaler().fit(FEATURES)
MODEL = LogisticRegression().fit(SCALER.transform(FEATURES), LABELS)


def coarse():
    return Logistic(
        SCALER.mean_.astype(np.float32),
        SCALER.scale_.astype(np.float32),
        MODEL.coef_[0].astype(np.float32),
        float(MODEL.intercept_[0]),
    )


def test_coarse_scores_are_the_log_odds_of_the_library():
    expected = MODEL.decision_function(SCALER.transform(FEATURES))
    assert coarse().score(FEATURES) == pytest.approx(expected, rel=1e-3, abs=1e-4)


def test_a_missing_value_counts_as_the_mean():
    holes = np.where(RANDOM.random(FEATURES.shape) < 0.3, np.float32(np.nan), FEATURES)
    filled = np.where(np.isnan(holes), SCALER.mean_, holes)
    expected = MODEL.predict_proba(SCALER.transform(filled))[:, 1]
    scores = coarse().score(holes)
    gaps = np.diff(expected[np.argsort(scores)])
    assert np.all(gaps >= -1e-5)
    assert np.isfinite(scores).all()


def test_a_row_scores_the_same_to_the_bit_in_every_pool():
    features = RANDOM.standard_normal((307, 83)).astype(np.float32)
    features[RANDOM.random(features.shape) < 0.2] = np.nan
    mean, scale, weights = RANDOM.standard_normal((3, 83)).astype(np.float32)
    model = Logistic(mean, np.abs(scale) + np.float32(0.1), weights, 0.5)
    whole = model.score(features)
    assert whole.dtype == np.float32
    for start, end in ((0, 7), (3, 203), (1, 307), *((n, n + 1) for n in range(307))):
        part = model.score(np.ascontiguousarray(features[start:end]))
        assert part.tobytes() == whole[start:end].tobytes()


def test_scoring_leaves_the_features_as_they_were():
    features = FEATURES.copy()
    features[0, 0] = np.nan
    before = features.tobytes()
    coarse().score(features)
    assert features.tobytes() == before
