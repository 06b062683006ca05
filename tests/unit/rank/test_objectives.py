"""A blend adds up standardised scores by weights that can be changed."""

from dataclasses import replace

import numpy as np
import pytest

from app.features.views import FINE_VIEW, column_names
from app.rank.objectives import ObjectiveBlend
from offline.data.dataset import DataTraits
from offline.training.rankers import RankConfig
from tests.fakes import pool, query

WIDTH = len(column_names(FINE_VIEW))
AGE, GAP, MEAN = (column_names(FINE_VIEW).index(name) for name in ("age", "user_gap", "mean_value"))
QUICK = RankConfig(rounds=40, least_rounds=40, leaf_rows=5, learning_rate=0.1, held_out=0)
SEVERAL_KINDS = DataTraits(
    is_explicit=False, positive_at=4.0, has_times=True, positive_weights=(0.2, 1.0, 2.0)
)
ONE_KIND = DataTraits(is_explicit=True, positive_at=4.0, has_times=True)
NO_FEATURES = np.empty((0, WIDTH), np.float32)


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
