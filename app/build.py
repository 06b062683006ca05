"""Build a funnel from models, rankers and live state, for serving and for the offline job.

Channels come from ``app.recall.registry``, features from ``app.features.views``, policies from
``app.rerank``.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from app.artifacts import Indexes, Models, Rankers, Sizes
from app.contracts import Candidates, Query, Scores
from app.cpu import Cpu
from app.deadline import Checkpoints
from app.features.context import LikeShares
from app.features.views import FeatureBuilder, View, coarse_view, column_names, fine_view
from app.funnel import Funnel, RankStage
from app.query_builder import QueryBuilder
from app.recall.channel import ChannelConfig, ChannelInputs, ChannelSpec
from app.recall.popularity import PopularityChannel
from app.recall.registry import CHANNEL_SPECS, build_channels
from app.recall.social import NoFriendEvents
from app.recall.vectors import flat_indexes
from app.rerank.filters import PolicyFilters
from app.rerank.policies import SceneSettings
from app.rerank.rules import ScenePolicies
from app.rerank.slate_builder import SlateBuilder
from app.stages import Channel, FriendEvents, Histories, LocalChannel, RemoteTables, Scorer, Tables
from app.state.counters import PopularityCounters


@dataclass(frozen=True, slots=True, eq=False)
class LiveState:
    """The state that changes while the models stay the same."""

    counters: PopularityCounters
    histories: Histories
    tables: Tables | RemoteTables
    friend_events: FriendEvents = field(default_factory=NoFriendEvents)  # default: no live events


@dataclass(frozen=True, slots=True)
class FunnelConfig:
    """The settings of a funnel, without the trained parts."""

    cpu: Cpu
    by: Checkpoints
    sizes: Sizes = field(default_factory=Sizes)
    default_scene: SceneSettings = field(default_factory=SceneSettings)
    indexes: Callable[[Models], Indexes] = flat_indexes  # for vectors in memory, offline
    scenes: Mapping[str, SceneSettings] = field(default_factory=dict)  # others: the default
    channels: Mapping[str, ChannelConfig] = field(default_factory=dict)  # others: default configs
    specs: Sequence[ChannelSpec[Any]] = CHANNEL_SPECS


class MergeOrderScorer:
    """Stands in for an untrained ranker: keeps the order of the fused ranks."""

    def __init__(self, view: View) -> None:
        self._column = column_names(view).index("fused")

    def score(self, _query: Query, pool: Candidates, /) -> Scores:
        fused: Scores = pool.features[:, self._column]
        return fused


def untrained_rankers(specs: Sequence[ChannelSpec[Any]] = CHANNEL_SPECS) -> Rankers:
    """Return the rankers of a funnel over these channels before any is trained."""
    return Rankers(MergeOrderScorer(coarse_view(specs)), MergeOrderScorer(fine_view(specs)))


def build_funnel(
    models: Models, indexes: Indexes, rankers: Rankers, state: LiveState, config: FunnelConfig
) -> Funnel:
    """Build the funnel."""
    counters, sizes, by = state.counters, config.sizes, config.by
    like_shares = LikeShares.of(models)

    def build_stage(name: str, view: View, scorer: Scorer, keep: int, by: float) -> RankStage:
        builder = FeatureBuilder(view, models, counters, like_shares)
        return RankStage(name, builder, scorer, keep, by)

    inputs = ChannelInputs(models, indexes, counters, state.tables, state.friend_events, config.cpu)
    channels = build_channels(config.channels, inputs, config.specs)
    awaited = [channel for channel in channels if is_awaited(channel)]
    return Funnel(
        query_builder=QueryBuilder(
            models, counters, PolicyFilters(models.catalogue, config.default_scene, config.scenes)
        ),
        histories=state.histories,
        awaited_channels=cast("list[Channel]", awaited),
        local_channels=cast(
            "list[LocalChannel]", [channel for channel in channels if not is_awaited(channel)]
        ),
        fallback=PopularityChannel("fallback", counters.popular, models.catalogue.available),
        coarse=build_stage(
            "coarse", coarse_view(config.specs), rankers.coarse, sizes.coarse, by.coarse
        ),
        fine=build_stage("fine", fine_view(config.specs), rankers.fine, sizes.fine, by.fine),
        reranker=SlateBuilder(
            models.catalogue,
            models.content.items,
            counters,
            config.default_scene,
            config.scenes,
            models.duplicates,
        ),
        by=by,
        recall_limit=sizes.recall,
        limits={name: one.limit for name, one in config.channels.items() if one.limit is not None},
        channel_order=tuple(spec.name for spec in config.specs),
    )


def with_policies(funnel: Funnel, policies: ScenePolicies) -> Funnel:
    """Return the funnel with other policies of scenes. Requests under way keep the ones they have.

    Raises:
        TypeError: the funnel is not of ``build_funnel``.
    """
    builder, reranker = funnel.query_builder, funnel.reranker
    if builder.filters is None or not isinstance(reranker, SlateBuilder):
        raise TypeError("the funnel has no policies of scenes")
    default, scenes = policies.default, policies.scenes
    filters = replace(builder.filters, default_scene=default, scenes=scenes)
    return replace(
        funnel,
        query_builder=replace(builder, filters=filters),
        reranker=replace(reranker, default_scene=default, scenes=scenes),
        policies=policies,
    )


def is_awaited(channel: Channel | LocalChannel) -> bool:
    """Return whether the channel is asynchronous: it waits instead of computing."""
    return inspect.iscoroutinefunction(channel.recall)
