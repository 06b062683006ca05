import lightgbm
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from app.contracts import Scorer
from app.features.views import FINE_VIEW, column_names
from app.rank.gbdt import GradientBoosting
from app.rank.logistic import Logistic
from app.rank.pointwise_listwise import Growth, PointwiseListwiseBlend

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
    boosters = (lightgbm.train(parameters | {"seed": s}, data, 10) for s in (1, 2))
    return GradientBoosting(coarse(), tuple(boosters))


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


def test_scores_are_those_of_the_linear_model_and_what_the_mean_booster_adds(fine):
    holes = np.where(RANDOM.random(FEATURES.shape) < 0.3, np.float32(np.nan), FEATURES)
    scores = fine.score(holes)
    assert scores.dtype == np.float32
    added = np.mean([booster.predict(holes) for booster in fine.boosters], axis=0)
    assert scores == pytest.approx(fine.base.score(holes) + added, rel=1e-4, abs=1e-4)
    added = np.mean([booster.predict(holes, num_iteration=3) for booster in fine.boosters], axis=0)
    few = fine.base.score(holes) + added
    assert fine.score(holes, 3) == pytest.approx(few, rel=1e-4, abs=1e-4)


class Constant:
    """Stands in for a model whose score is known."""

    def __init__(self, value):
        self.value = value

    def score(self, features, trees=-1):
        return np.full(len(features), self.value + trees / 100, np.float32)


@pytest.mark.parametrize(("events", "share"), [(0, 0.0), (20, 0.5), (60, 0.75), (380, 0.95)])
def test_the_longer_the_history_the_more_the_listwise_model_counts(events, share):
    features = np.zeros((3, len(column_names(FINE_VIEW))), np.float32)
    features[:, column_names(FINE_VIEW).index("user_events")] = np.log1p(events)
    both = PointwiseListwiseBlend(Constant(-1.0), Constant(3.0))
    assert both.score(features, 0) == pytest.approx(np.full(3, -1 + 4 * share), abs=1e-4)
    assert both.score(features, 7) == pytest.approx(np.full(3, -0.93 + 4 * share), abs=1e-4)
    assert both.score(features[:0]).shape == (0,)


@pytest.mark.parametrize(("half", "share"), [(5.0, 0.8), (20.0, 0.5), (80.0, 0.2)])
def test_how_fast_it_grows_is_data_and_shown_in_the_trace(half, share):
    features = np.zeros((2, len(column_names(FINE_VIEW))), np.float32)
    features[:, column_names(FINE_VIEW).index("user_events")] = np.log1p(20)
    both = PointwiseListwiseBlend(Constant(-1.0), Constant(3.0), Growth(half))
    assert both.score(features, 0) == pytest.approx(np.full(2, -1 + 4 * share), abs=1e-4)
    assert both.part_weights(features) == pytest.approx(
        {"pointwise": 1 - share, "listwise": share}, abs=1e-4
    )


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
