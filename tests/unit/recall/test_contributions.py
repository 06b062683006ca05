"""The events named as reasons are those that the channel's score comes from."""

from dataclasses import replace

import numpy as np
import pytest

from app.kernels.reasons import weights_of_rows
from app.recall.channel import ChannelInputs
from app.recall.contributions import Contributions
from app.recall.registry import CHANNEL_SPECS
from app.recall.social import NoFriendEvents
from app.recall.vectors import flat_indexes
from app.state.counters import PopularityCounters
from app.state.table_readers import MappedTables
from tests.contract.channel_contract import MODELS, build_query
from tests.fakes import proposed, rows

BY_HISTORY = [spec for spec in CHANNEL_SPECS if spec.kind == "history"]


@pytest.fixture(scope="module")
def inputs(cpu):
    return ChannelInputs(
        models=MODELS,
        indexes=flat_indexes(MODELS),
        counters=PopularityCounters.of(MODELS),
        tables=MappedTables(MODELS.tables),
        friend_events=NoFriendEvents(),
        cpu=cpu,
    )


@pytest.mark.parametrize("spec", BY_HISTORY, ids=lambda spec: spec.name)
@pytest.mark.parametrize("user", ["u11", "u17"])
async def test_the_contributions_of_the_events_add_up_to_the_score_of_the_channel(
    inputs, spec, user
):
    channel, query = spec.build(spec.config, inputs), build_query(user)
    positive = query.history.take(np.flatnonzero(query.history.weights >= 0))
    query = replace(query, history=positive)
    found = await proposed(channel, query, 10)
    assert len(found)
    parts = channel.contributions(query, found.rows)
    assert set(parts.events.tolist()) <= set(query.history.rows.tolist())
    sums = parts.amounts.sum(axis=1)
    ratio = sums / found.scores
    assert ratio == pytest.approx(np.full(len(ratio), ratio[0]), rel=1e-3)
    assert ratio[0] == pytest.approx(1.0, rel=1e-3) or spec.name == "content"
    assert (parts.best(2)[:, 0] >= 0).all()


def test_the_best_events_are_those_that_add_most_and_repeats_count_together():
    amounts = np.array([[0.5, 0.2, 0.4, -1.0], [0.1, 0.0, -0.2, 0.0]])
    parts = Contributions(rows(7, 9, 7, 8), amounts)
    assert parts.best(2).tolist() == [[7, 9], [-1, -1]]
    assert Contributions(rows(7, 9), np.array([[0.1, 0.3]])).best(2).tolist() == [[9, 7]]
    assert Contributions(rows(9, 7, 8), np.array([[0.3, 0.3, 0.1]])).best(2).tolist() == [[7, 9]]


def test_the_weights_of_rows_are_found_in_each_span():
    neighbours = np.array([5, 69, 3, 5, 133, 5], np.int32)
    weights = np.array([1, 2, 4, 8, 16, 32], np.float32)
    spans = np.array([0, 3, 3]), np.array([3, 3, 6])
    for others in ((), range(200, 209)):  # few rows are compared, more are looked up
        found = weights_of_rows(*spans, neighbours, weights, rows(5, 69, 4, 5, *others))
        assert found[:4].tolist() == [[1, 0, 40], [2, 0, 0], [0, 0, 0], [1, 0, 40]]
        assert not found[4:].any()


def test_no_dislike_is_a_reason(inputs):
    spec = next(spec for spec in BY_HISTORY if spec.name == "user_cf")
    query = build_query("u11")
    disliked = query.history.rows[query.history.weights < 0]
    parts = spec.build(spec.config, inputs).contributions(query, rows(1, 2, 3))
    assert len(disliked)
    assert not np.isin(parts.events, disliked).any()
