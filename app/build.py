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

from app.artifacts import Models
from app.bounds import Count
from app.contracts import Channel, Circle, Histories, LocalChannel, Matrix, Scorer, Scores, Tables
from app.cpu import Cpu
from app.deadline import Checkpoints
from app.features.views import CHANNELS, COARSE_VIEW, FINE_VIEW, FeatureBuilder, Group
from app.funnel import Funnel, RankStage
from app.query_builder import Profiles
from app.recall.item_table import ItemTable
from app.recall.popularity import Crowd, Popular
from app.recall.social import Alone, Social
from app.recall.user_cf import UserCF
from app.recall.vectors import OffLoop, Vectors
from app.rerank.filters import PolicyFilters
from app.rerank.slate_builder import Policy, SlateBuilder
from app.state.counters import Live

ITEM_TABLES = (  # channel and its table in the bundle
    *(("item_cf", "item_cf"), ("ease", "ease"), ("rp3beta", "rp3beta")),
    ("sequence", "transitions"),
)
FRESH = 0.25  # of every other channel's limit: new items are many, and few of them are taken
QUICK = 1_000_000  # products of one vector search that take less time than a hop to a thread


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many candidates go on from each stage. The rankers are trained with the same sizes."""

    recall: Count = 200  # from each channel
    coarse: Count = 300
    fine: Count = 100


@dataclass(frozen=True, slots=True, eq=False)
class Indexes:
    """FAISS indexes over the item vectors; in serving both are memory-mapped."""

    factors: faiss.Index
    content: faiss.Index


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """What changes while the models stay the same."""

    live: Live
    histories: Histories
    tables: Tables
    circle: Circle = field(default_factory=Alone)  # offline the bundle's friends do


@dataclass(frozen=True, slots=True)
class Rankers:
    """The trained scorers of the two ranking stages."""

    coarse: Scorer
    fine: Scorer


@dataclass(frozen=True, slots=True)
class Wiring:
    """How the funnel is set up, apart from what was learned."""

    cpu: Cpu
    by: Checkpoints
    sizes: Sizes = field(default_factory=Sizes)
    policy: Policy = field(default_factory=Policy)
    index: Callable[[Matrix], faiss.Index] = field(default_factory=lambda: flat_index)  # offline
    scenes: Mapping[str, Policy] = field(default_factory=dict)  # where another policy holds


class AsMerged:
    """Stands in for a ranker that is not trained yet: keeps the order of the fused ranks."""

    def __init__(self, view: Sequence[Group]) -> None:
        names = [name for group in view for name in group.names]
        self._column = names.index("fused")

    def score(self, features: Matrix) -> Scores:
        """Give the fused reciprocal rank, (n,)."""
        fused: Scores = features[:, self._column]
        return fused


UNTRAINED = Rankers(AsMerged(COARSE_VIEW), AsMerged(FINE_VIEW))


def flat_index(vectors: Matrix) -> faiss.Index:
    """Index vectors for exact search by inner product; without columns nothing is ever found."""
    index = faiss.IndexFlatIP(max(vectors.shape[1], 1))
    if vectors.shape[1]:
        index.add(np.ascontiguousarray(vectors))
    return index


def overall_share(models: Models) -> Scores:
    """Give P(item) over all likes, (n,) float32."""
    liked = models.popularity.liked[-1]
    share: Scores = (liked / max(float(liked.sum()), 1.0)).astype(np.float32)
    return share


def category_share(models: Models, overall: Scores) -> NDArray[np.float64]:
    """Give the share of all likes that falls into each category, (c,)."""
    share = overall.astype(np.float64) @ models.catalogue.categories[: len(overall)]
    return np.asarray(share / max(float(share.sum()), 1e-9))


def provider_share(models: Models, overall: Scores) -> NDArray[np.float64]:
    """Give the share of each provider in the likes of items whose provider is known, (p,)."""
    providers = models.catalogue.providers[: len(overall)]
    known = providers >= 0
    share = np.bincount(
        providers[known], overall[known], minlength=len(models.catalogue.provider_names)
    )
    return np.asarray(share / max(float(overall[known].sum(dtype=np.float64)), 1e-9))


def later(models: Models, items: Matrix) -> Callable[[], Matrix | None]:
    """Give what finds the vectors of the items that came after the bundle; None: there are none."""
    known, first = models.catalogue, models.catalogue.published_count
    return lambda: items[first : first + known.added_count] if known.added_count else None


def channels(
    models: Models, indexes: Indexes, state: State, cpu: Cpu
) -> tuple[list[Channel], list[LocalChannel]]:
    """Build the recall channels: those that wait and those that compute, as CHANNELS has them."""
    n = len(models.catalogue)
    waiting: list[Channel] = [
        *(ItemTable(name, state.tables, table, n) for name, table in ITEM_TABLES),
        UserCF(state.tables, models.users, n, centred=models.centred),
        Social(state.circle, models.users, models.friends, n),
    ]
    factors, content = later(models, models.factors.items), later(models, models.content.items)
    vectors = [
        Vectors("embedding", indexes.factors, lambda query: query.taste.factors, factors),
        Vectors("session", indexes.factors, lambda query: query.taste.session, factors),
        Vectors("content", indexes.content, lambda query: query.taste.content, content),
    ]
    available = models.catalogue.available
    local: list[LocalChannel] = [
        Crowd("surging", state.live.surging, available),
        Crowd("trending", state.live.trending, available),
        Popular(state.live, models.segments),
        Crowd("fresh", state.live.fresh, available, FRESH),
    ]
    if max(v.index.ntotal * v.index.d for v in vectors) < QUICK:
        return waiting, [*vectors, *local]
    return [*waiting, *(OffLoop(channel, cpu) for channel in vectors)], local


def assemble(
    models: Models, indexes: Indexes, rankers: Rankers, state: State, wiring: Wiring
) -> Funnel:
    """Build the funnel."""
    known = overall_share(models)
    crowd, providers = category_share(models, known), provider_share(models, known)
    lengths = models.factors.lengths

    def stage(name: str, view: Sequence[Group], scorer: Scorer, keep: int, by: float) -> RankStage:
        builder = FeatureBuilder(view, models, state.live, crowd, providers, lengths)
        return RankStage(name, builder, scorer, keep, by)

    sizes, by = wiring.sizes, wiring.by
    waiting, local = channels(models, indexes, state, wiring.cpu)
    built = (*(channel.name for channel in waiting), *(channel.name for channel in local))
    if built != CHANNELS:
        raise ValueError(f"the channels are {built}, features are computed for {CHANNELS}")
    house = PolicyFilters(models.catalogue, wiring.policy, wiring.scenes)
    return Funnel(
        profiles=Profiles(models, state.live, house),
        histories=state.histories,
        channels=waiting,
        local=local,
        always=Crowd("always", state.live.popular, models.catalogue.available),
        coarse=stage("coarse", COARSE_VIEW, rankers.coarse, sizes.coarse, by.coarse),
        fine=stage("fine", FINE_VIEW, rankers.fine, sizes.fine, by.fine),
        reranker=SlateBuilder(
            models.catalogue, models.content.items, state.live, wiring.policy, wiring.scenes
        ),
        cpu=wiring.cpu,
        by=by,
        recall_limit=sizes.recall,
    )
