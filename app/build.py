"""Composition: from models, rankers and state to a funnel. Serving and the offline job both use it.

This is where a channel is added: name its table in ``ITEM_TABLES``, or write
``app/recall/<name>.py`` and build it in ``channels`` below; name it in
``app.features.channels.CHANNELS`` (its columns follow).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import faiss
import numpy as np
from numpy.typing import NDArray

from app.artifacts import Indexes, Models, Rankers, Sizes
from app.contracts import (
    Channel,
    FriendEvents,
    Histories,
    LocalChannel,
    Matrix,
    Scorer,
    Scores,
    Tables,
)
from app.cpu import Cpu
from app.deadline import Checkpoints
from app.features.views import CHANNELS, COARSE_VIEW, FINE_VIEW, FeatureBuilder, FeatureGroup
from app.funnel import Funnel, RankStage
from app.query_builder import QueryBuilder
from app.recall.item_table import ItemTableChannel
from app.recall.popularity import PopularityChannel, SegmentPopularityChannel
from app.recall.social import NoFriendEvents, SocialChannel
from app.recall.user_cf import UserCFChannel
from app.recall.vectors import ThreadedChannel, VectorChannel, flat_index
from app.rerank.filters import PolicyFilters
from app.rerank.policies import Policy
from app.rerank.slate_builder import SlateBuilder
from app.state.counters import PopularityCounters

ITEM_TABLES = (  # channel and its table in the bundle
    *(("item_cf", "item_cf"), ("ease", "ease"), ("rp3beta", "rp3beta")),
    ("sequence", "transitions"),
)
FRESH_SHARE = 0.25  # of every other channel's limit: new items are many, and few of them are taken
MAX_INLINE_PRODUCTS = (
    1_000_000  # products of one vector search that take less time than a hop to a thread
)


@dataclass(frozen=True, slots=True, eq=False)
class LiveState:
    """What changes while the models stay the same."""

    counters: PopularityCounters
    histories: Histories
    tables: Tables
    friend_events: FriendEvents = field(
        default_factory=NoFriendEvents
    )  # offline the bundle's friends do


@dataclass(frozen=True, slots=True)
class FunnelConfig:
    """How the funnel is set up, apart from what was learned."""

    cpu: Cpu
    by: Checkpoints
    sizes: Sizes = field(default_factory=Sizes)
    policy: Policy = field(default_factory=Policy)
    index: Callable[[Matrix], faiss.Index] = field(default_factory=lambda: flat_index)  # offline
    scenes: Mapping[str, Policy] = field(default_factory=dict)  # where another policy holds


class MergeOrderScorer:
    """Stands in for a ranker that is not trained yet: keeps the order of the fused ranks."""

    def __init__(self, view: Sequence[FeatureGroup]) -> None:
        names = [name for group in view for name in group.names]
        self._column = names.index("fused")

    def score(self, features: Matrix) -> Scores:
        """Give the fused reciprocal rank, (n,)."""
        fused: Scores = features[:, self._column]
        return fused


UNTRAINED_RANKERS = Rankers(MergeOrderScorer(COARSE_VIEW), MergeOrderScorer(FINE_VIEW))


def compute_item_share(models: Models) -> Scores:
    """Give P(item) over all likes, (n,) float32."""
    liked = models.popularity.liked[-1]
    share: Scores = (liked / max(float(liked.sum()), 1.0)).astype(np.float32)
    return share


def compute_category_share(models: Models, overall: Scores) -> NDArray[np.float64]:
    """Give the share of all likes that falls into each category, (c,)."""
    share = overall.astype(np.float64) @ models.catalogue.categories[: len(overall)]
    return np.asarray(share / max(float(share.sum()), 1e-9))


def compute_provider_share(models: Models, overall: Scores) -> NDArray[np.float64]:
    """Give the share of each provider in the likes of items whose provider is known, (p,)."""
    providers = models.catalogue.providers[: len(overall)]
    known = providers >= 0
    share = np.bincount(
        providers[known], overall[known], minlength=len(models.catalogue.provider_names)
    )
    return np.asarray(share / max(float(overall[known].sum(dtype=np.float64)), 1e-9))


def new_item_vectors(models: Models, items: Matrix) -> Callable[[], Matrix | None]:
    """Give what finds the vectors of the items that came after the bundle; None: there are none."""
    known, first = models.catalogue, models.catalogue.published_count
    return lambda: items[first : first + known.added_count] if known.added_count else None


def build_channels(
    models: Models, indexes: Indexes, state: LiveState, cpu: Cpu
) -> tuple[list[Channel], list[LocalChannel]]:
    """Build the recall channels: those that wait and those that compute, as CHANNELS has them."""
    n = len(models.catalogue)
    waiting: list[Channel] = [
        *(ItemTableChannel(name, state.tables, table, n) for name, table in ITEM_TABLES),
        UserCFChannel(state.tables, models.users, n, centred=models.centred),
        SocialChannel(state.friend_events, models.users, models.friends, n),
    ]
    factors, content = (
        new_item_vectors(models, models.factors.items),
        new_item_vectors(models, models.content.items),
    )
    vectors = [
        VectorChannel("embedding", indexes.factors, lambda query: query.vectors.factors, factors),
        VectorChannel("session", indexes.factors, lambda query: query.vectors.session, factors),
        VectorChannel("content", indexes.content, lambda query: query.vectors.content, content),
    ]
    available = models.catalogue.available
    local: list[LocalChannel] = [
        PopularityChannel("surging", state.counters.surging, available),
        PopularityChannel("trending", state.counters.trending, available),
        SegmentPopularityChannel(state.counters, models.segments),
        PopularityChannel("fresh", state.counters.fresh, available, FRESH_SHARE),
    ]
    if max(v.index.ntotal * v.index.d for v in vectors) < MAX_INLINE_PRODUCTS:
        return waiting, [*vectors, *local]
    return [*waiting, *(ThreadedChannel(channel, cpu) for channel in vectors)], local


def build_funnel(
    models: Models, indexes: Indexes, rankers: Rankers, state: LiveState, wiring: FunnelConfig
) -> Funnel:
    """Build the funnel."""
    known = compute_item_share(models)
    crowd, providers = compute_category_share(models, known), compute_provider_share(models, known)
    lengths = models.factors.lengths

    def stage(
        name: str, view: Sequence[FeatureGroup], scorer: Scorer, keep: int, by: float
    ) -> RankStage:
        builder = FeatureBuilder(view, models, state.counters, crowd, providers, lengths)
        return RankStage(name, builder, scorer, keep, by)

    sizes, by = wiring.sizes, wiring.by
    waiting, local = build_channels(models, indexes, state, wiring.cpu)
    built = (*(channel.name for channel in waiting), *(channel.name for channel in local))
    if built != CHANNELS:
        raise ValueError(f"the channels are {built}, features are computed for {CHANNELS}")
    house = PolicyFilters(models.catalogue, wiring.policy, wiring.scenes)
    return Funnel(
        query_builder=QueryBuilder(models, state.counters, house),
        histories=state.histories,
        channels=waiting,
        local_channels=local,
        fallback=PopularityChannel("always", state.counters.popular, models.catalogue.available),
        coarse=stage("coarse", COARSE_VIEW, rankers.coarse, sizes.coarse, by.coarse),
        fine=stage("fine", FINE_VIEW, rankers.fine, sizes.fine, by.fine),
        reranker=SlateBuilder(
            models.catalogue, models.content.items, state.counters, wiring.policy, wiring.scenes
        ),
        cpu=wiring.cpu,
        by=by,
        recall_limit=sizes.recall,
    )
