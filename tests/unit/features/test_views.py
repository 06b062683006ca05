"""The views as a whole: names, fingerprint, and equal bits in training and serving."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from app.build import FunnelConfig
from app.contracts import Candidates, UserVectors
from app.deadline import NO_CHECKPOINTS
from app.features.context import FeatureContext, LikeShares
from app.features.views import (
    COARSE_VIEW,
    FINE_VIEW,
    FeatureBuilder,
    column_names,
    features,
    view_hash,
)
from app.recall.registry import CHANNELS
from app.state.counters import PopularityCounters
from offline.training.past_requests import build_offline_funnel
from tests.fakes import ITEMS, history, random_pool, request, small_models
from tests.feature_cases import CASES, EVENTS, KINDS, build_query, funnel, models

FINE_ONLY = FINE_VIEW[len(COARSE_VIEW) :]


def test_a_matrix_has_a_column_for_each_name_and_a_row_for_each_candidate(case):
    assert case.matrix.shape == (len(case.pool), len(column_names(FINE_VIEW)))
    assert case.matrix.dtype == np.float32
    assert not np.isinf(case.matrix).any()


def test_names_are_unique_and_the_coarse_columns_are_the_first_of_the_fine():
    assert len(set(column_names(FINE_VIEW))) == len(column_names(FINE_VIEW))
    assert column_names(FINE_VIEW)[: len(column_names(COARSE_VIEW))] == column_names(COARSE_VIEW)


def test_a_view_of_other_columns_or_formulas_has_another_fingerprint():
    fewer, other = view_hash(fine=FINE_VIEW[:-1]), view_hash(formulas="another")
    assert len({view_hash(), fewer, other}) == 3
    assert len(view_hash()) == 16


def test_every_feature_is_described_and_no_two_alike():
    described = [(feature.meaning, feature.formula) for feature in features(FINE_VIEW)]
    assert all(meaning and formula for meaning, formula in described)
    assert len({meaning for meaning, _ in described}) == len(described)


@pytest.mark.parametrize(("kind", "events"), CASES)
def test_the_smallest_pools_cause_no_warning(kind, events):
    query = build_query(funnel(kind), EVENTS[events], segments=(-1, -1))
    for n in (0, 1):
        pool = random_pool(np.random.default_rng(0), n, ITEMS)
        for stage in (funnel(kind).coarse, funnel(kind).fine):
            assert stage.features.build(query, pool).shape[0] == n


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("user", ["u03", "u17", "stranger", ""])
async def test_serving_computes_the_features_of_training_bit_for_bit(cpu, kind, user):
    """Serving computes the coarse columns, cuts the pool and adds the rest; training does not."""
    served = build_offline_funnel(models(kind), FunnelConfig(cpu, NO_CHECKPOINTS))
    slate = await served.recommend(request(user, 5))
    whole = served.fine.features.build(slate.query, slate.merged)
    assert len(slate.merged) > len(slate.slate) > 0
    for pool in (slate.fine, slate.slate.pool):
        at = np.searchsorted(slate.merged.rows, pool.rows)
        assert whole[at].tobytes() == pool.features.tobytes()


@pytest.mark.parametrize(("kind", "events"), CASES)
def test_the_features_of_an_item_do_not_depend_on_the_size_of_the_pool(kind, events):
    one, random = funnel(kind), np.random.default_rng(1)
    query, merged = build_query(one, EVENTS[events]), random_pool(random, ITEMS, ITEMS)
    coarse = replace(merged, features=one.coarse.features.build(query, merged))
    whole = one.fine.features.build(query, merged)
    for keep in (*range(1, 12), 33, 57, ITEMS - 1):
        chosen = random.permutation(ITEMS)[:keep]
        kept = one.fine.features.build(query, coarse.take(chosen))
        assert kept.tobytes() == whole[chosen].tobytes()


@pytest.fixture(scope="module")
def wide(cpu):
    """A funnel over 900 items with 64 factors and 64 categories."""
    random, n = np.random.default_rng(0), 900
    vectors = random.standard_normal((n, 64)).astype(np.float32)
    content = np.abs(random.standard_normal((n, 19))).astype(np.float32)
    content /= np.linalg.norm(content, axis=1, keepdims=True)
    return build_offline_funnel(
        widened(small_models(), vectors, content), FunnelConfig(cpu, NO_CHECKPOINTS)
    )


@pytest.mark.parametrize("h", [1, 2, 5, 20, 70])
def test_fine_features_are_bit_equal_in_small_and_large_pools(wide, h):
    """BLAS computes large products differently; compared before the rounding to float32."""
    random = np.random.default_rng(h)
    merged = random_pool(random, 800, 900)
    events = history(*((i * 31 % 900, 1 + i % 5, (1, 1, -1)[i % 3], 9e8 - i) for i in range(h)))
    query = build_query(wide, events)
    whole = filled(wide, query, merged)
    for keep in (300, 299, 100, 37, 7, 1):
        chosen = random.permutation(800)[:keep]
        for name, column in filled(wide, query, merged.take(chosen)).items():
            assert column.tobytes() == whole[name][chosen].tobytes(), name


def filled(funnel, query, pool: Candidates):
    """The columns that the fine view adds, as computed, in full precision."""
    b = funnel.fine.features
    scene = FeatureContext(b.models, b.counters, b.like_shares, query, pool)
    columns = [
        np.broadcast_to(column, len(pool))
        for group in FINE_ONLY
        for block in group.compute(scene)
        for column in np.atleast_2d(block)
    ]
    return dict(zip((name for group in FINE_ONLY for name in group.names), columns, strict=True))


def widened(models, vectors, content):
    """The same models over more items, of which only vectors and categories matter."""
    n = len(vectors)

    def tile(array):
        return np.concatenate([array] * (n // ITEMS + 1), axis=-1)[..., :n]

    catalogue, popularity = models.catalogue, models.popularity
    flags = np.random.default_rng(0).random((n, 64)) < 0.15
    return replace(
        models,
        catalogue=replace(
            catalogue,
            ids=replace(catalogue.ids, keys=np.array([b"%04d" % i for i in range(n)])),
            categories=flags.astype(np.uint8),
            released=tile(catalogue.released),
            available=np.ones(n, np.bool_),
            providers=tile(catalogue.providers),
        ),
        popularity=replace(
            popularity,
            counts=tile(popularity.counts),
            liked=tile(popularity.liked),
            first_seen=tile(popularity.first_seen),
            mean_value=tile(popularity.mean_value),
        ),
        segments=replace(models.segments, share=tile(models.segments.share)),
        factors=replace(models.factors, items=vectors, gram=vectors.T @ vectors),
        content=replace(models.content, items=content),
    )


def test_features_allocate_nothing_as_long_as_the_catalogue():
    one = funnel("ratings")
    n = 200_000
    models = widened(one.fine.features.models, *np.ones((2, n, 3), np.float32))
    share = np.asfortranarray(models.segments.share)  # as a bundle has it
    models = replace(models, segments=replace(models.segments, share=share))
    counters = PopularityCounters.of(models, spare=1)
    builder = FeatureBuilder(FINE_VIEW, models, counters, LikeShares.of(models))
    query = build_query(one, EVENTS["one like"])
    query = replace(query, vectors=UserVectors(*np.ones((3, 3), np.float32)))
    pool = random_pool(np.random.default_rng(0), 9, ITEMS)
    builder.build(query, pool)
    tracemalloc.start()
    builder.build(query, pool)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < n  # a column of numbers has eight times as many bytes


def test_columns_that_the_pool_has_already_are_kept():
    one = funnel("ratings")
    query, pool = (
        build_query(one, EVENTS["one like"]),
        random_pool(np.random.default_rng(0), 9, ITEMS),
    )
    width = len(column_names(COARSE_VIEW))
    brought = np.arange(9 * width, dtype=np.float32).reshape(9, width)
    built = one.fine.features.build(query, replace(pool, features=brought))
    assert built[:, :width].tobytes() == brought.tobytes()
    assert built[:, width:].tobytes() == one.fine.features.build(query, pool)[:, width:].tobytes()


def test_each_channel_has_its_columns():
    assert column_names(COARSE_VIEW)[: len(CHANNELS)] == tuple(f"{c}_rank" for c in CHANNELS)
