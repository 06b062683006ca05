"""What every recall channel promises. To use it, inherit ``ChannelContract``."""

from dataclasses import replace

import numpy as np
import pytest

from app.contracts import NO_HISTORY
from app.query_builder import QueryBuilder
from app.state.counters import PopularityCounters
from tests.fakes import ITEMS, proposed, request, rows, small_models

MODELS = small_models()
BUILDER = QueryBuilder(MODELS, PopularityCounters.of(MODELS))
USERS = ("u03", "u17", "unknown user", "")  # two of the bundle, a new one, an anonymous one


class EvenRows:
    """A filter that allows the even rows."""

    name = "even"

    def allows(self, rows):
        return rows % 2 == 0


def build_query(user, **fields):
    """A query with the user's history, vectors and friends; its arrays cannot be written."""
    query = BUILDER.build(request(user, exclude=rows(*range(0, ITEMS, 5))), NO_HISTORY)
    query = replace(query, friends=("u05", "u11", "nobody"), **fields)
    query = replace(query, vectors=BUILDER.solve_vectors(query))
    for array in (query.excluded, query.history.rows, query.history.weights):
        array.flags.writeable = False
    return query


@pytest.mark.parametrize("user", USERS)
class ChannelContract:
    """Each class defines the fixture ``channel``, over the small world of ``tests.fakes``."""

    async def test_it_proposes_unique_known_items_best_first(self, channel, user):
        found = await proposed(channel, build_query(user))
        assert found.rows.dtype == np.int64
        assert found.scores.dtype == np.float32
        assert found.rows.shape == found.scores.shape == (len(found),)
        assert len(np.unique(found.rows)) == len(found)
        assert ((found.rows >= 0) & (found.rows < ITEMS)).all()
        assert np.isfinite(found.scores).all()
        assert (np.diff(found.scores) <= 0).all()

    @pytest.mark.parametrize("limit", [1, 7])
    async def test_it_proposes_no_more_than_the_limit(self, channel, user, limit):
        assert len(await proposed(channel, build_query(user), limit)) <= limit

    async def test_it_proposes_nothing_where_it_has_no_work(self, channel, user):
        for query in (
            build_query(user),
            replace(build_query(user), friends=(), history=NO_HISTORY),
        ):
            if hasattr(channel, "has_work") and not channel.has_work(query):
                assert not len(await proposed(channel, query))

    async def test_it_proposes_nothing_that_the_query_does_not_allow(self, channel, user):
        query = build_query(user, filters=(EvenRows(),))
        found = await proposed(channel, query)
        assert query.allows(found.rows).all()

    async def test_the_same_query_twice_is_answered_alike(self, channel, user):
        query = build_query(user)
        one, two = [await proposed(channel, query, 20) for _ in range(2)]
        assert one.rows.tobytes() == two.rows.tobytes()
        assert one.scores.tobytes() == two.scores.tobytes()

    async def test_a_shorter_list_is_the_head_of_a_longer_one(self, channel, user):
        query = build_query(user)
        short, long = [await proposed(channel, query, limit) for limit in (5, 20)]
        assert short.rows.tolist() == long.rows[: len(short)].tolist()

    async def test_without_an_allowed_item_it_proposes_nothing(self, channel, user):
        found = await proposed(channel, build_query(user, excluded=np.arange(ITEMS)))
        assert len(found) == 0
