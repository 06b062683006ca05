"""The compiled loops of the features: the same as plain Python, and right to the last digits."""

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from app.kernels import features
from app.kernels.features import linear_scores
from app.kernels.products import row_product
from app.kernels.similarity import (
    inner_products,
    mean_cosines,
    nearness_features,
    product_features,
)
from tests.tracing import compilation_traced

N, SIZE = 30, 11  # items, and dimensions that fill no whole vector of the processor


def world(seed):
    random = np.random.default_rng(seed)
    items = random.standard_normal((N, SIZE)).astype(np.float32)
    lengths = np.linalg.norm(items, axis=1).astype(np.float32)
    return random, items, lengths, random.permutation(N)[: random.integers(0, N)]


def both(kernel, *arguments):
    """Return the result of the compiled function, which the plain one computes too."""
    compiled = kernel(*arguments)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(compiled, kernel.python(*arguments))
    return compiled


@given(st.floats(1e-300, 1e300))
def test_the_logarithm_has_ten_digits(x):
    assert features.log(np.float64(x)) == pytest.approx(np.log(x), rel=1e-10, abs=1e-12)


@given(st.integers(0, 99), st.integers(1, 21))
def test_cosines_are_those_of_the_vectors(seed, n_events):
    random, items, lengths, rows = world(seed)
    events = random.integers(0, N, n_events)
    unit = items / lengths[:, None]
    cosines = unit[rows] @ unit[events].T
    spaces = (items, lengths, unit, rows, events)
    columns = both(nearness_features, *spaces)
    for last, of_five, of_all, mean in (columns[:4], columns[4:]):  # the same in both spaces
        assert last == pytest.approx(cosines[:, 0], abs=1e-5)
        assert of_five == pytest.approx(cosines[:, :5].max(axis=1, initial=-2), abs=1e-5)
        assert of_all == pytest.approx(cosines.max(axis=1, initial=-2), abs=1e-5)
        assert mean == pytest.approx(cosines.mean(axis=1), abs=1e-5)
    for mean in both(mean_cosines, *spaces):
        assert mean == pytest.approx(cosines.mean(axis=1), abs=1e-5)
    nothing = (items[:, :0], lengths, unit, rows, events)
    assert np.isnan(both(nearness_features, *nothing)[:4]).all()
    assert np.isnan(both(mean_cosines, *nothing)[0]).all()


@settings(max_examples=18)
@given(st.integers(0, 99), st.sampled_from([0, 1, 31, 32, 33, 65]), st.sampled_from([1, 4, 7]))
def test_cosines_are_the_same_in_pools_that_fill_blocks_of_rows_and_in_others(seed, n, size):
    random, items, lengths, _ = world(seed)
    contents = (items / lengths[:, None])[:, :size].copy()
    rows, events = random.integers(0, N, n), random.integers(0, N, 6)
    columns = both(nearness_features, items, lengths, contents, rows, events)
    cosines = contents[rows] @ contents[events].T
    expected = [
        cosines[:, 0],
        cosines[:, :5].max(axis=1),
        cosines.max(axis=1),
        cosines.mean(axis=1),
    ]
    np.testing.assert_allclose(columns[4:], expected, atol=1e-5)
    alone = nearness_features(items, lengths, contents, rows[-1:], events)
    np.testing.assert_array_equal(columns[:, -1:], alone)


@given(st.integers(0, 99))
def test_products_are_z_scores_and_a_row_has_the_same_bits_in_any_order(seed):
    random, items, _, rows = world(seed)
    one, other = random.standard_normal((2, SIZE)).astype(np.float32)
    z_scores = both(product_features, items, one, items[:, :-1].copy(), other[:-1], rows)
    for z, wanted in zip(z_scores, (items[rows] @ one, items[rows, :-1] @ other[:-1]), strict=True):
        if len(rows) > 1:
            products = wanted.astype(np.float64)
            assert z == pytest.approx((products - products.mean()) / products.std(), abs=1e-4)
    zeros = np.zeros(SIZE, np.float32)
    assert not product_features(items, zeros, items, zeros, rows).any()


@given(st.integers(0, 99), st.integers(0, 40))
def test_a_product_has_the_same_bits_in_compiled_code(seed, size):
    random = np.random.default_rng(seed)
    items = random.standard_normal((3, size)).astype(np.float32)
    vector, rows = random.standard_normal(size).astype(np.float32), np.array([2, 0])
    products = both(inner_products, items, vector, rows)
    assert products == pytest.approx(items[rows] @ vector, abs=1e-4)


def test_a_product_that_is_compiled_anew_has_the_same_bits():
    """The kernels come from a cache, so that this alone always writes the code of a product."""

    def product(items, vector):
        return row_product(items, 1, vector)

    compiled = numba.njit(product)
    random = np.random.default_rng(0)
    for size in (0, 1, 7, 8, 21):
        items = random.standard_normal((2, size)).astype(np.float32)
        vector = random.standard_normal(size).astype(np.float32)
        with compilation_traced():
            assert compiled(items, vector) == product(items, vector)


