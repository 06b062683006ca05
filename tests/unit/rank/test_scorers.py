"""Each scorer against the formula or the library it stands for."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from app.contracts import SESSION_LENGTH
from app.features.views import FINE_VIEW, column_names
from app.rank.logistic import Logistic
from app.rank.objectives import ObjectiveBlend
from app.rank.pointwise_listwise import (
    FIRST_LIST_SHARE,
    HALF_SHARE_EVENTS,
    VISIT_SHARE,
    PointwiseListwiseBlend,
)
from app.rank.scorer import MatrixScorer, compute_contributions
from tests.fakes import pool, query

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


def test_the_parts_of_a_score_add_up_to_it_and_a_missing_value_has_none():
    holes = np.where(RANDOM.random(FEATURES.shape) < 0.3, np.float32(np.nan), FEATURES)
    parts = compute_contributions(MatrixScorer(coarse()), holes)
    assert parts is not None
    assert parts.shape == (len(holes), holes.shape[1] + 1)
    assert parts.sum(axis=1) == pytest.approx(coarse().score(holes), abs=1e-4)
    assert (parts[:, :-1][np.isnan(holes)] == 0).all()


def test_a_blend_of_standardised_scores_has_no_parts():
    blend = ObjectiveBlend({"a": MatrixScorer(coarse())}, {"a": 1.0})
    assert compute_contributions(blend, FEATURES) is None


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


def test_a_value_beyond_the_limits_counts_as_the_nearest_of_them():
    limits = np.stack([FEATURES.min(0), FEATURES.max(0)])
    model = replace(coarse(), limits=limits)
    beyond = FEATURES + np.float32(1000.0)
    assert (model.score(beyond) == model.score(limits[1:])).all()
    assert (model.score(FEATURES) == coarse().score(FEATURES)).all()


def test_scoring_leaves_the_features_as_they_were():
    features = FEATURES.copy()
    features[0, 0] = np.nan
    before = features.tobytes()
    coarse().score(features)
    assert features.tobytes() == before


class Constant:
    """Stands in for a model whose score is known."""

    def __init__(self, value):
        self.value = value

    def score(self, features, trees=-1):
        return np.full(len(features), self.value + trees / 100, np.float32)


@pytest.mark.parametrize(("events", "share"), [(0, 0.0), (20, 0.25), (60, 0.375), (380, 0.475)])
def test_the_longer_the_history_the_more_the_listwise_model_counts(events, share):
    features = np.zeros((3, len(column_names(FINE_VIEW))), np.float32)
    features[:, column_names(FINE_VIEW).index("user_events")] = np.log1p(events)
    both = PointwiseListwiseBlend(Constant(-1.0), Constant(3.0))
    assert both.score(features, 0) == pytest.approx(np.full(3, -1 + 4 * share), abs=1e-4)
    assert both.score(features, 7) == pytest.approx(np.full(3, -0.93 + 4 * share), abs=1e-4)
    assert both.score(features[:0]).shape == (0,)


def test_the_listwise_model_has_half_of_its_largest_share_at_the_documented_number_of_events():
    features = np.zeros((2, len(column_names(FINE_VIEW))), np.float32)
    features[:, column_names(FINE_VIEW).index("user_events")] = np.log1p(HALF_SHARE_EVENTS)
    both = PointwiseListwiseBlend(Constant(-1.0), Constant(3.0))
    weights = {"pointwise": 1 - VISIT_SHARE / 2, "listwise": VISIT_SHARE / 2}
    assert both.part_weights(features) == pytest.approx(weights, abs=1e-4)


@pytest.mark.parametrize(
    ("seconds", "share"),
    [
        (0.0, VISIT_SHARE),
        (0.9 * SESSION_LENGTH, VISIT_SHARE),
        (1.1 * SESSION_LENGTH, FIRST_LIST_SHARE),
        (1e7, FIRST_LIST_SHARE),
        (np.nan, VISIT_SHARE),  # nothing is known of times
    ],
)
def test_the_listwise_model_counts_more_after_a_pause_than_within_a_visit(seconds, share):
    features = np.zeros((2, len(column_names(FINE_VIEW))), np.float32)
    features[:, column_names(FINE_VIEW).index("user_events")] = np.log1p(HALF_SHARE_EVENTS)
    features[:, column_names(FINE_VIEW).index("user_gap")] = np.log1p(seconds / 86_400)
    both = PointwiseListwiseBlend(Constant(-1.0), Constant(3.0))
    assert both.score(features) == pytest.approx(np.full(2, -1.01 + 4 * share / 2), abs=0.02)


WEIGHTS_AB = {"a": 1.0, "b": 0.5}


class Column:
    """Scores by one column, and counts how often it is asked."""

    def __init__(self, column, factor=1.0):
        self.column, self.factor, self.asked = column, factor, 0

    def score(self, _query, pool, /):
        self.asked += 1
        return (self.factor * pool.features[:, self.column]).astype(np.float32)


def with_features(features):
    return replace(pool(*range(len(features))), features=features)


def score(scorer, features):
    return scorer.score(query(), with_features(features))


def test_a_blend_is_the_weighted_sum_of_standardised_scores():
    features = np.random.default_rng(0).standard_normal((50, 2)).astype(np.float32)
    features[:, 1] = features[:, 1] * 1e4 + 7
    one = ObjectiveBlend({"a": Column(0), "b": Column(1)}, {"a": 1.0, "b": 0.5})
    expected = sum(
        weight * (x - x.mean()) / x.std()
        for x, weight in zip(features.T.astype(np.float64), (1.0, 0.5), strict=True)
    )
    assert score(one, features) == pytest.approx(expected, abs=1e-5)
    assert score(one, features).dtype == np.float32


def test_the_unit_of_a_models_scores_does_not_matter():
    features = np.random.default_rng(0).standard_normal((50, 2)).astype(np.float32)
    by = [
        score(ObjectiveBlend({"a": Column(0), "b": Column(1, factor)}, WEIGHTS_AB), features)
        for factor in (1.0, 1e3)
    ]
    assert by[0] == pytest.approx(by[1], abs=1e-4)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_the_smallest_pools_and_equal_scores_are_no_trouble(n):
    scores = score(ObjectiveBlend({"a": Column(0)}, {"a": 1.0}), np.ones((n, 1), np.float32))
    assert scores.tolist() == [0.0] * n


def test_a_model_that_counts_nothing_is_not_asked():
    idle, asked = Column(0), Column(1)
    one = ObjectiveBlend({"a": idle, "b": asked}, {"a": 0.0, "b": 1.0})
    score(one, np.ones((3, 2), np.float32))
    assert (idle.asked, asked.asked) == (0, 1)


def test_other_weights_may_count_and_those_not_told_stay():
    one = ObjectiveBlend({"a": Column(0), "b": Column(1)}, {"a": 1.0, "b": 0.5})
    assert one.with_weights({"b": 2.0, "c": 9.0}).weights == {"a": 1.0, "b": 2.0}
    assert one.weights == {"a": 1.0, "b": 0.5}
