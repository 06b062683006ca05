from dataclasses import replace
from functools import cache

import lightgbm
import numpy as np
import pytest

from app.features.views import FINE_VIEW, column_names
from app.rank.gbdt import GradientBoosting
from app.rank.logistic import Logistic
from app.rank.pointwise_listwise import PointwiseListwiseBlend
from offline.data.errors import DataError
from offline.training.gbdt import fit_pointwise_listwise
from offline.training.rank_table import RankTable, concatenate
from offline.training.rankers import RankConfig

CONFIG = RankConfig(rounds=40, least_rounds=5, leaf_rows=5, learning_rate=0.1, boosters=1)
WIDTH = len(column_names(FINE_VIEW))
FUSED, TASTE, PLACE = (
    column_names(FINE_VIEW).index(name) for name in ("fused", "taste_factors", "item_cf_rank")
)


def column_shares(model):
    return np.array(list(model.describe().columns.values()), np.float32)


def texts(model):
    return [part.to_text() for part in model.models]


@cache
def table(seed=0, groups=30):
    """Groups of candidates of which those well placed and to the user's taste are taken."""
    random = np.random.default_rng(seed)
    sizes = random.integers(5, 40, groups)
    features = random.standard_normal((sizes.sum(), WIDTH)).astype(np.float32)
    appeal = features[:, FUSED] + 2 * features[:, TASTE] + random.standard_normal(sizes.sum())
    labels = (appeal > 2).astype(np.int32)
    features[random.random(features.shape) < 0.05] = np.nan
    features[:, column_names(FINE_VIEW).index("category_lift")] = np.nan  # known of nobody
    return RankTable(features, labels, sizes.astype(np.int64))


def test_two_fits_of_the_fine_ranker_give_the_same_text():
    windows = [table(0), table(1), table(2)]
    one, two = (texts(fit_pointwise_listwise(windows, CONFIG, 3)) for _ in range(2))
    assert one == two
    assert one != texts(fit_pointwise_listwise(windows, CONFIG, 4))


def test_the_fine_ranker_is_fitted_on_all_windows_and_stopped_where_later_ones_say():
    windows = [table(0), table(1), table(2)]
    hasty = replace(CONFIG, rounds=120, learning_rate=0.5)  # soon knows its windows by heart
    fine = fit_pointwise_listwise(windows, hasty, 0)
    trees = fine.describe().trees // len(fine.models)
    assert hasty.least_rounds <= trees < hasty.rounds
    joined = fit_pointwise_listwise([concatenate(windows)], replace(hasty, rounds=trees), 0)
    features = table(3).features
    assert fine.score(features).tolist() == joined.score(features).tolist()


def test_no_fewer_trees_are_kept_than_asked_for():
    windows = [table(0), table(1)]
    assert (
        fit_pointwise_listwise(windows, replace(CONFIG, least_rounds=40), 0).describe().trees
        == 2 * 40
    )


def test_windows_without_rows_do_no_harm():
    nothing = table(0).take(np.empty(0, np.intp))
    one = fit_pointwise_listwise([nothing, table(0), nothing, table(1), nothing], CONFIG, 0)
    other = fit_pointwise_listwise([table(0), table(1)], CONFIG, 0)
    assert texts(one) == texts(other)


def test_one_window_is_fitted_for_all_rounds():
    assert fit_pointwise_listwise([table()], CONFIG, 0).describe().trees == 2 * CONFIG.rounds


def test_no_tree_holds_against_an_item_what_speaks_for_it_even_if_the_log_says_so():
    odd = table(0)
    features = odd.features.copy()
    features[:, [FUSED, TASTE]] *= -1
    fine = fit_pointwise_listwise([RankTable(features, odd.labels, odd.groups)], CONFIG, 0)
    for column in (FUSED, TASTE):
        grid = np.repeat(table(2).features[:20], 9, axis=0)
        grid[:, column] = np.tile(np.linspace(-3, 3, 9), 20)
        for member in fine.models:
            scores = member.boosters[0].predict(grid, raw_score=True).reshape(20, 9)
            assert np.all(np.diff(scores, axis=1) >= 0)
        whole = fine.listwise.score(grid.astype(np.float32)).reshape(20, 9)
        assert np.all(np.diff(whole, axis=1) >= -1e-5)


