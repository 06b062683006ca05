import numpy as np
import pytest
from scipy import stats

from offline.evaluate.intervals import Bootstrap

RANDOM = np.random.default_rng(7)
COLUMNS = RANDOM.gamma(2.0, size=(400, 2)) + np.array([0.5, 0.0])


def bounds(figure):
    return [figure["low"], figure["high"]]


def of_scipy(statistic, *samples):
    return stats.bootstrap(
        samples, statistic, paired=True, n_resamples=2_000, method="percentile", rng=3
    ).confidence_interval


def test_bounds_of_a_mean_are_those_of_scipy():
    figure = Bootstrap.of(COLUMNS, seed=1, resamples=2_000).mean(0)
    assert figure["mean"] == pytest.approx(COLUMNS[:, 0].mean())
    assert bounds(figure) == pytest.approx(of_scipy(np.mean, COLUMNS[:, 0]), abs=0.012)


def test_bounds_of_a_paired_difference_and_ratio_are_those_of_scipy():
    both = COLUMNS + 3 * RANDOM.random((400, 1))  # what the columns share must cancel
    bootstrap = Bootstrap.of(both, seed=1, resamples=2_000)
    left, right = both.T

    def difference(a, b, axis):
        return a.mean(axis) - b.mean(axis)

    def ratio(a, b, axis):
        return a.mean(axis) / b.mean(axis)

    assert bounds(bootstrap.difference(0, 1)) == pytest.approx(
        of_scipy(difference, left, right), abs=0.02
    )
    assert bounds(bootstrap.ratio(0, 1)) == pytest.approx(of_scipy(ratio, left, right), abs=0.01)


def test_a_95_percent_interval_holds_the_truth_in_about_95_of_100_samples():
    samples = [np.random.default_rng(seed).exponential(size=(60, 1)) for seed in range(100)]
    intervals = [bounds(Bootstrap.of(one, 1, resamples=200).mean(0)) for one in samples]
    assert 0.86 < np.mean([low <= 1.0 <= high for low, high in intervals]) < 0.99


def test_the_same_seed_gives_the_same_bounds_and_another_seed_others():
    first, again, other = (Bootstrap.of(COLUMNS, seed, 50).mean(0) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_few_users_at_a_time_give_the_same_bounds_as_all_at_once():
    whole = Bootstrap.of(COLUMNS, 1, 50)
    parts = Bootstrap.of(COLUMNS, 1, 50, weights_at_once=7 * len(COLUMNS))
    np.testing.assert_allclose(parts.resampled, whole.resampled)


def test_users_without_a_figure_are_left_out():
    half = np.array([[1.0, np.nan], [np.nan, np.nan], [3.0, np.nan]])
    bootstrap = Bootstrap.of(half, seed=1, resamples=200)
    assert bootstrap.mean(0) == {"mean": 2.0, "low": 1.0, "high": 3.0}
    assert bootstrap.mean(1) == {"mean": None, "low": None, "high": None}


def test_a_ratio_to_nothing_is_none():
    bootstrap = Bootstrap.of(np.array([[1.0, 0.0], [2.0, 0.0]]), seed=1, resamples=20)
    assert bootstrap.ratio(0, 1) == {"mean": None, "low": None, "high": None}


def test_without_users_there_is_no_figure():
    with pytest.raises(ValueError, match="no users to resample"):
        Bootstrap.of(np.empty((0, 1)), seed=1)
