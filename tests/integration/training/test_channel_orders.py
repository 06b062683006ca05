"""Whether training finds out for whom a channel ranks better than the trees."""

from dataclasses import replace
from math import inf

import numpy as np
import pytest

from app.features.views import FINE_VIEW, column_names
from app.rank.channel_order import ALONE
from offline.training.channel_orders import LEAST_GROUPS, choose_channel_orders
from offline.training.gbdt import fit_pointwise_listwise
from offline.training.rank_table import RankTable
from offline.training.rankers import RankConfig

COLUMNS = column_names(FINE_VIEW)
RANK, OTHER, FRESH, EVENTS = map(
    COLUMNS.index, ("ease_rank", "trending_rank", "fresh_rank", "user_events")
)
GROUPS, ROWS = 80, 30
CONFIG = RankConfig(rounds=12, least_rounds=6, leaf_rows=5, boosters=1)


def table(events, *, by_rank=True, seed=0, groups=GROUPS):
    """Groups of rows. ``by_rank``: the three best of the channel are liked; else any three."""
    random = np.random.default_rng(seed)
    features = random.standard_normal((groups, ROWS, len(COLUMNS))).astype(np.float32)
    places = random.permuted(np.tile(np.arange(ROWS), (groups, 1)), axis=1)
    features[..., RANK] = 1 / (10 + places)
    features[..., OTHER] = 1 / (10 + random.permuted(places, axis=1))
    features[..., EVENTS] = np.log1p(events)
    chosen = places if by_rank else random.permuted(places, axis=1)
    labels = (chosen < 3).astype(np.int32).ravel()
    return RankTable(features.reshape(-1, len(COLUMNS)), labels, np.full(groups, ROWS, np.int64))


def noise(rows, seed=1):
    return np.random.default_rng(seed).standard_normal(rows).astype(np.float32)


def test_a_channel_that_is_right_where_the_trees_are_not_has_the_order():
    held_out = table(30)
    (order,) = choose_channel_orders(held_out, noise(len(held_out)))
    assert (order.column, order.weight) == ("ease_rank", ALONE)
    assert (order.events_from, order.events_to) == (20, inf)
    assert order.ndcg + order.gain == pytest.approx(1.0)
    assert order.ndcg < 0.5


@pytest.mark.parametrize("held_out", [table(30), table(30, by_rank=False)])
def test_nothing_is_chosen_where_the_trees_are_right(held_out):
    assert choose_channel_orders(held_out, held_out.labels.astype(np.float32)) == ()


def test_nothing_is_chosen_where_no_channel_is_right():
    held_out = table(30, by_rank=False)
    assert choose_channel_orders(held_out, noise(len(held_out))) == ()


def test_each_band_of_users_has_its_own_choice():
    parts = [table(30), table(0, by_rank=False), table(3, seed=2)]
    held_out = RankTable(
        np.concatenate([part.features for part in parts]),
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.groups for part in parts]),
    )
    orders = choose_channel_orders(held_out, noise(len(held_out)))
    assert {(one.events_from, one.events_to) for one in orders} == {(20, inf), (1, 5)}


def test_the_order_of_new_items_is_never_chosen():
    held_out = table(30)
    features = held_out.features.copy()
    features[:, [RANK, FRESH]] = features[:, [FRESH, RANK]]
    held_out = replace(held_out, features=features)
    assert choose_channel_orders(held_out, noise(len(held_out))) == ()


def test_a_few_groups_choose_nothing():
    held_out = table(30, groups=LEAST_GROUPS - 1)
    assert choose_channel_orders(held_out, noise(len(held_out))) == ()


def test_groups_in_which_nothing_is_positive_are_left_out():
    held_out = table(30)
    labels = held_out.labels.copy()
    labels[: ROWS * (GROUPS - LEAST_GROUPS + 1)] = 0
    assert choose_channel_orders(replace(held_out, labels=labels), noise(len(held_out))) == ()


def test_a_fit_compares_with_trees_of_earlier_windows_on_the_newest_one():
    windows = [table(30, by_rank=False, seed=1), table(30, by_rank=False, seed=2), table(30)]
    model = fit_pointwise_listwise(windows, CONFIG, 0)
    assert [order.column for order in model.orders] == ["ease_rank"]
    off = fit_pointwise_listwise(windows, replace(CONFIG, channel_orders=False), 0)
    assert off.orders == ()
    assert [one.to_text() for one in off.models] == [one.to_text() for one in model.models]


def test_one_window_chooses_nothing():
    assert fit_pointwise_listwise([table(30)], CONFIG, 0).orders == ()
