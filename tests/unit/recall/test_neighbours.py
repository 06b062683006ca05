"""The neighbourhood channels against slow, obvious references."""

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest

from app.artifacts import NeighbourTable
from app.contracts import StageError
from app.recall.item_table import ItemTableChannelConfig, ItemTableRecall
from app.recall.table_channel import RemoteTableChannel, TableChannel
from app.recall.user_cf import UserCFChannelConfig, UserCFRecall
from app.state.table_readers import MappedTables
from tests.fakes import ITEMS, USERS, history, proposed, query, rows, small_models

MODELS = small_models()
PLAIN = small_models(explicit=False)


class NoTables:
    async def read(self, table, rows):
        raise StageError("store is down")


def user_query(models, user, **fields):
    events = models.users.history(user)
    return query(
        user_row=user, history=events, exclude=events.rows, now=models.popularity.at, **fields
    )


ITEM_TABLES = ("item_cf", "ease", "rp3beta", "transitions")


def item_table(models=MODELS, table="item_cf", **fields):
    config = ItemTableChannelConfig(**fields)
    return TableChannel(ItemTableRecall(f"by {table}", table, config), MappedTables(models.tables))


def user_cf(models=MODELS, **fields):
    recall = UserCFRecall(models.users, models.centred, UserCFChannelConfig(**fields))
    return TableChannel(recall, MappedTables(models.tables))


def small_tables(**tables):
    return replace(MODELS, tables=tables)


EVERY_TABLE = [item_table(table=table) for table in ITEM_TABLES]


def entries(table, row):
    span = slice(table.indptr[row], table.indptr[row + 1])
    return list(zip(table.rows[span].tolist(), table.weights[span].tolist(), strict=True))


def best(scores, exclude, limit):
    left = {row: s for row, s in scores.items() if s > 0 and row not in exclude}
    return sorted(left.items(), key=lambda pair: (-pair[1], pair[0]))[:limit]


def slow_item_table(query, table, newest, fade, limit):
    events = query.history.liked(newest)
    scores = defaultdict(float)
    for age, (row, weight) in enumerate(zip(events.rows, events.weights, strict=True)):
        for neighbour, near in entries(table, row):
            scores[neighbour] += near * max(weight, 0.1) * fade**age
    return best(scores, query.excluded, limit)


def slow_user_cf(query, models, newest, nearest, shrink):
    events = query.history.take(np.arange(min(newest, len(query.history))))
    own = (
        events.values - events.values.mean(dtype=np.float64)
        if models.centred
        else np.maximum(events.weights, 0.0)
    ).astype(np.float64)
    length = np.sqrt((own**2).sum())
    own = own / length if length else np.full(len(own), 1 / np.sqrt(len(own)))
    alike, shared = defaultdict(float), defaultdict(int)
    for row, opinion in zip(events.rows, own, strict=True):
        for user, weight in entries(models.tables["raters"], row):
            alike[user] += weight * opinion
            shared[user] += 1
    near = {
        u: a * shared[u] / (shared[u] + shrink) for u, a in alike.items() if u != query.user_row
    }
    scores = defaultdict(float)
    for user, weight_sum in sorted(((u, a) for u, a in near.items() if a > 0), key=lambda p: -p[1])[
        :nearest
    ]:
        theirs = models.users.history(user)
        for row, weight in zip(theirs.rows, theirs.weights, strict=True):
            scores[row] += weight_sum * max(weight, 0.0)
    return best(scores, query.excluded, 1_000)


def assert_same(result, expected):
    assert len(result) == len(expected)
    assert dict(zip(result.rows.tolist(), result.scores.tolist(), strict=True)) == pytest.approx(
        dict(expected), rel=1e-5
    )
    assert np.all(np.diff(result.scores) <= 0)


@pytest.mark.parametrize("user", range(0, USERS, 7))
@pytest.mark.parametrize("models", [MODELS, PLAIN], ids=["ratings", "likes"])
@pytest.mark.parametrize("table", ITEM_TABLES)
async def test_an_item_table_channel_sums_the_neighbours_of_liked_items(models, user, table):
    one = user_query(models, user)
    channel = item_table(models, table, n_events=9, decay=0.9)
    expected = slow_item_table(one, models.tables[table], 9, 0.9, 1_000)
    assert expected
    assert_same(await proposed(channel, one), expected)


