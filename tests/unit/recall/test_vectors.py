import numpy as np
import pytest

from app.contracts import UserVectors
from app.query_builder import QueryBuilder
from app.recall.vectors import VectorChannel, flat_index
from app.state.counters import PopularityCounters
from tests.fakes import ITEMS, proposed, query, request, small_models

MODELS = small_models()
BUILDER = QueryBuilder(MODELS, PopularityCounters(MODELS.popularity))


def channel(items=None):
    vectors = MODELS.factors.items if items is None else items
    return VectorChannel("embedding", flat_index(vectors), vectors, lambda q: q.vectors.factors)


def build_query(user, **fields):
    result = BUILDER.build(request(user, **fields), MODELS.users.history(-1))
    return result, BUILDER.solve_vectors(result)


def query_with_vector(vector, **fields):
    return query(
        vectors=UserVectors(np.array(vector, np.float32), np.empty(0, np.float32)), **fields
    )


@pytest.mark.parametrize("user", ["u03", "u17", "u42"])
async def test_the_nearest_items_are_those_of_a_brute_force_search(user):
    one, vectors = build_query(user)
    result = await proposed(channel(), query_with_vector(vectors.factors, exclude=one.excluded))
    near = MODELS.factors.items.astype(np.float64) @ vectors.factors
    left = np.flatnonzero((near > 0) & one.allows(np.arange(len(near))))
    expected = left[np.argsort(-near[left])]
    assert result.rows.tolist() == expected.tolist()
    assert result.scores == pytest.approx(near[expected], rel=1e-4, abs=1e-6)


async def test_seen_items_do_not_shorten_the_list():
    one, vectors = build_query("u03")
    near = MODELS.factors.items @ vectors.factors
    seen = np.argsort(-near)[:12]
    events = one.history.take(np.arange(12))
    some = query_with_vector(vectors.factors, history=events, exclude=seen)
    result = await proposed(channel(), some, 10)
    assert len(result) == 10
    assert not np.isin(result.rows, seen).any()


async def test_a_user_without_a_vector_gets_no_proposals():
    assert (
        len(await proposed(channel(), query_with_vector(np.zeros(MODELS.factors.items.shape[1]))))
        == 0
    )


async def test_a_space_without_dimensions_proposes_nothing():
    nothing = channel(np.empty((ITEMS, 0), np.float32))
    assert nothing.index.ntotal == 0
    assert len(await proposed(nothing, query_with_vector([]))) == 0


async def test_a_catalogue_smaller_than_the_limit_is_returned_whole():
    items = np.eye(3, dtype=np.float32)
    result = await proposed(channel(items), query_with_vector([3, 1, 2], n=3), 100)
    assert result.rows.tolist() == [0, 2, 1]


async def test_items_with_a_negative_product_are_not_proposed():
    items = np.array([[1, 0], [-1, 0], [0, 1]], np.float32)
    result = await proposed(channel(items), query_with_vector([1, 0], n=3))
    assert result.rows.tolist() == [0]
