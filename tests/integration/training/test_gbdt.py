""""""

from dataclasses import replace
from functools import cache

import lightgbm
import numpy as np
import pytest
from scipy.stats import spearmanr

from app.features.views import FINE_VIEW, column_names
from app.rank.gbdt import GradientBoosting
from app.rank.logistic import Logistic
from app.rank.pointwise_listwise import PointwiseListwiseBlend
from offline.data.errors import DataError
from offline.training.gbdt import fit_pointwise_listwise
from offline.training.linear import fit_logistic
from offline.training.rank_table import RankTable, concatenate, concatenate_weighted
from offline.training.rankers import RankConfig
from offline.training.row_collection import build_logged_table, insert_logged_lists
from tests.unit.rank.test_scorers import FEATURES, LABELS, RANDOM, coarse

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


def test_boosters_that_share_binned_features_are_those_that_bin_their_own():
    windows = [table(0), table(1)]
    config = replace(CONFIG, boosters=2, window_half_life=1.0, held_out=0, rounds=6)
    whole = concatenate_weighted(windows, 1.0, config.propensity_power)
    assert whole.weights is not None
    for part in fit_pointwise_listwise(windows, config, 3).models:
        for booster in part.boosters:
            alone = lightgbm.Dataset(
                *(whole.features, whole.labels),
                weight=whole.weights,
                group=whole.groups,
                init_score=part.base.score(whole.features).astype(np.float64),
                feature_name=list(column_names(FINE_VIEW)),
            )
            again = lightgbm.train(booster.params, alone, booster.num_trees())
            assert again.model_to_string() == booster.model_to_string()


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


def test_listwise_trees_can_begin_from_log_odds_and_pointwise_ones_stay_as_they_are():
    windows = [table(0)]  # none is held out, so that the number of trees is the same
    listnet, log_odds = (
        fit_pointwise_listwise(windows, replace(CONFIG, listnet_start=one), 0)
        for one in (True, False)
    )
    starts = [model.listwise.base.weights for model in (listnet, log_odds)]
    mean = (starts[0] + starts[1]) / 2
    assert not np.allclose(starts[0], starts[1])
    assert log_odds.pointwise.base.weights == pytest.approx(mean, abs=1e-6)
    assert log_odds.pointwise.to_text() == listnet.pointwise.to_text()
    features = table(3).features
    assert not np.array_equal(log_odds.score(features), listnet.score(features))


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
    bare = GradientBoosting.of(start, lightgbm.train({"verbosity": -1}, data, 1))
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
    random, groups, size = np.random.default_rng(0), 1000, 20
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


def test_a_linear_score_goes_no_further_than_the_values_it_was_fitted_on():
    random = np.random.default_rng(0)
    features = random.uniform(0, 10, (2000, 3)).astype(np.float32)
    features[:4, 0] = 1e6  # rare values do not make the rest of a column alike
    model = fit_logistic(features, random.random(2000) < features[:, 0] / 20, 1.0)
    ordinary, largest, beyond = np.full((3, 3), 5.0, np.float32)
    largest[0], beyond[0] = model.limits[1, 0], 1e9
    assert 9.8 < model.limits[1, 0] <= 10
    scores = model.score(np.stack([ordinary, largest, beyond]))
    assert scores[0] + 0.5 < scores[1] == scores[2]


def test_windows_in_which_nothing_was_taken_are_refused_in_a_sentence():
    nothing = table().take(np.empty(0, np.intp))
    with pytest.raises(DataError, match="More interactions are needed"):
        fit_pointwise_listwise([nothing, nothing], CONFIG, 0)


LIKED = column_names(FINE_VIEW).index("liked_infd")
QUICK = RankConfig(rounds=60, least_rounds=60, leaf_rows=5, learning_rate=0.1, held_out=0)


def window(sign, groups=60, size=12):
    """People take what is to their taste, or what is against it."""
    random = np.random.default_rng(int(sign) + 2)
    features = random.standard_normal((groups * size, WIDTH)).astype(np.float32)
    labels = (sign * features[:, LIKED] > 1).astype(np.int32)
    return RankTable(features, labels, np.full(groups, size))


def test_what_people_took_lately_counts_more():
    def slope(config):
        fine = fit_pointwise_listwise([window(-1), window(-1), window(1)], config, 0)
        probe = np.zeros((2, WIDTH), np.float32)
        probe[:, LIKED] = -2, 2
        low, high = fine.score(probe)
        return high - low

    assert slope(QUICK) < 0 < slope(replace(QUICK, window_half_life=0.3))


