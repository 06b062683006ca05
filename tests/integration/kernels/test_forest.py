"""The compiled loops return the bits that LightGBM returns, whatever trees it grows."""

import lightgbm
import numpy as np
import pytest

from app.kernels.compiled import KERNELS, compile_kernels
from app.kernels.forest import (
    MAX_MASK_LEAVES,
    Forest,
    UnsupportedForestError,
    add_masked_trees,
    add_walked_trees,
    flatten,
    round_down,
)
from app.rank.gbdt import GradientBoosting
from app.rank.logistic import Logistic

N, WIDTH = 1_500, 8


def make_features(seed=0, n=N):
    """Return values with everything that a test of a tree treats specially."""
    random = np.random.default_rng(seed)
    features = random.standard_normal((n, WIDTH)).astype(np.float32)
    features[random.random(features.shape) < 0.15] = np.nan
    features[random.random(features.shape) < 0.15] = 0.0
    features[:, 3] = np.round(features[:, 3])
    features[random.random(n) < 0.02, 4] = np.inf
    features[random.random(n) < 0.02, 4] = -np.inf
    features[random.random(n) < 0.05, 5] = 1e-36  # LightGBM takes these two for zero
    features[random.random(n) < 0.05, 5] = -1e-36
    return features


def grow(trees=20, **parameters):
    x = make_features()
    labels = np.nan_to_num(x[:, 0]) * np.nan_to_num(x[:, 1]) + np.isnan(x[:, 2]) + (x[:, 3] == 0)
    parameters = {"objective": "regression", "verbosity": -1, "num_threads": 1, **parameters}
    categories = parameters.pop("categorical_feature", "auto")
    data = lightgbm.Dataset(x, labels, categorical_feature=categories)
    return lightgbm.train(parameters, data, trees)


SHAPES = [
    {"num_leaves": 2},
    {"num_leaves": 5, "zero_as_missing": True},
    {"num_leaves": 8, "use_missing": False},
    {"num_leaves": 16, "max_bin": 1_000},
    {"num_leaves": 31},
    {"num_leaves": 64},
    {"num_leaves": 100},
    {"num_leaves": 100, "zero_as_missing": True},
    {"num_leaves": 100, "use_missing": False},
    {"num_leaves": 20, "boosting": "dart"},
    {"num_leaves": 20, "min_data_in_leaf": N},  # no split at all
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_scores_are_bit_equal_to_those_of_lightgbm(shape):
    booster = grow(**shape)
    fresh = make_features(seed=1)
    scores = flatten(booster.dump_model()).score(np.ascontiguousarray(fresh.T))
    np.testing.assert_array_equal(scores, booster.predict(fresh, raw_score=True, num_threads=1))


@pytest.mark.parametrize("leaves", [16, 100])
def test_the_first_trees_alone_are_scored_on_request(leaves):
    booster, fresh = grow(num_leaves=leaves), make_features(seed=1)
    flat = flatten(booster.dump_model())
    for trees in (0, 1, 7, 999):
        scores = flat.score(np.ascontiguousarray(fresh.T), trees)
        expected = booster.predict(fresh, raw_score=True, num_threads=1, num_iteration=trees)
        np.testing.assert_array_equal(scores, expected if trees else np.zeros(N))


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"categorical_feature": [3]}, "categorical"),
        ({"linear_tree": True}, "linear"),
        ({"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5}, "averages"),
    ],
)
def test_trees_that_the_loops_cannot_score_are_scored_by_lightgbm(parameters, reason, caplog):
    x = np.abs(np.nan_to_num(make_features(), posinf=3.0, neginf=3.0))
    categories = parameters.pop("categorical_feature", "auto")
    data = lightgbm.Dataset(x, x[:, 0] + (x[:, 3] == 1), categorical_feature=categories)
    booster = lightgbm.train({"verbosity": -1, "num_threads": 1, **parameters}, data, 5)
    with pytest.raises(UnsupportedForestError, match=reason):
        flatten(booster.dump_model())
    linear = Logistic(*np.ones((3, WIDTH), np.float32), 0.0)
    model = GradientBoosting.of(linear, booster)
    assert reason in caplog.text
    expected = linear.score(x) + booster.predict(x, raw_score=True, num_threads=1)
    np.testing.assert_array_equal(model.score(x), expected.astype(np.float32))


