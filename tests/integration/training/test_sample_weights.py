"""Weights of rows change what the rankers learn."""

from dataclasses import replace

import numpy as np

from app.features.views import FINE_VIEW, column_names
from offline.training.gbdt import fit_pointwise_listwise
from offline.training.rank_table import (
    RankTable,
)
from offline.training.rankers import RankConfig

WIDTH = len(column_names(FINE_VIEW))
LIKED, TASTE = (column_names(FINE_VIEW).index(name) for name in ("liked_infd", "taste_factors"))
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
        probe = np.zeros((2, WIDTH))
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
