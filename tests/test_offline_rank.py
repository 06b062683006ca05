from dataclasses import replace
from functools import cache

import lightgbm
import numpy as np
import pytest

from app.features import COARSE_VIEW, FINE_VIEW, names
from app.rank.coarse import Coarse
from offline.data.errors import DataError
from offline.rank import (
    RISING,
    RankConfig,
    _sampled,
    coarse_width,
    fit_coarse,
    fit_fine,
    gains,
    keep_best,
)
from offline.table import RankTable, join

CONFIG = RankConfig(rounds=40, least_rounds=5, leaf_rows=5, learning_rate=0.1)
WIDTH = len(names(FINE_VIEW))
FUSED, TASTE = (names(FINE_VIEW).index(name) for name in ("fused", "taste_factors"))


@cache
def table(seed=0, groups=30):
    """Groups of candidates of which those well placed and to the user's taste are taken."""
    random = np.random.default_rng(seed)
    sizes = random.integers(5, 40, groups)
    features = random.standard_normal((sizes.sum(), WIDTH)).astype(np.float32)
    appeal = features[:, FUSED] + 2 * features[:, TASTE] + random.standard_normal(sizes.sum())
    labels = (appeal > 2).astype(np.int32)
    features[random.random(features.shape) < 0.05] = np.nan
    features[:, names(FINE_VIEW).index("category_lift")] = np.nan  # known of nobody
    return RankTable(features, labels, sizes.astype(np.int64))


def first_column():
    weights = np.zeros(coarse_width(), np.float32)
    weights[0] = 1.0
    return Coarse(np.zeros_like(weights), np.ones_like(weights), weights, 0.0)


def test_the_coarse_columns_are_the_first():
    assert coarse_width() == len(names(COARSE_VIEW)) < WIDTH
    assert set(names(FINE_VIEW)) >= RISING


@pytest.mark.parametrize("keep", [1, 3, 10, 1000])
def test_exactly_the_best_of_each_group_are_kept(keep):
    whole = table()
    kept = keep_best(whole, first_column(), keep)
    assert kept.groups.tolist() == [min(size, keep) for size in whole.groups]
    scores = np.nan_to_num(whole.features[:, 0])
    starts = np.cumsum(whole.groups) - whole.groups
    expected = []
    for start, size in zip(starts, whole.groups, strict=True):
        order = sorted(range(start, start + size), key=lambda row: (-scores[row], row))
        expected.extend(sorted(order[:keep]))
    assert kept.features.tobytes() == whole.features[expected].tobytes()
    assert kept.labels.tolist() == whole.labels[expected].tolist()


def test_of_equal_scores_the_first_are_kept():
    flat = RankTable(
        np.zeros((5, WIDTH), np.float32), np.arange(5, dtype=np.int32), np.array([3, 2])
    )
    assert keep_best(flat, first_column(), 2).labels.tolist() == [0, 1, 3, 4]


def test_the_coarse_ranker_learns_what_is_taken():
    whole = table()
    coarse = fit_coarse(whole, CONFIG, 0)
    best = names(COARSE_VIEW)[int(np.argmax(coarse.weights))]
    assert best == "taste_factors"
    scores = coarse.score(table(1).features[:, : coarse_width()])
    taken = table(1).labels == 1
    assert np.mean(scores[taken] > np.median(scores[~taken])) > 0.8


def test_columns_that_are_always_missing_do_no_harm():
    coarse = fit_coarse(table(), CONFIG, 0)
    assert np.isfinite(coarse.weights).all()
    assert (coarse.scale > 0).all()
    assert coarse.weights[names(COARSE_VIEW).index("category_lift")] == 0


def test_few_negatives_of_each_group_suffice_and_the_seed_says_which():
    few = RankConfig(coarse_negatives=5)
    one, same, other = (fit_coarse(table(), few, seed) for seed in (1, 1, 2))
    assert one.weights.tobytes() == same.weights.tobytes()
    assert one.bias == same.bias
    assert one.weights.tobytes() != other.weights.tobytes()


def test_all_that_was_taken_and_some_that_was_not_is_learnt_from():
    whole = table()
    chosen = _sampled(whole, 5, 0)
    assert np.all(np.diff(chosen) > 0)
    assert set(np.flatnonzero(whole.labels)) <= set(chosen.tolist())
    left = len(chosen) - whole.labels.sum()
    assert 0.5 * 5 * len(whole.groups) < left < 5 * len(whole.groups)
    assert len(_sampled(whole, 1_000, 0)) == len(whole)


def test_two_fits_of_the_fine_ranker_give_the_same_text():
    windows = [table(0), table(1), table(2)]
    one, two = (fit_fine(windows, CONFIG, 3).model_to_string() for _ in range(2))
    assert one == two
    assert one != fit_fine(windows, CONFIG, 4).model_to_string()


def test_the_fine_ranker_is_fitted_on_all_windows_and_stopped_where_later_ones_say():
    windows = [table(0), table(1), table(2)]
    hasty = replace(CONFIG, rounds=120, learning_rate=0.5)  # soon knows its windows by heart
    booster = fit_fine(windows, hasty, 0)
    trees = booster.num_trees()
    assert hasty.least_rounds <= trees < hasty.rounds
    joined = fit_fine([join(windows)], replace(hasty, rounds=trees), 0)
    features = table(3).features
    assert booster.predict(features).tolist() == joined.predict(features).tolist()


def test_no_fewer_trees_are_kept_than_asked_for():
    windows = [table(0), table(1)]
    assert fit_fine(windows, replace(CONFIG, least_rounds=40), 0).num_trees() == 40


def test_windows_without_rows_do_no_harm():
    nothing = table(0).take(np.empty(0, np.intp))
    one = fit_fine([nothing, table(0), nothing, table(1), nothing], CONFIG, 0)
    assert one.model_to_string() == fit_fine([table(0), table(1)], CONFIG, 0).model_to_string()


@pytest.mark.parametrize("taken", [0, 1])
def test_where_there_is_nothing_to_tell_apart_the_job_says_so(taken):
    labels = np.full(len(table()), taken, np.int32)
    with pytest.raises(DataError, match=f"users took {labels.sum()}"):
        fit_coarse(RankTable(table().features, labels, table().groups), CONFIG, 0)


def test_one_window_is_fitted_for_all_rounds():
    assert fit_fine([table()], CONFIG, 0).num_trees() == CONFIG.rounds


def test_more_of_what_speaks_for_an_item_never_lowers_its_score_even_if_the_log_says_so():
    odd = table(0)
    features = odd.features.copy()
    features[:, [FUSED, TASTE]] *= -1
    booster = fit_fine([RankTable(features, odd.labels, odd.groups)], CONFIG, 0)
    for column in (FUSED, TASTE):
        grid = np.repeat(table(2).features[:20], 9, axis=0)
        grid[:, column] = np.tile(np.linspace(-3, 3, 9), 20)
        scores = booster.predict(grid).reshape(20, 9)
        assert np.all(np.diff(scores, axis=1) >= 0)


def test_gains_are_shares_and_name_what_matters():
    shares = gains(fit_fine([table()], CONFIG, 0))
    assert shares.shape == (WIDTH,)
    assert shares.sum() == pytest.approx(1, abs=1e-5)
    assert int(np.argmax(shares)) == TASTE


def test_a_model_without_trees_has_no_gains():
    data = lightgbm.Dataset(np.zeros((4, 2)), [0, 1, 0, 1], params={"verbosity": -1})
    assert gains(lightgbm.train({"verbosity": -1}, data, 1)).tolist() == [0, 0]