@pytest.mark.parametrize("user", range(0, USERS, 7))
@pytest.mark.parametrize("models", [MODELS, PLAIN], ids=["ratings", "likes"])
async def test_user_cf_sums_what_similar_users_liked(models, user):
    one = user_query(models, user)
    channel = user_cf(models, n_events=12, n_neighbours=5, shrink=3.0)
    expected = slow_user_cf(one, models, 12, 5, 3.0)
    assert expected
    assert_same(await proposed(channel, one), expected)


@pytest.mark.parametrize("channel", [*EVERY_TABLE, user_cf()])
async def test_a_user_without_history_gets_no_proposals(channel):
    assert len(await proposed(channel, query())) == 0


@pytest.mark.parametrize("channel", [*EVERY_TABLE, user_cf()])
async def test_a_missing_table_proposes_nothing(channel):
    empty = replace(channel, tables=MappedTables({}))
    assert len(await proposed(empty, user_query(MODELS, 3))) == 0


@pytest.mark.parametrize("channel", [*EVERY_TABLE, user_cf()])
async def test_a_store_that_is_down_raises_a_stage_error(channel):
    with pytest.raises(StageError):
        await proposed(RemoteTableChannel(channel.source, NoTables()), user_query(MODELS, 3))


async def test_newer_likes_count_more():
    table = NeighbourTable(
        np.array([0, 1, 2, 2, 2]), np.array([2, 3], np.int32), np.ones(2, np.float32)
    )
    channel = item_table(small_tables(any=table), "any", decay=0.5)
    events = history((1, 5, 1, 9), (0, 5, 1, 8))
    result = await proposed(channel, query(n=4, history=events, exclude=[0, 1]))
    assert result.rows.tolist() == [3, 2]
    assert result.scores.tolist() == [1.0, 0.5]


async def test_neutral_events_count_a_tenth_where_nothing_was_liked():
    neutral = history((3, 3, 0, 9), (8, 3, 0, 8))
    one = query(history=neutral, exclude=[3, 8])
    liked = query(history=replace(neutral, weights=np.ones(2, np.float32)), exclude=[3, 8])
    result, loud = [await proposed(item_table(), each) for each in (one, liked)]
    assert len(result) > 0
    assert result.rows.tolist() == loud.rows.tolist()
    assert result.scores == pytest.approx(0.1 * loud.scores, rel=1e-5)


async def test_users_do_not_recommend_to_themselves():
    one = user_query(MODELS, 3)
    channel = user_cf(n_neighbours=1)
    unknown = replace(one, user_row=-1)
    alone, same = await proposed(channel, one), await proposed(channel, unknown)
    liked = MODELS.users.history(3)
    mine = set(liked.rows[liked.weights > 0].tolist())
    assert set(same.rows.tolist()).isdisjoint(mine)
    assert len(same) == 0 < len(alone)


async def test_a_user_whose_ratings_are_all_equal_has_neighbours():
    events = MODELS.users.history(3)
    flat = replace(events, values=np.full(len(events), 3, np.float32))
    one, channel = replace(user_query(MODELS, 3), history=flat), user_cf(n_events=12)
    assert_same(await proposed(channel, one), slow_user_cf(one, MODELS, 12, 60, 10.0))


async def test_many_agreeing_users_outweigh_one_who_shares_a_single_item():
    one = user_query(MODELS, 3)
    result = [await proposed(user_cf(shrink=s, n_neighbours=3), one) for s in (0.0, 50.0)]
    assert result[0].rows.tolist() != result[1].rows.tolist()


async def test_negative_weights_can_outweigh_positive_ones():
    """EASE has negative weights: an item is proposed only if the sum is above 0."""
    table = NeighbourTable(
        np.array([0, 2, 4, 4, 4]),
        np.array([2, 3, 3, 2], np.int32),
        np.array([1.0, 1.0, 0.5, -2.0], np.float32),
    )
    channel = item_table(small_tables(any=table), "any", decay=1.0)
    events = history((1, 5, 1, 9), (0, 5, 1, 8))
    result = await proposed(channel, query(n=4, history=events, exclude=[0, 1]))
    assert (result.rows.tolist(), result.scores.tolist()) == ([3], [1.5])


def test_rows_that_are_not_in_the_table_have_no_neighbours():
    spans = MappedTables(MODELS.tables).spans("item_cf", rows(-1, ITEMS, 5))
    assert ((spans.ends - spans.starts) > 0).tolist() == [False, False, True]
