from dataclasses import replace

import numpy as np
import pytest

from app import build as assembling
from app.build import (
    ITEM_TABLES,
    UNTRAINED,
    Sizes,
    Wiring,
    category_share,
    flat_index,
    overall_share,
)
from app.cpu import Cpu
from app.deadline import NO_HURRY
from app.features.views import CHANNELS, COARSE_VIEW, FINE_VIEW, names
from app.recall.item_table import ItemTable
from app.recall.vectors import OffLoop
from app.rerank.slate_builder import Policy
from offline.training.replay import build
from tests.fakes import ITEMS, request, small_dataset, small_models

MODELS = small_models()


@pytest.fixture(scope="module")
def cpu():
    one = Cpu(threads=1)
    yield one
    one.close()


def channel_names(funnel):
    return tuple(channel.name for channel in [*funnel.channels, *funnel.local])


def test_channels_stand_in_the_order_of_their_columns(cpu):
    assert channel_names(build(MODELS, Wiring(cpu, NO_HURRY))) == CHANNELS


def test_channels_in_another_order_than_their_columns_are_refused(cpu, monkeypatch):
    monkeypatch.setattr(assembling, "CHANNELS", CHANNELS[::-1])
    with pytest.raises(ValueError, match="the channels are"):
        build(MODELS, Wiring(cpu, NO_HURRY))


async def test_large_indexes_are_searched_off_the_event_loop_with_the_same_slate(cpu, monkeypatch):
    here = build(MODELS, Wiring(cpu, NO_HURRY))
    monkeypatch.setattr(assembling, "QUICK", 0)
    there = build(MODELS, Wiring(cpu, NO_HURRY))
    assert channel_names(there) == CHANNELS
    assert [type(c) for c in there.channels].count(OffLoop) == 3  # embedding, session, content
    one, two = [await f.recommend(request("u03")) for f in (here, there)]
    assert one.merged.ranks.tobytes() == two.merged.ranks.tobytes()
    assert one.chosen.pool.rows.tolist() == two.chosen.pool.rows.tolist()


async def test_the_whole_funnel_answers_members_and_strangers_with_every_stage_ok(cpu):
    funnel = build(MODELS, Wiring(cpu, NO_HURRY))
    for user in ("u03", "nobody", ""):
        slate = await funnel.recommend(request(user))
        assert {step.outcome for step in slate.steps} == {"ok"}
        assert len(set(slate.chosen.pool.rows.tolist())) == 10
        assert not slate.query.excluded[slate.chosen.pool.rows].any()
        assert slate.chosen.explored.sum() == Policy().explore_slots > 0
        assert slate.fine.features.shape[1] == len(names(FINE_VIEW))
        assert slate.merged.ranks.shape[1] == len(CHANNELS) + 1


@pytest.mark.parametrize("kind", [{"explicit": False}, {"known": False}])
async def test_data_of_every_kind_is_served(cpu, kind):
    funnel = build(small_models(**kind), Wiring(cpu, NO_HURRY))
    slate = await funnel.recommend(request("u03"))
    assert {step.outcome for step in slate.steps} == {"ok"}
    assert len(slate.chosen) == 10


async def test_sizes_and_policy_are_those_of_the_wiring(cpu):
    sizes, policy = Sizes(recall=9, coarse=7, fine=5), Policy(explore_slots=0)
    funnel = build(MODELS, Wiring(cpu, NO_HURRY, sizes, policy))
    slate = await funnel.recommend(request("u03", 5))
    assert max(map(len, slate.proposals)) == 9
    assert (len(slate.coarse), len(slate.fine)) == (7, 5)
    assert not slate.chosen.explored.any()


def test_each_item_table_channel_reads_a_table_of_the_bundle(cpu):
    funnel = build(MODELS, Wiring(cpu, NO_HURRY))
    tables = {c.name: c.table for c in funnel.channels if isinstance(c, ItemTable)}
    assert tables == dict(ITEM_TABLES)
    assert set(tables.values()) | {"raters"} == set(MODELS.tables)


def test_untrained_rankers_keep_the_order_of_the_fused_ranks():
    for scorer, view in [(UNTRAINED.coarse, COARSE_VIEW), (UNTRAINED.fine, FINE_VIEW)]:
        matrix = np.zeros((3, len(names(view))), np.float32)
        matrix[:, names(view).index("fused")] = [1, 3, 2]
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
    share = overall_share(MODELS)
    assert share == pytest.approx(liked / liked.sum(), rel=1e-5)
    expected = (liked / liked.sum()) @ MODELS.catalogue.categories
    assert category_share(MODELS, share) == pytest.approx(expected / expected.sum(), rel=1e-5)


def test_where_nobody_liked_anything_shares_are_zero():
    crowd = MODELS.popularity
    nothing = replace(MODELS, popularity=replace(crowd, liked=np.zeros_like(crowd.liked)))
    share = overall_share(nothing)
    assert not share.any()
    assert not category_share(nothing, share).any()
