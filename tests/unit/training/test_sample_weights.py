"""How much a row counts: old windows less, and what is taken because everybody takes it."""

from dataclasses import replace
from math import exp, inf

import numpy as np
import pytest

from app.features.views import FINE_VIEW, column_names
from offline.training.rank_table import (
    MAX_WEIGHT_RATIO,
    RankTable,
    compute_inverse_propensity,
    concatenate,
    concatenate_weighted,
)

WIDTH = len(column_names(FINE_VIEW))
LIKED = column_names(FINE_VIEW).index("liked_infd")


def table(*groups):
    """A table of groups of (label, likes of all time); the first column numbers the rows."""
    rows = [row for group in groups for row in group]
    features = np.zeros((len(rows), WIDTH), np.float32)
    features[:, 0] = np.arange(len(rows))
    features[:, LIKED] = np.log1p([likes for _, likes in rows])
    labels = np.array([label for label, _ in rows], np.int32)
    return RankTable(features, labels, np.array([len(group) for group in groups], np.int64))


ONE = table([(1, 9), (0, 5)], [(1, 0), (1, 99), (0, 3)])


def test_by_default_no_row_has_a_weight():
    assert concatenate_weighted([ONE, ONE], inf, 0.0).weights is None


def test_a_window_that_is_a_half_life_older_counts_half():
    found = concatenate_weighted([ONE, ONE, ONE], 1.0, 0.0)
    assert found.weights.tolist() == [0.25] * 5 + [0.5] * 5 + [1.0] * 5
    slow = concatenate_weighted([ONE, ONE, ONE], 2.0, 0.0).weights
    assert slow[[0, 5, 10]] == pytest.approx([0.5, 2**-0.5, 1.0])
    assert slow.dtype == np.float32


def test_what_was_taken_counts_against_its_popularity_and_the_mean_of_a_group_is_one():
    found = compute_inverse_propensity(ONE, 0.5)
    assert found[[1, 4]].tolist() == [1, 1]  # left
    assert found[0] == 1  # all that its group took
    rare, common = 1 / exp(0.5 * np.log1p(0)), 1 / exp(0.5 * np.log1p(99))
    assert found[2:4] == pytest.approx([2 * rare / (rare + common), 2 * common / (rare + common)])


def test_no_item_counts_ten_times_the_usual_one():
    found = compute_inverse_propensity(table([(1, 0), (1, 10**9)]), 3.0)
    assert found.tolist() == pytest.approx(
        [2 * MAX_WEIGHT_RATIO**2 / (MAX_WEIGHT_RATIO**2 + 1), 2 / (MAX_WEIGHT_RATIO**2 + 1)]
    )


def test_an_item_of_which_nothing_is_known_counts_as_liked_by_nobody():
    unknown = table([(1, 0), (1, 8)])
    unknown.features[0, LIKED] = np.nan
    assert compute_inverse_propensity(unknown, 1.0).tolist() == pytest.approx([1.8, 0.2])


def test_weights_that_rows_bring_along_are_multiplied():
    told = replace(ONE, weights=np.array([1, 2, 3, 4, 5], np.float32))
    found = concatenate_weighted([told, ONE], 1.0, 0.0).weights
    assert found.tolist() == [0.5, 1, 1.5, 2, 2.5, 1, 1, 1, 1, 1]
    both = concatenate_weighted([told], inf, 0.5).weights
    assert both == pytest.approx(told.weights * compute_inverse_propensity(ONE, 0.5))


def test_weights_go_with_their_rows():
    told = replace(ONE, weights=np.array([1, 2, 3, 4, 5], np.float32))
    assert told.take(np.array([0, 3])).weights.tolist() == [1, 4]
    assert ONE.take(np.array([0, 3])).weights is None
    assert concatenate([ONE, told]).weights.tolist() == [1, 1, 1, 1, 1, 1, 2, 3, 4, 5]
    assert concatenate([ONE, ONE]).weights is None
