"""Training on lists that were served: the place is taken out of what was taken."""

from dataclasses import replace

import numpy as np
from scipy.stats import spearmanr

from app.features.views import FINE_VIEW, column_names
from offline.training.gbdt import fit_pointwise_listwise
from offline.training.rank_table import RankTable
from offline.training.rankers import RankConfig
from offline.training.row_collection import build_logged_table, insert_logged_lists

WIDTH = len(column_names(FINE_VIEW))
AGE, YEARS = (column_names(FINE_VIEW).index(name) for name in ("age", "years_since_release"))
CONFIG = RankConfig(rounds=75, leaf_rows=20, boosters=1)


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
    fresh = np.zeros((2_000, WIDTH))
    fresh[:, [AGE, YEARS]] = random.standard_normal((2_000, 2))

    def agreement(known):
        scores = fit_pointwise_listwise([replace(table, positions=known)], CONFIG, 0).score(fresh)
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
    quick = replace(CONFIG, rounds=4, least_rounds=4, boosters=1)
    together = fit_pointwise_listwise(insert_logged_lists([replayed, replayed], served), quick, 0)
    alone = fit_pointwise_listwise([replayed, replayed], quick, 0)
    for one, other in zip(together.models, alone.models, strict=True):
        assert one.base.weights.tolist() == other.base.weights.tolist()
        assert one.boosters[0].model_to_string() != other.boosters[0].model_to_string()
