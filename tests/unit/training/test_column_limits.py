"""The limits of the columns of linear models: a column that drifts with time ends earlier."""

import numpy as np

from offline.training.linear import find_drifting, fit_logistic


def columns(rows=4_000):
    """Two columns that do not drift, one with rare large values, and one that grows; a gap."""
    random = np.random.default_rng(0)
    steady, growing = random.normal(size=rows), random.normal(size=rows) + np.arange(rows) / 500
    skewed = random.exponential(size=rows) ** 3
    empty = np.full(rows, np.nan)
    return np.stack([steady, skewed, growing, empty], axis=1).astype(np.float32)


def test_only_the_column_that_grows_with_time_drifts():
    assert find_drifting(columns()).tolist() == [False, False, True, False]


def test_nothing_drifts_in_one_row():
    assert not find_drifting(columns()[:1]).any()


def test_a_drifting_column_ends_at_the_middle_99_percent_and_others_at_their_ends():
    features = columns()
    model = fit_logistic(features, features[:, 0] > 0, 1.0)
    for n in (0, 1):
        assert model.limits[:, n].tolist() == [features[:, n].min(), features[:, n].max()]
    lowest, highest = model.limits[:, 2]
    beyond = (features[:, 2] < lowest).mean(), (features[:, 2] > highest).mean()
    assert np.allclose(beyond, 0.005, atol=0.001)


def test_an_outlier_does_not_make_the_rest_of_its_column_alike():
    features = columns()
    features[5, 0], features[6, 1] = 1e6, -1e6
    model = fit_logistic(features, features[:, 0] > 0, 1.0)
    assert model.limits[0, 0] == features[:, 0].min()
    assert 2.4 < model.limits[1, 0] < 2.8
    assert 0.0 <= model.limits[0, 1] < 0.01
