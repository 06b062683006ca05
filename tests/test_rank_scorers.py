import lightgbm
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from app.contracts import Scorer
from app.rank.fine import Fine
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


@pytest.fixture(scope="module")
def fine():
    data = lightgbm.Dataset(FEATURES, LABELS, group=[40] * 10, params={"verbosity": -1})
    parameters = {"objective": "lambdarank", "verbosity": -1, "num_threads": 1, "min_data": 5}
    return Fine(coarse(), lightgbm.train(parameters, data, 10))


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


def test_scoring_leaves_the_features_as_they_were():
    features = FEATURES.copy()
    features[0, 0] = np.nan
    before = features.tobytes()
    coarse().score(features)
    assert features.tobytes() == before


def test_fine_scores_are_log_odds_and_what_the_trees_add(fine):
    holes = np.where(RANDOM.random(FEATURES.shape) < 0.3, np.float32(np.nan), FEATURES)
    scores = fine.score(holes)
    assert scores.dtype == np.float32
    assert scores == pytest.approx(
        fine.start.score(holes) + fine.booster.predict(holes), rel=1e-4, abs=1e-4
    )
    few = fine.start.score(holes) + fine.booster.predict(holes, num_iteration=3)
    assert fine.score(holes, 3) == pytest.approx(few, rel=1e-4, abs=1e-4)


def test_fine_puts_what_was_taken_before_what_was_not(fine):
    scores = fine.score(FEATURES)
    assert scores[LABELS == 1].mean() > scores[LABELS == 0].mean()


@pytest.mark.parametrize("n", [0, 1, 17])
def test_every_scorer_gives_one_score_for_each_row_whatever_the_others(fine, n):
    scorer: Scorer
    for scorer in (coarse(), fine):
        scores = scorer.score(FEATURES[:n])
        assert scores.shape == (n,)
        assert scores.dtype == np.float32
        assert scores == pytest.approx(scorer.score(FEATURES)[:n], rel=1e-5, abs=1e-5)
