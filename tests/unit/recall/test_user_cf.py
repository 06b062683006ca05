"""User-CF by the textbook, against a few lines of numpy."""

import numpy as np
import pytest

from app.catalogue.ids import IdIndex
from app.recall.table_channel import TableChannel
from app.recall.user_cf import UserCFChannelConfig, UserCFRecall
from app.state.table_readers import MappedTables
from offline.data.dataset import Log
from offline.models.registry import build_users
from offline.models.user_cf import UserCFConfig, fit_raters
from tests.fakes import query

USERS, ITEMS = 12, 15


@pytest.fixture
def ratings():
    """(u, n) stars; NaN: not rated."""
    random = np.random.default_rng(4)
    stars = random.integers(1, 6, (USERS, ITEMS)).astype(float)
    stars[random.random((USERS, ITEMS)) < 0.45] = np.nan
    return stars


def recall(stars, user, **settings):
    who, what = np.nonzero(~np.isnan(stars))
    values = stars[who, what].astype(np.float32)
    ones = np.ones(len(who), np.float32)
    log = Log(who.astype(np.int32), what.astype(np.int32), values, ones, np.arange(len(who)) * 1.0)
    users = build_users(
        log, IdIndex.of([f"u{u:02}" for u in range(USERS)]), np.empty((USERS, 0), np.int32)
    )
    table = fit_raters(log, (USERS, ITEMS), UserCFConfig(likeness="pearson"), centred=True)
    config = UserCFChannelConfig(n_events=50, formula="predict", **settings)
    channel = TableChannel(UserCFRecall(users, True, config), MappedTables({"raters": table}))
    asked = query(n=ITEMS, user_row=user, history=users.history(user))
    found = channel.recall(asked, ITEMS)
    return dict(zip(found.rows.tolist(), found.scores.tolist(), strict=True))


@pytest.mark.parametrize("user", [0, 5, 11])
def test_predictions_are_those_of_the_textbook(ratings, user):
    centred = ratings - np.nanmean(ratings, axis=1, keepdims=True)
    both = ~np.isnan(centred) & ~np.isnan(centred[user])
    a, b = np.where(both, centred, 0.0), np.where(both, centred[user], 0.0)
    similar = (a * b).sum(1) / np.sqrt((a**2).sum(1) * (b**2).sum(1))
    similar[user] = 0.0
    weights = np.where(np.isnan(centred), 0.0, np.abs(similar)[:, None]).sum(0)
    expected = np.nanmean(ratings[user]) + np.nansum(similar[:, None] * centred, axis=0) / weights
    found = recall(ratings, user, n_neighbours=USERS, shrink=0.0)
    assert len(found) >= ITEMS - 2
    for item, score in found.items():
        assert score == pytest.approx(expected[item], abs=1e-4)


def test_only_the_nearest_users_are_asked_and_few_co_rated_items_count_less(ratings):
    everyone = recall(ratings, 0, n_neighbours=USERS, shrink=0.0)
    assert recall(ratings, 0, n_neighbours=3, shrink=0.0) != everyone
    assert recall(ratings, 0, n_neighbours=USERS, shrink=10.0) != everyone


def test_a_user_whose_ratings_are_all_equal_has_no_neighbours(ratings):
    ratings[0] = np.where(np.isnan(ratings[0]), np.nan, 3.0)
    assert recall(ratings, 0, n_neighbours=USERS, shrink=0.0) == {}
