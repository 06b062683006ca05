"""How fast the listwise model takes over is learned where that is clear, and else stays."""

from dataclasses import replace

import numpy as np
import pytest

from app.features.views import FINE_VIEW, column_names
from app.rank.pointwise_listwise import EVENTS_COLUMN, HALF, Growth, PointwiseListwiseBlend
from offline.training.blend_share import FEWEST, HALVES, Predicted, fit_growth, predicted, sentence
from offline.training.rank_table import RankTable
from offline.training.rankers import RankConfig, fit_fine

SIZE = 30  # rows of a pool
WIDTH = len(column_names(FINE_VIEW))
QUICK = RankConfig(rounds=12, least_rounds=6, leaf_rows=5, boosters=1)
LENGTHS = (1, 2, 4, 7, 12, 20, 35, 60, 100, 200, 400)  # of histories, in events


def pools(events, seed=0):
    """One pool for each number of events, with one item in six taken."""
    random = np.random.default_rng(seed)
    features = random.standard_normal((len(events) * SIZE, WIDTH)).astype(np.float32)
    features[:, EVENTS_COLUMN] = np.repeat(np.log1p(events), SIZE)
    labels = np.zeros((len(events), SIZE), np.int32)
    labels[:, : SIZE // 6] = 1
    return RankTable(features, labels.ravel(), np.full(len(events), SIZE))


def told(table, right, seed):
    """Scores that know what was taken in the rows that are ``right``, and guess in the others."""
    guess = np.random.default_rng(seed).standard_normal(len(table))
    return (guess + 3.0 * table.labels * right).astype(np.float32)


def world(turn, groups=400, seed=0):
    """The pointwise model is right up to ``turn`` events, the listwise one from there on."""
    events = np.random.default_rng(seed).choice(LENGTHS, groups).astype(np.float64)
    table = pools(events, seed)
    long = np.repeat(events > turn, SIZE)
    return Predicted(table, told(table, ~long, seed + 1), told(table, long, seed + 2))


@pytest.mark.parametrize(("turn", "least", "most"), [(0, 0, 5), (3, 0, 10), (150, 40, 200)])
def test_both_count_half_about_where_the_better_of_them_changes(turn, least, most):
    growth = fit_growth([world(turn)])
    assert least < growth.half <= most
    assert growth.half != HALF
    assert growth.pools == 400
    assert growth.gain > growth.error > 0


def test_where_the_usual_is_right_it_stays():
    assert fit_growth([world(20)]) == Growth(pools=400)


def test_the_more_the_listwise_model_knows_the_earlier_it_takes_over():
    halves = [fit_growth([world(turn)]).half for turn in (0, 3, 20, 60, 400)]
    assert halves == sorted(halves)
    assert halves[0] < HALF < halves[-1]


def noise(seed, groups=60):
    """Two models that know equally much, whatever the history."""
    table = pools(np.random.default_rng(seed).choice(LENGTHS, groups), seed)
    each = (told(table, np.ones(len(table)), seed + part) for part in (100, 200))
    return Predicted(table, *each)


def test_where_noise_decides_the_usual_mostly_stays_and_else_moves_to_a_neighbour():
    halves = [fit_growth([noise(seed, 150)]).half for seed in range(40)]
    assert halves.count(HALF) >= 38
    assert set(halves) <= {10.0, HALF, 40.0}


def test_of_models_that_say_the_same_neither_takes_over_sooner():
    table = pools(np.tile(LENGTHS, 20))
    alike = told(table, np.ones(len(table)), 1)
    assert fit_growth([Predicted(table, alike, alike)]) == Growth(pools=220)


def test_where_no_pool_was_held_out_nothing_is_learned():
    assert fit_growth([]) == Growth()
    empty = pools([0, 3]).take(np.empty(0, np.intp))
    nothing = np.empty(0, np.float32)
    assert fit_growth([Predicted(empty, nothing, nothing)]) == Growth()


def test_of_few_pools_nothing_is_learned_however_clear_they_are():
    assert fit_growth([world(0, FEWEST - 1)]) == Growth(pools=FEWEST - 1)
    assert fit_growth([world(0, FEWEST)]).half < HALF


def test_several_held_out_windows_count_together():
    parts = [world(0, FEWEST - 1, seed) for seed in (1, 2)]
    growth = fit_growth(parts)
    assert growth.pools == 2 * (FEWEST - 1)
    assert growth.half < HALF


class Constant:
    """Stands in for a model; its score is that of the trees that are asked."""

    def score(self, features, trees=-1):
        return np.full(len(features), float(trees), np.float32)


def test_strangers_and_pools_without_anything_taken_are_left_out():
    table = pools([0, 3, 9, 27])
    labels = table.labels.copy()
    labels[SIZE : 2 * SIZE] = 0
    found = predicted(replace(table, labels=labels), Constant(), Constant(), 5)
    assert found.table.groups.tolist() == [SIZE, SIZE]
    assert np.unique(np.expm1(found.table.features[:, EVENTS_COLUMN]).round()).tolist() == [9, 27]
    assert found.pointwise.tolist() == found.listwise.tolist() == [5.0] * 2 * SIZE


def test_a_window_of_strangers_says_nothing():
    found = predicted(pools([0, 0]), Constant(), Constant(), 5)
    assert len(found.table) == len(found.pointwise) == len(found.listwise) == 0
    assert fit_growth([found]) == Growth()


def window(seed, groups=40, history=50.0):
    """A window in which a column that both models see says what is taken."""
    table = pools(np.full(groups, history), seed)
    features = table.features.copy()
    features[:, 3] += 2 * table.labels
    return replace(table, features=features)


def test_a_training_learns_it_on_the_windows_that_it_holds_out():
    windows = [window(seed) for seed in range(3)]
    assert fit_fine(windows, QUICK, 0).growth.pools == 40
    assert fit_fine(windows, replace(QUICK, held_out=2), 0).growth.pools == 80
    assert fit_fine(windows, replace(QUICK, held_out=0), 0).growth == Growth()
    assert fit_fine(windows[:1], QUICK, 0).growth == Growth()


def test_a_training_with_positions_learns_it_as_well():
    windows = [
        replace(one, positions=np.zeros(len(one), np.int32)) for one in map(window, range(2))
    ]
    assert fit_fine(windows, QUICK, 0).growth.pools == 40


def test_what_is_learned_decides_the_scores(monkeypatch):
    windows = [window(seed) for seed in range(2)]
    monkeypatch.setattr("offline.training.rankers.fit_growth", lambda _: Growth(5.0, 40, 0.1, 0.01))
    fine = fit_fine(windows, QUICK, 0)
    features = window(2).features
    share = 50 / 55
    expected = (1 - share) * fine.pointwise.score(features) + share * fine.listwise.score(features)
    assert fine.score(features) == pytest.approx(expected, abs=1e-3)
    usual = PointwiseListwiseBlend(fine.pointwise, fine.listwise)
    assert fine.score(features) != pytest.approx(usual.score(features), abs=1e-3)


@pytest.mark.parametrize(
    ("growth", "said"),
    [
        (Growth(pools=3), "half at 20 events of history, as is usual: 3 held-out pools"),
        (Growth(pools=90), "on 90 held-out pools no other was better by two standard errors"),
        (Growth(5.0, 90, 0.0123, 0.004), "half at 5 events of history, learned on 90"),
        (Growth(5.0, 90, 0.0123, 0.004), "+0.0123 against 20 events (standard error 0.0040)"),
    ],
)
def test_what_was_learned_is_said_in_a_sentence(growth, said):
    assert said in sentence(growth)


def test_the_usual_is_one_of_those_compared():
    assert HALF in HALVES
    assert list(HALVES) == sorted(HALVES)