def test_inverse_propensities_make_the_ranker_care_for_what_few_know():
    """Half of what each user takes is popular, half is to their taste and little known."""
    random, groups, size = np.random.default_rng(0), 120, 12
    features = random.standard_normal((groups * size, WIDTH)).astype(np.float32)
    popular, suited = np.arange(groups * size) % size == 0, np.arange(groups * size) % size == 1
    features[:, LIKED] = np.where(popular, 6, 1) + random.random(groups * size)
    features[:, TASTE] += 2.0 * suited
    whole = RankTable(features, (popular | suited).astype(np.int32), np.full(groups, size))

    def first(power):
        fine = fit_pointwise_listwise([whole], replace(QUICK, propensity_power=power), 0)
        scores = fine.score(features).reshape(groups, size)
        return float((scores[:, 1] - scores[:, 0]).mean())

    assert first(1.0) > first(0.0)


AGE, YEARS = (column_names(FINE_VIEW).index(name) for name in ("age", "years_since_release"))
OF_LISTS = RankConfig(rounds=75, leaf_rows=20, boosters=1)


def shown(random, slates=1_500, size=12):
    """Lists of a ranker that goes by one column, where people like another, and examine the top."""
    features = np.zeros((slates * size, WIDTH), np.float32)
    features[:, [AGE, YEARS]] = random.standard_normal((slates * size, 2))
    slate = np.repeat(np.arange(slates), size)
    served = features[:, YEARS] + 0.7 * random.standard_normal(slates * size)
    place = np.empty(slates * size, np.int64)
    place[np.lexsort((-served, slate))] = np.tile(np.arange(size), slates)
    likes = 1 / (1 + np.exp(2.0 - 1.5 * features[:, AGE]))
    examined = 1.0 / (1.0 + place)
    return features, random.random(slates * size) < likes * examined, slate, place


def test_with_positions_the_order_of_relevance_is_recovered_better():
    random = np.random.default_rng(0)
    features, clicked, slate, place = shown(random)
    table = build_logged_table(features, clicked.astype(np.int32), slate, place)
    fresh = np.zeros((2_000, WIDTH), np.float32)
    fresh[:, [AGE, YEARS]] = random.standard_normal((2_000, 2))

    def agreement(known):
        scores = fit_pointwise_listwise([replace(table, positions=known)], OF_LISTS, 0).score(fresh)
        return spearmanr(scores, fresh[:, AGE]).statistic  # likes rise with it

    blind, aware = agreement(None), agreement(table.positions)
    assert aware > 0.9
    assert aware > blind + 0.05


def test_what_trees_begin_from_is_not_moved_by_where_served_items_stood():
    """Served lists in which the first was taken whatever it was; a column goes with the place."""
    random = np.random.default_rng(0)
    features = np.zeros((3_000, WIDTH), np.float32)
    features[:, [AGE, YEARS]] = random.standard_normal((3_000, 2))
    liked = random.random(3_000) < 1 / (1 + np.exp(2.0 - 2.0 * features[:, AGE]))
    replayed = RankTable(features, liked.astype(np.int32), np.full(300, 10))
    place = np.tile(np.arange(10), 300)
    led = features.copy()
    led[:, YEARS] = -place
    served = build_logged_table(
        led, (place == 0).astype(np.int32), np.repeat(np.arange(300), 10), place
    )
    quick = replace(OF_LISTS, rounds=4, least_rounds=4, boosters=1)
    together = fit_pointwise_listwise(insert_logged_lists([replayed, replayed], served), quick, 0)
    alone = fit_pointwise_listwise([replayed, replayed], quick, 0)
    for one, other in zip(together.models, alone.models, strict=True):
        assert one.base.weights.tolist() == other.base.weights.tolist()
        assert one.boosters[0].model_to_string() != other.boosters[0].model_to_string()


@pytest.fixture(scope="module")
def fine():
    data = lightgbm.Dataset(FEATURES, LABELS, group=[40] * 10, params={"verbosity": -1})
    parameters = {"objective": "lambdarank", "verbosity": -1, "num_threads": 1, "min_data": 5}
    boosters = (lightgbm.train(parameters | {"seed": s}, data, 10) for s in (1, 2))
    return GradientBoosting.of(coarse(), *boosters)


def test_scores_are_those_of_the_linear_model_and_what_the_mean_booster_adds(fine):
    holes = np.where(RANDOM.random(FEATURES.shape) < 0.3, np.float32(np.nan), FEATURES)
    scores = fine.score(holes)
    assert scores.dtype == np.float32
    added = np.mean([booster.predict(holes) for booster in fine.boosters], axis=0)
    assert scores == pytest.approx(fine.base.score(holes) + added, rel=1e-4, abs=1e-4)
    added = np.mean([booster.predict(holes, num_iteration=3) for booster in fine.boosters], axis=0)
    few = fine.base.score(holes) + added
    assert fine.score(holes, 3) == pytest.approx(few, rel=1e-4, abs=1e-4)


def test_fine_puts_what_was_taken_before_what_was_not(fine):
    scores = fine.score(FEATURES)
    assert scores[LABELS == 1].mean() > scores[LABELS == 0].mean()
