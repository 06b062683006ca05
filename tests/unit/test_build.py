from dataclasses import replace

import numpy as np
import pytest

from app.artifacts import Sizes
from app.build import (
    FunnelConfig,
    untrained_rankers,
)
from app.deadline import NO_CHECKPOINTS
from app.features.context import LikeShares
from app.features.views import COARSE_VIEW, FINE_VIEW, column_names
from app.recall.item_table import ItemTableRecall
from app.recall.registry import CHANNELS, read_channel_configs
from app.recall.table_channel import TableChannel
from app.recall.vectors import ThreadedChannel
from app.rerank.policies import SceneSettings
from offline.training.past_requests import build_offline_funnel
from tests.fakes import ITEMS, pool, query, request, small_dataset, small_models

MODELS = small_models()


def build(cpu, models=MODELS, **config):
    return build_offline_funnel(models, FunnelConfig(cpu, NO_CHECKPOINTS, **config))


def channel_names(funnel):
    return {channel.name for channel in [*funnel.awaited_channels, *funnel.local_channels]}


def test_every_registered_channel_is_built_and_proposals_are_in_the_registrys_order(cpu):
    funnel = build(cpu)
    assert channel_names(funnel) == set(CHANNELS)
    assert funnel.channel_order == CHANNELS


async def test_long_searches_run_off_the_event_loop_with_the_same_slate(cpu):
    settings = {"max_inline_products": 0}
    names = ("embedding", "session", "content")
    inline = build(cpu)
    threaded = build(cpu, channels=read_channel_configs(dict.fromkeys(names, settings)))
    assert channel_names(threaded) == set(CHANNELS)
    on_thread = [one.name for one in threaded.awaited_channels if isinstance(one, ThreadedChannel)]
    assert on_thread == list(names)
    one, two = [await funnel.recommend(request("u03")) for funnel in (inline, threaded)]
    assert one.merged.ranks.tobytes() == two.merged.ranks.tobytes()
    assert one.slate.pool.rows.tolist() == two.slate.pool.rows.tolist()


async def test_a_channel_that_is_off_is_not_run_and_leaves_the_columns_of_the_others(cpu):
    usual = await build(cpu).recommend(request("u03"))
    off = build(cpu, channels=read_channel_configs({"ease": {"enabled": False}}))
    run = await off.recommend(request("u03"))
    assert channel_names(off) == set(CHANNELS) - {"ease"}
    assert "recall.ease" not in {result.stage for result in run.results}
    for channel, before, after in zip(CHANNELS, usual.proposals, run.proposals, strict=False):
        expected = [] if channel == "ease" else before.rows.tolist()
        assert after.rows.tolist() == expected, channel
    assert run.fine.features.shape[1] == usual.fine.features.shape[1]
    assert not run.fine.features[:, column_names(FINE_VIEW).index("ease_rank")].any()


async def test_a_channel_with_a_limit_proposes_no_more(cpu):
    run = await build(cpu, channels=read_channel_configs({"ease": {"limit": 3}})).recommend(
        request("u03", 2)
    )
    sizes = dict(zip(CHANNELS, map(len, run.proposals), strict=False))
    assert sizes["ease"] == 3 < sizes["item_cf"]


async def test_the_funnel_answers_members_and_unknown_users_with_every_stage_ok(cpu):
    funnel = build(cpu)
    for user in ("u03", "nobody", ""):
        run = await funnel.recommend(request(user))
        assert {step.outcome for step in run.results} == {"ok"}
        assert len(set(run.slate.pool.rows.tolist())) == 10
        assert run.query.allows(run.slate.pool.rows).all()
        assert run.slate.explored.sum() == 10 // SceneSettings().explore_from > 0
        assert run.fine.features.shape[1] == len(column_names(FINE_VIEW))
        assert run.merged.ranks.shape[1] == len(CHANNELS) + 1


@pytest.mark.parametrize("kind", [{"explicit": False}, {"known": False}])
async def test_data_without_ratings_or_attributes_is_served(cpu, kind):
    funnel = build(cpu, small_models(**kind))
    run = await funnel.recommend(request("u03"))
    assert {step.outcome for step in run.results} == {"ok"}
    assert len(run.slate) == 10


async def test_sizes_and_policy_are_those_of_the_config(cpu):
    sizes, policy = Sizes(recall=9, coarse=7, fine=5), SceneSettings(explore_slots=0)
    funnel = build(cpu, sizes=sizes, default_scene=policy)
    run = await funnel.recommend(request("u03", 5))
    assert max(map(len, run.proposals)) == 9
    assert (len(run.coarse), len(run.fine)) == (7, 5)
    assert not run.slate.explored.any()


def test_each_item_table_channel_reads_a_table_that_is_fitted(cpu):
    channels = [c for c in build(cpu).local_channels if isinstance(c, TableChannel)]
    tables = {c.source.table for c in channels if isinstance(c.source, ItemTableRecall)}
    assert tables | {"raters"} == set(MODELS.tables)


def test_untrained_rankers_keep_the_order_of_the_fused_ranks():
    for scorer, view in [
        (untrained_rankers().coarse, COARSE_VIEW),
        (untrained_rankers().fine, FINE_VIEW),
    ]:
        candidates = pool(0, 1, 2, features=len(column_names(view)))
        candidates.features[:, column_names(view).index("fused")] = [1, 3, 2]
        assert scorer.score(query(), candidates).tolist() == [1, 3, 2]


def test_shares_of_categories_and_providers_are_of_all_likes():
    log = small_dataset().log
    likes = np.bincount(log.items, weights=np.maximum(log.weights, 0), minlength=ITEMS)
    expected = likes @ MODELS.catalogue.categories
    shares = LikeShares.of(MODELS)
    assert shares.categories == pytest.approx(expected / expected.sum(), rel=1e-5)
    assert shares.providers.sum() == pytest.approx(1)


def test_without_likes_all_shares_are_zero():
    popularity = MODELS.popularity
    unliked = replace(popularity, liked=np.zeros_like(popularity.liked))
    shares = LikeShares.of(replace(MODELS, popularity=unliked))
    assert not shares.categories.any()
    assert not shares.providers.any()
