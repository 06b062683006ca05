"""The compiled loops of the user's features against numpy, and as plain Python."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernels.user_features import (
    category_affinity,
    category_lift,
    habit_features,
    release_features,
    user_features,
)

N, DAY = 30, 86_400.0
seeds, lengths = st.integers(0, 999), st.integers(1, 12)


def both(kernel, *arguments):
    """Return the result of the compiled function, which the plain one computes too."""
    compiled = kernel(*arguments)
    with np.errstate(all="ignore"):
        plain = kernel.python(*arguments)
    np.testing.assert_allclose(compiled, plain, rtol=1e-6, atol=1e-7)
    return compiled


def world(seed, n_events):
    """Return random categories of all items, the items of events, and the rows of a pool."""
    random = np.random.default_rng(seed)
    categories = (random.random((N, 4)) < 0.3).astype(np.uint8)
    events = random.integers(0, N, n_events)
    return random, categories, events, random.permutation(N)[: random.integers(0, N)]


def means(categories, values):
    """Return the mean value over the categories of each item; 0 for an item without any."""
    return categories @ values / np.maximum(categories.sum(axis=1), 1)


@given(seeds, lengths)
def test_the_lift_is_that_of_the_shares_and_unknown_without_categories(seed, n_events):
    random, categories, events, rows = world(seed, n_events)
    shares = random.random(4)
    counts = categories[events].sum(axis=0)
    (lift,) = both(category_lift, categories, shares, events, rows)
    if counts.any():
        expected = np.log((counts / counts.sum() + 0.01) / (shares + 0.01))
        assert lift == pytest.approx(means(categories[rows], expected), abs=1e-5)
    else:
        assert np.isnan(lift).all()


@given(seeds, lengths)
def test_the_value_of_a_category_is_shrunk_to_the_mean_of_the_user(seed, n_events):
    random, categories, events, rows = world(seed, n_events)
    values, recent = random.integers(1, 6, n_events).astype(np.float32), events[:3]
    value, share = both(category_affinity, categories, events, values, 3.0, recent, rows)
    total = (values - values.mean()) @ categories[events]
    by_category = total / (categories[events].sum(axis=0) + 3.0)
    assert value == pytest.approx(means(categories[rows], by_category), abs=1e-5)
    expected = means(categories[rows], categories[recent].mean(axis=0))
    assert share == pytest.approx(expected, abs=1e-6)


@given(seeds, lengths)
def test_habits_are_the_popularity_the_age_and_the_breadth_of_likes(seed, n_events):
    random, categories, events, rows = world(seed, n_events)
    liked, now = random.random((N, 2)) * 50, 1e6
    first = np.where(random.random(N) < 0.2, np.inf, random.random(N) * now)
    times = random.random(n_events) * now
    columns = both(habit_features, liked, first, categories, events, times, now, rows)
    popularity, ages = np.log1p(liked[:, 1]), np.log1p(np.maximum(times - first[events], 0) / DAY)
    age = np.log1p(np.where(np.isinf(first), np.nan, (now - np.minimum(first, now)) / DAY))
    counts = categories[events].sum(axis=0)
    share = counts[counts > 0] / counts.sum()
    breadth = np.exp(-(share * np.log(share)).sum()) if counts.any() else np.nan
    expected = [
        np.full(len(rows), popularity[events].mean()),
        np.abs(popularity - popularity[events].mean())[rows],
        np.abs(age - ages.mean())[rows],
        np.full(len(rows), breadth),
    ]
    np.testing.assert_allclose(columns, expected, rtol=1e-5, atol=1e-5)


@given(seeds, st.integers(0, 12))
def test_release_years_are_compared_where_they_are_known(seed, n_events):
    random, _, events, rows = world(seed, n_events)
    released = random.integers(1950, 2020, N).astype(np.float32)
    released[random.random(N) < 0.3] = np.nan
    since, distance = both(release_features, released, events, 2020.5, rows)
    known = released[events][np.isfinite(released[events])]
    mean = known.mean() if len(known) else np.nan
    np.testing.assert_allclose(since, 2020.5 - released[rows], rtol=1e-6)
    np.testing.assert_allclose(distance, np.abs(released[rows] - mean), rtol=1e-4, atol=1e-3)


@given(seeds, lengths)
def test_the_features_of_a_user_describe_the_history(seed, n_events):
    random = np.random.default_rng(seed)
    values = random.integers(1, 6, n_events).astype(np.float32)
    weights = random.integers(-1, 2, n_events).astype(np.float32)
    times = np.sort(random.random(n_events) * 5 * DAY)[::-1].copy()
    now = times[0] + random.integers(-1, 2) * DAY
    assert both(user_features, values, weights, times, now) == pytest.approx(
        [
            np.log1p(n_events),
            (weights > 0).mean(),
            values.mean(dtype=np.float64),
            np.log1p((times[0] - times[-1]) / DAY),
            np.log1p(max(now - times[0], 0) / DAY),
            np.log1p((times >= times[0] - DAY).sum()),
        ]
    )
