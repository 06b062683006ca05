"""The coarse ranker keeps what users took and what the fine ranker would choose."""

from dataclasses import replace

import numpy as np
import pytest

from app.features.views import COARSE_VIEW, FINE_VIEW, RISING_COLUMNS, column_names
from offline.data.errors import DataError
from offline.training.linear import COARSE_WIDTH, compute_relative_ranks, fit_coarse
from offline.training.rank_table import RankTable
from tests.integration.training.test_gbdt import CONFIG, PLACE, TASTE, WIDTH, table


def test_the_coarse_columns_are_the_first():
    assert COARSE_WIDTH == len(column_names(COARSE_VIEW)) < WIDTH
    assert set(column_names(FINE_VIEW)) >= RISING_COLUMNS


def test_a_place_is_the_share_of_the_group_that_is_better():
    groups = np.array([3, 1, 4])
    scores = np.array([0.1, 0.9, 0.5, -7, 2, 4, 1, 3])
    expected = [2 / 3, 0, 1 / 3, 0, 2 / 4, 0, 3 / 4, 1 / 4]
    assert compute_relative_ranks(groups, scores).tolist() == pytest.approx(expected)


def test_places_are_those_of_a_slow_sort():
    whole, random = table(), np.random.default_rng(0)
    scores = random.integers(0, 9, len(whole)).astype(float)
    found, at = compute_relative_ranks(whole.groups, scores), 0
    for size in whole.groups:
        order = sorted(range(size), key=lambda row, at=at: (-scores[at + row], row))
        expected = [order.index(row) / size for row in range(size)]
        assert found[at : at + size].tolist() == pytest.approx(expected)
        at += size


def test_the_coarse_ranker_learns_what_is_taken():
    whole = table()
    coarse = fit_coarse(whole, CONFIG)
    best = column_names(COARSE_VIEW)[int(np.argmax(coarse.weights))]
    assert best == "taste_factors"
    scores = coarse.score(table(1).features[:, :COARSE_WIDTH])
    taken = table(1).labels == 1
    assert np.mean(scores[taken] > np.median(scores[~taken])) > 0.8


def test_columns_that_are_always_missing_do_no_harm():
    coarse = fit_coarse(table(), CONFIG)
    assert np.isfinite(coarse.weights).all()
    assert (coarse.scale > 0).all()
    assert coarse.weights[column_names(COARSE_VIEW).index("category_lift")] == 0


def test_the_coarse_ranker_keeps_what_its_teacher_would_choose_beside_what_is_taken():
    """Each row is judged by both: without distillation the teacher's column says nothing."""
    whole = table()
    placed = np.nan_to_num(whole.features[:, PLACE])
    alone, taught = fit_coarse(whole, CONFIG), fit_coarse(whole, CONFIG, placed)
    assert abs(alone.weights[PLACE]) < 0.3 < taught.weights[PLACE]
    assert taught.weights[TASTE] > 0.3
    other = table(1)
    kept = (
        compute_relative_ranks(other.groups, taught.score(other.features[:, :COARSE_WIDTH])) < 0.5
    )
    best = (
        compute_relative_ranks(other.groups, np.nan_to_num(other.features[:, PLACE]))
        < CONFIG.coarse_share
    )
    assert kept[best].mean() > 0.75 > kept.mean()
    assert kept[other.labels == 1].mean() > 0.75


def test_the_larger_the_share_the_more_of_the_teachers_choice_is_learnt():
    whole, weights = table(), []
    for share in (0.02, 0.3):
        config = replace(CONFIG, coarse_share=share)
        weights.append(fit_coarse(whole, config, np.nan_to_num(whole.features[:, PLACE])).weights)
    assert weights[0][PLACE] < weights[1][PLACE]
    assert weights[0][TASTE] > weights[1][TASTE]


def test_where_teacher_and_users_choose_everything_of_a_small_table_only_users_count():
    random = np.random.default_rng(0)
    features = random.standard_normal((4, WIDTH)).astype(np.float32)
    tiny = RankTable(features, np.array([0, 1, 0, 1], np.int32), np.array([2, 2]))
    taught = fit_coarse(tiny, CONFIG, np.array([1.0, 0.0, 1.0, 0.0]))
    assert taught.weights.tolist() == fit_coarse(tiny, CONFIG).weights.tolist()


@pytest.mark.parametrize("taken", [0, 1])
def test_where_there_is_nothing_to_tell_apart_the_job_says_so(taken):
    labels = np.full(len(table()), taken, np.int32)
    with pytest.raises(DataError, match=f"users liked {labels.sum()}"):
        fit_coarse(RankTable(table().features, labels, table().groups), CONFIG)
