from dataclasses import replace

import numpy as np
import pytest

from app import build as assembling
from app.artifacts import Sizes
from app.build import (
    ITEM_TABLES,
    UNTRAINED_RANKERS,
    FunnelConfig,
    compute_category_share,
    compute_item_share,
)
from app.cpu import Cpu
from app.deadline import NO_CHECKPOINTS
from app.features.views import CHANNELS, COARSE_VIEW, FINE_VIEW, column_names
from app.recall.item_table import ItemTableChannel
from app.recall.vectors import ThreadedChannel, flat_index
from app.rerank.policies import Policy
from offline.training.replay import build_offline_funnel
from tests.fakes import ITEMS, request, small_dataset, small_models

MODELS = small_models()


@pytest.fixture(scope="module")
def cpu():
    one = Cpu(threads=1)
    yield one
    one.close()


def channel_names(funnel):
    return tuple(channel.name for channel in [*funnel.channels, *funnel.local_channels])


def test_channels_stand_in_the_order_of_their_columns(cpu):
    assert (
        channel_names(build_offline_funnel(MODELS, FunnelConfig(cpu, NO_CHECKPOINTS))) == CHANNELS
    )


def test_channels_in_another_order_than_their_columns_are_refused(cpu, monkeypatch):
    monkeypatch.setattr(assembling, "CHANNELS", CHANNELS[::-1])
    with pytest.raises(ValueError, match="the channels are"):
        build_offline_funnel(MODELS, FunnelConfig(cpu, NO_CHECKPOINTS))


async def test_large_indexes_are_searched_off_the_event_loop_with_the_same_slate(cpu, monkeypatch):
    here = build_offline_funnel(MODELS, FunnelConfig(cpu, NO_CHECKPOINTS))
    monkeypatch.setattr(assembling, "MAX_INLINE_PRODUCTS", 0)
    there = build_offline_funnel(MODELS, FunnelConfig(cpu, NO_CHECKPOINTS))
    assert channel_names(there) == CHANNELS
    assert [type(c) for c in there.channels].count(
        ThreadedChannel
    ) == 3  # embedding, session, content
    one, two = [await f.recommend(request("u03")) for f in (here, there)]
    assert one.merged.ranks.tobytes() == two.merged.ranks.tobytes()
    assert one.selection.pool.rows.tolist() == two.selection.pool.rows.tolist()


async def test_the_whole_funnel_answers_members_and_strangers_with_every_stage_ok(cpu):
    funnel = build_offline_funnel(MODELS, FunnelConfig(cpu, NO_CHECKPOINTS))
    for user in ("u03", "nobody", ""):
        slate = await funnel.recommend(request(user))
        assert {step.outcome for step in slate.results} == {"ok"}
        assert len(set(slate.selection.pool.rows.tolist())) == 10
        assert not slate.query.excluded[slate.selection.pool.rows].any()
        assert slate.selection.explored.sum() == Policy().explore_slots > 0
        assert slate.fine.features.shape[1] == len(column_names(FINE_VIEW))
        assert slate.merged.ranks.shape[1] == len(CHANNELS) + 1


@pytest.mark.parametrize("kind", [{"explicit": False}, {"known": False}])
async def test_data_of_every_kind_is_served(cpu, kind):
    funnel = build_offline_funnel(small_models(**kind), FunnelConfig(cpu, NO_CHECKPOINTS))
    slate = await funnel.recommend(request("u03"))
    assert {step.outcome for step in slate.results} == {"ok"}
    assert len(slate.selection) == 10


async def test_sizes_and_policy_are_those_of_the_wiring(cpu):
    sizes, policy = Sizes(recall=9, coarse=7, fine=5), Policy(explore_slots=0)
    funnel = build_offline_funnel(MODELS, FunnelConfig(cpu, NO_CHECKPOINTS, sizes, policy))
    slate = await funnel.recommend(request("u03", 5))
    assert max(map(len, slate.proposals)) == 9
    assert (len(slate.coarse), len(slate.fine)) == (7, 5)
    assert not slate.selection.explored.any()


def test_each_item_table_channel_reads_a_table_of_the_bundle(cpu):
    funnel = build_offline_funnel(MODELS, FunnelConfig(cpu, NO_CHECKPOINTS))
    tables = {c.name: c.table for c in funnel.channels if isinstance(c, ItemTableChannel)}
    assert tables == dict(ITEM_TABLES)
    assert set(tables.values()) | {"raters"} == set(MODELS.tables)


def test_untrained_rankers_keep_the_order_of_the_fused_ranks():
    for scorer, view in [
        (UNTRAINED_RANKERS.coarse, COARSE_VIEW),
        (UNTRAINED_RANKERS.fine, FINE_VIEW),
    ]:
        matrix = np.zeros((3, len(column_names(view))), np.float32)
        matrix[:, column_names(view).index("fused")] = [1, 3, 2]
        assert scorer.score(matrix).tolist() == [1, 3, 2]


def test_an_index_finds_the_largest_products():
    index = flat_index(np.eye(4, dtype=np.float32))
    scores, found = index.search(np.array([[0, 3, 1, 2]], np.float32), 3)
    assert found.tolist() == [[1, 3, 2]]
    assert scores.tolist() == [[3, 2, 1]]
    assert flat_index(np.empty((4, 0), np.float32)).ntotal == 0


def test_shares_are_of_all_likes():
    log = small_dataset().log
    liked = np.bincount(log.items, weights=np.maximum(log.weights, 0), minlength=ITEMS)
    share = compute_item_share(MODELS)
    assert share == pytest.approx(liked / liked.sum(), rel=1e-5)
    expected = (liked / liked.sum()) @ MODELS.catalogue.categories
    assert compute_category_share(MODELS, share) == pytest.approx(
        expected / expected.sum(), rel=1e-5
    )


def test_where_nobody_liked_anything_shares_are_zero():
    crowd = MODELS.popularity
    nothing = replace(MODELS, popularity=replace(crowd, liked=np.zeros_like(crowd.liked)))
    share = compute_item_share(nothing)
    assert not share.any()
    assert not compute_category_share(nothing, share).any()