def test_several_outputs_a_row_are_refused():
    data = lightgbm.Dataset(make_features(), np.arange(N) % 3)
    parameters = {"objective": "multiclass", "num_class": 3, "verbosity": -1, "num_threads": 1}
    booster = lightgbm.train(parameters, data, 2)
    with pytest.raises(UnsupportedForestError, match="several outputs"):
        flatten(booster.dump_model())


def test_a_matrix_with_other_columns_is_refused():
    flat = flatten(grow(trees=1).dump_model())
    with pytest.raises(ValueError, match="8 columns, there are 7"):
        flat.score(np.zeros((WIDTH - 1, 4), np.float32))


@pytest.mark.parametrize("leaves", [8, 100])
def test_the_loops_compute_the_same_without_compilation(leaves):
    flat, fresh = flatten(grow(3, num_leaves=leaves).dump_model()), make_features(1, 50)
    columns, total = np.ascontiguousarray(fresh.T), np.zeros(50)
    tests = (flat.starts, flat.leaf_starts, flat.columns, flat.thresholds)
    rules = (flat.missing, flat.missing_passes)
    with np.errstate(all="ignore"):
        if leaves <= MAX_MASK_LEAVES:
            add_masked_trees.python(columns, 3, *tests, *rules, flat.masks, flat.leaves, total)
        else:
            nodes = (flat.passed, flat.failed)
            add_walked_trees.python(columns, 3, *tests, *rules, *nodes, flat.leaves, total)
    np.testing.assert_array_equal(total, flat.score(columns))


def test_a_threshold_rounds_down_so_that_no_value_changes_its_branch():
    for threshold in (0.1, -0.1, 1 / 3, 1e200, -1e200):
        rounded = round_down(threshold)
        with np.errstate(over="ignore"):
            following = np.nextafter(rounded, np.float32(np.inf))
        assert float(rounded) <= threshold <= float(following)


def test_a_kernel_is_never_compiled_again_for_other_types():
    compile_kernels()
    assert not any(each.compile() for each in KERNELS)
    with pytest.raises(TypeError):
        add_walked_trees(*[np.zeros(3, np.complex64)] * 12)


@pytest.mark.parametrize("leaves", [2, 8, 100])
def test_flattened_trees_are_read_as_they_were_written(tmp_path, leaves):
    columns = np.ascontiguousarray(make_features(1, 50).T)
    forest = flatten(grow(4, num_leaves=leaves).dump_model())
    for path in (tmp_path / "a.npz", tmp_path / "b.npz"):
        forest.write(path)
    assert path.read_bytes() == (tmp_path / "a.npz").read_bytes()
    again = Forest.read(path)
    np.testing.assert_array_equal(again.score(columns), forest.score(columns))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("columns", WIDTH),
        ("columns", -1),
        ("passed", 100),
        ("failed", -100),
        ("passed", 0),
        ("masks", 0),
        ("leaf_starts", 1),
        ("starts", 1),
    ],
)
def test_flattened_trees_that_lead_out_of_their_arrays_are_refused(tmp_path, name, value):
    forest = flatten(grow(4, num_leaves=8).dump_model())
    getattr(forest, name)[0] = value
    forest.write(tmp_path / "trees.npz")
    with pytest.raises(ValueError, match=r"trees\.npz is damaged"):
        Forest.read(tmp_path / "trees.npz")


def test_a_file_that_is_cut_is_refused(tmp_path):
    path = tmp_path / "trees.npz"
    flatten(grow(4, num_leaves=8).dump_model()).write(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"trees\.npz is damaged"):
        Forest.read(path)