def test_gains_are_shares_and_name_what_matters():
    shares = column_shares(fit_pointwise_listwise([table()], CONFIG, 0))
    assert shares.shape == (WIDTH,)
    assert shares.sum() == pytest.approx(1, abs=1e-5)
    assert int(np.argmax(shares)) == TASTE


def test_a_model_without_trees_has_no_gains():
    data = lightgbm.Dataset(np.zeros((4, 2)), [0, 1, 0, 1], params={"verbosity": -1})
    nothing = np.zeros(2, np.float32)
    start = Logistic(nothing, np.ones(2, np.float32), nothing, 0.0)
    bare = GradientBoosting(start, (lightgbm.train({"verbosity": -1}, data, 1),))
    assert column_shares(PointwiseListwiseBlend(bare, bare)).tolist() == [0, 0]


def test_gains_count_what_the_linear_models_took_from_the_trees():
    fine = fit_pointwise_listwise([table()], CONFIG, 0)
    trees = [member.boosters[0].feature_importance("gain") for member in fine.models]
    weights = [np.abs(member.base.weights) for member in fine.models]
    expected = sum(each / each.sum() for each in trees + weights) / 4
    assert column_shares(fine) == pytest.approx(expected, abs=1e-6)


def test_trees_begin_from_the_regression_and_better_it_where_columns_depend_on_one_another():
    random, groups, size = np.random.default_rng(4), 200, 20
    features = random.standard_normal((groups * size, WIDTH)).astype(np.float32)
    both = features[:, TASTE] * features[:, FUSED]
    taken = (both + 0.1 * random.standard_normal(len(both)) > 1.0).astype(np.int32)
    fine = fit_pointwise_listwise([RankTable(features, taken, np.full(groups, size))], CONFIG, 0)
    for member in fine.models:
        alone, whole = member.base.score(features), member.score(features)
        assert roc(taken, whole) > roc(taken, alone) + 0.1
        added = member.boosters[0].predict(features, raw_score=True)
        assert whole - added == pytest.approx(alone, abs=1e-3)


def roc(taken, scores):
    order = np.argsort(scores)
    places = np.flatnonzero(taken[order])
    below = places.sum() - len(places) * (len(places) - 1) / 2
    return below / (len(places) * (len(taken) - len(places)))


def test_in_a_replay_nothing_was_shown_so_places_are_given_only_of_served_lists():
    """Items shown first are taken more often for that alone (Wang et al., 2018)."""
    whole, random = table(), np.random.default_rng(0)
    shown = np.concatenate([random.permutation(size) for size in whole.groups]).astype(np.int32)
    replayed = fit_pointwise_listwise([whole], CONFIG, 0)
    served = fit_pointwise_listwise([replace(whole, positions=shown)], CONFIG, 0)
    assert texts(served) != texts(replayed)


def test_what_was_taken_because_it_stood_first_is_not_learnt_as_liked():
    """The taken items are those shown first, and a column that goes with the place takes part."""
    random, groups, size = np.random.default_rng(0), 300, 20
    shown = np.concatenate([random.permutation(size) for _ in range(groups)]).astype(np.int32)
    features = random.standard_normal((len(shown), WIDTH)).astype(np.float32)
    features[:, TASTE] -= shown / 3.0
    taken = (shown < 3) & (random.random(len(shown)) < 0.8) | (features[:, FUSED] > 1.5)
    biased = RankTable(features, taken.astype(np.int32), np.full(groups, size))
    blind, aware = (
        column_shares(fit_pointwise_listwise([replace(biased, positions=places)], CONFIG, 0))
        for places in (None, shown)
    )
    assert aware[TASTE] < blind[TASTE]
    assert aware[FUSED] > blind[FUSED]


def test_windows_in_which_nothing_was_taken_are_refused_in_a_sentence():
    nothing = table().take(np.empty(0, np.intp))
    with pytest.raises(DataError, match="More interactions are needed"):
        fit_pointwise_listwise([nothing, nothing], CONFIG, 0)
