"""The compiled loops over trees against a walk through the trees as LightGBM dumps them."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.kernels.forest import Forest, add_masked_trees, add_walked_trees, flatten, lowest_bit

WIDTH = 3
THRESHOLDS = [-1.0, -1e-36, 0.0, 1e-36, 0.1, 0.5, 1e300, -1e300]
SPECIAL = [np.nan, 0.0, -0.0, 1e-36, -1e-36, 0.1, 0.5, -1.0, np.inf, -np.inf]
EDGES = [1, 2, 8, 9, 16, 17, 32, 33, 64, 65, 70]  # leaves that fill a mask, and more


def grow(random, n_leaves):
    """Return a random tree with this many leaves, in the form of ``dump_model``."""
    if n_leaves == 1:
        return {"leaf_value": float(random.standard_normal())}
    n_left = int(random.integers(1, n_leaves))
    return {
        "split_index": 0,
        "split_feature": int(random.integers(WIDTH)),
        "threshold": float(random.choice(THRESHOLDS)),
        "decision_type": "<=",
        "missing_type": str(random.choice(["None", "Zero", "NaN"])),
        "default_left": bool(random.random() < 0.5),
        "left_child": grow(random, n_left),
        "right_child": grow(random, n_leaves - n_left),
    }


def flatten_all(roots):
    trees = [{"tree_structure": root} for root in roots]
    return flatten({"num_tree_per_iteration": 1, "max_feature_idx": WIDTH - 1, "tree_info": trees})


def leaf_value(node, values):
    """Return the value of the leaf that a row of features reaches, by the rules of LightGBM."""
    if "leaf_value" in node:
        return node["leaf_value"]
    value, threshold, missing = values[node["split_feature"]], node["threshold"], False
    if abs(threshold) >= 1e300:
        threshold = np.copysign(np.inf, threshold)
    if np.isnan(value) and node["missing_type"] == "NaN":
        missing = True
    elif np.isnan(value) or abs(value) <= 1e-35:
        value, missing = 0.0, node["missing_type"] == "Zero"
    goes_left = node["default_left"] if missing else value <= threshold
    return leaf_value(node["left_child" if goes_left else "right_child"], values)


def score(loop, forest, columns, n_trees, *nodes):
    total = np.zeros(columns.shape[1])
    tests = (forest.starts, forest.leaf_starts, forest.columns, forest.thresholds)
    rules = (forest.missing, forest.missing_passes)
    loop(columns, n_trees, *tests, *rules, *nodes, forest.leaves, total)
    return total


@settings(max_examples=40)
@given(
    st.lists(st.sampled_from(EDGES), max_size=3),
    st.sampled_from([0, 1, 2, 7, 9]),
    st.integers(0, 3),
    st.integers(0, 999),
)
def test_trees_are_scored_alike_by_masks_and_by_walks(leaves, n_rows, trees, seed):
    random = np.random.default_rng(seed)
    roots = [grow(random, n_leaves) for n_leaves in leaves]
    columns = random.standard_normal((WIDTH, n_rows)).astype(np.float32)
    special = random.random(columns.shape) < 0.6
    columns[special] = random.choice(SPECIAL, special.sum())
    forest = flatten_all(roots)
    n_trees, expected = min(trees, len(roots)), np.zeros(n_rows)
    for root in roots[:n_trees]:
        expected += [leaf_value(root, row) for row in columns.T.astype(np.float64)]
    np.testing.assert_array_equal(forest.score(columns, trees), expected)
    loops = [(add_walked_trees, forest.passed, forest.failed)]
    if forest.use_masks:
        loops.append((add_masked_trees, forest.masks))
    for loop, *nodes in loops:
        for compute in (loop, loop.python):
            scores = score(compute, forest, columns, n_trees, *nodes)
            np.testing.assert_array_equal(scores, expected)


@given(st.sampled_from([np.uint8, np.uint16, np.uint32, np.uint64]), st.data())
def test_the_lowest_bit_of_a_mask_is_found(mask, data):
    n_bytes = mask().itemsize
    bits = data.draw(st.integers(1, 2 ** (8 * n_bytes) - 1))
    assert lowest_bit(mask(bits), n_bytes) == (bits & -bits).bit_length() - 1


ARRAYS = [each.name for each in fields(Forest) if each.name not in {"n_features", "use_masks"}]


@pytest.mark.parametrize("name", ARRAYS)
def test_trees_without_the_last_entry_of_an_array_are_not_sound(name):
    random = np.random.default_rng(0)
    forest = flatten_all([grow(random, n_leaves) for n_leaves in (3, 1, 5)])
    assert forest.is_sound
    assert not replace(forest, **{name: getattr(forest, name)[:-1]}).is_sound