@given(st.integers(0, 99))
def test_a_missing_value_counts_as_the_mean_in_a_linear_score_and_others_end_at_its_limits(seed):
    random = np.random.default_rng(seed)
    columns = random.standard_normal((5, 17)).astype(np.float32)
    columns[random.random(columns.shape) < 0.2] = np.nan
    mean, weights = random.standard_normal((2, 5)).astype(np.float32)
    limits = np.sort(random.standard_normal((2, 5)).astype(np.float32), axis=0)
    limits[:, 4] = -np.inf, np.inf
    scores = both(linear_scores, columns, mean, weights, limits, 0.5)
    deviations = np.nan_to_num(np.clip(columns.T, *limits) - mean)
    assert scores == pytest.approx(0.5 + deviations @ weights, abs=1e-4)


small_ranks = nps.arrays(np.int32, (7, 4), elements=st.integers(-1, 9))


@given(small_ranks, st.integers(0, 99))
def test_features_of_lists_look_at_the_items_of_the_list_alone(ranks, seed):
    random = np.random.default_rng(seed)
    signals = np.where(ranks >= 0, random.random(ranks.shape), 0.0).astype(np.float32)
    columns = both(features.channel_features, ranks, signals, 10.0, -3.0, 8.0)
    for c in range(3):
        listed = ranks[:, c] >= 0
        assert columns[c] == pytest.approx(np.where(listed, 1 / (10.0 + ranks[:, c]), 0.0))
        assert (columns[3 + c][~listed] == -3.0).all()
        values = signals[listed, c].astype(np.float64)
        if len(values):
            z = (values - values.mean()) / (values.std() + 1e-9)
            assert columns[3 + c][listed] == pytest.approx(np.clip(z, -3, 8), abs=1e-4)
    agreement = both(features.agreement_features, ranks, 60.0)
    assert agreement[0].tolist() == (ranks[:, :3] >= 0).sum(axis=1).tolist()
    assert agreement[1] == pytest.approx(np.where(ranks >= 0, 1 / (60.0 + ranks), 0).sum(axis=1))


@given(st.integers(0, 99))
def test_popularity_is_seen_through_each_half_life(seed):
    random, _, lengths, rows = world(seed)
    liked, counts = random.random((2, 3, N)) * 20
    counts += liked
    decay, totals = random.random(3), random.random(3) * 100
    first = np.where(random.random(N) < 0.3, np.inf, random.random(N) * 1e6)
    columns = both(
        features.popularity_features,
        *(liked.T.copy(), counts.T.copy(), decay, totals, first, lengths, 2e6, 1, rows),
    )
    current = (liked * decay[:, None])[:, rows]
    events = (counts * decay[:, None])[:, rows]
    age = np.where(np.isinf(first), np.nan, np.log1p((2e6 - np.minimum(first, 2e6)) / 86_400))
    expected = [
        *np.log1p(current),
        *np.log((current + 0.1) / (totals[:, None] + 1)),
        *np.log((current[:-1] + 0.5) / (current[1:] + 0.5)),
        (current[-1] + 2) / (events[-1] + 4),
        (current[1] + 1) / (events[1] + 2),
        age[rows],
        lengths[rows],
    ]
    for column, values in zip(columns, expected, strict=True):
        np.testing.assert_allclose(column, values, atol=1e-5)


@given(st.integers(0, 99), st.booleans())
def test_the_lift_by_segment_counts_the_likes_since_the_bundle(seed, is_live):
    random, _, _, rows = world(seed)
    old, new = (random.random((2, N, 5)) * 20).astype(np.float32)  # four segments, and all users
    mass, new_mass = random.random((2, 5)) * 100 + 1
    decay, prior, segments = np.float64(0.7), 5.0, random.integers(0, 4, random.integers(1, 4))
    of_all = old[:, 4:] / mass[4]
    share = ((old + prior * of_all) / (mass + prior)).astype(np.float32)
    share[:, 4:] = of_all
    liked = new.T.copy() if is_live else np.zeros((0, N), np.float32)
    live_mass = new_mass if is_live else np.zeros(0)
    lift = both(features.segment_lift, share, liked, decay, segments, mass, live_mass, prior, rows)
    added, added_mass = (decay * new, decay * new_mass) if is_live else (0.0, 0.0)
    likes, mass = old + added, mass + added_mass
    of_all = likes[:, 4:] / mass[4]
    now = (likes + prior * of_all) / (mass + prior)
    ratios = (now[:, segments] + features.MIN_SHARE) / (of_all + features.MIN_SHARE)
    np.testing.assert_allclose(lift, np.log(ratios).mean(axis=1)[rows], rtol=1e-4, atol=1e-5)
