"""The recommendation funnel. Read this file first.

    user --history--> profile --recall--> ~600 --coarse--> 300 --fine--> 100 --rerank--> k

A request reads the history, waits for its turn to compute, and then computes. Reads of a store have
a limit. A ranking stage has a checkpoint, after which it does not begin. The history and the
channels in memory are never left out for lack of time. If a stage is late or fails, the funnel
continues with the result of the stage before it, and ``FunnelRun.results`` names the stage. Only
``app.deadline`` catches every exception.
"""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import inf

import numpy as np

from app.contracts import (
    NO_HISTORY,
    NO_PROPOSAL,
    Candidates,
    History,
    Proposal,
    Query,
    Request,
    Rows,
    Slate,
    UserVectors,
)
from app.deadline import Checkpoints, StageResult, StageRunner
from app.query_builder import QueryBuilder
from app.rank import new_item_quota
from app.recall.contributions import Contributions, ContributionsOf, no_contributions
from app.recall.merge import merge
from app.recall.popularity import PopularityChannel, fill_from_catalogue
from app.rerank.filters import is_permitted
from app.rerank.rules import ScenePolicies
from app.stages import Channel, Features, Histories, LocalChannel, Reranker, Scorer


@dataclass(frozen=True, slots=True)
class RankStage:
    """Computes features, scores, keeps the best. Coarse and fine differ only in these values."""

    name: str
    features: Features
    scorer: Scorer
    keep: int
    by: float

    def score(self, query: Query, pool: Candidates) -> Candidates:
        """Return the pool with this stage's features and scores, in the same order."""
        featured = pool.with_features(self.features.build(query, pool))
        return featured.with_scores(self.scorer.score(query, featured))


@dataclass(frozen=True, slots=True, eq=False)
class FunnelRun:
    """The answer, with the pool after each stage and the result of each stage."""

    query: Query
    proposals: tuple[Proposal, ...]  # one per channel, in the registry's order; then the fallback's
    merged: Candidates
    coarse: Candidates
    fine: Candidates
    slate: Slate
    results: tuple[StageResult, ...]
    policies: ScenePolicies | None = None  # None: those that the funnel was built with


@dataclass(frozen=True, slots=True)
class Funnel:
    """The stages, in the order they run. Built with a bundle; holds no request state."""

    query_builder: QueryBuilder
    histories: Histories
    awaited_channels: Sequence[Channel]  # channels that wait for a store or another thread
    local_channels: Sequence[LocalChannel]  # channels that only compute
    fallback: PopularityChannel  # popular items, always in memory: the pool is never empty
    coarse: RankStage
    fine: RankStage
    reranker: Reranker
    by: Checkpoints
    recall_limit: int = 200
    limits: Mapping[str, int] = field(default_factory=dict)  # by channel, if it has its own
    channel_order: tuple[str, ...] = ()  # order of the proposals; empty: that of the channels
    policies: ScenePolicies | None = None  # of the rules; None: as built, from the settings
    _contributions: Mapping[str, ContributionsOf] = field(init=False, repr=False)  # by channel
    _order: tuple[str, ...] = field(init=False, repr=False)  # ``channel_order``, or the channels'

    def __post_init__(self) -> None:
        channels: tuple[Channel | LocalChannel, ...]
        channels = (*self.local_channels, *self.awaited_channels)
        by_channel = {one.name: getattr(one, "contributions", no_contributions) for one in channels}
        object.__setattr__(self, "_contributions", by_channel)
        names = [one.name for one in self.awaited_channels]
        names += [one.name for one in self.local_channels]
        object.__setattr__(self, "_order", self.channel_order or tuple(names))

    def contributions(self, channel: str, query: Query, rows: Rows) -> Contributions:
        """Return how much each event of the history contributed to the channel's scores of rows.

        There are none for a channel that does not report contributions. ``rows`` is (n,).
        """
        return self._contributions.get(channel, no_contributions)(query, rows)

    async def recommend(self, request: Request, runner: StageRunner | None = None) -> FunnelRun:
        """Answer one request. If it is cancelled, ``runner`` holds the results so far."""
        runner = runner or StageRunner(request.arrived)
        if request.user:
            runner.recent = await self._read_history(request.user, runner)
        await runner.begin()
        query = runner.query = self._build_query(request, runner)
        proposals = runner.proposals = await self._recall(query.for_recall(), runner)
        if query.candidates is not None:  # also those that no channel proposes
            proposals[-1] = self._propose_candidates(query, len(query.candidates))
        return self._rank(query, proposals, runner)

    async def _read_history(self, user: str, runner: StageRunner) -> History:
        """Read the live history. If the store cannot answer, only the bundle's remains."""
        limit = max(self.by.history, runner.turn_in)  # it would wait for its turn anyway
        recent = await runner.run_async(
            "history", limit, lambda: self.histories.recent(user), NO_HISTORY
        )
        if runner.results[-1].outcome != "ok":
            recent = self.histories.last_known(user)
        runner.record_filters(recent)
        return recent

    def _build_query(self, request: Request, runner: StageRunner) -> Query:
        """Merge the live history with the bundle's, and solve the user's vectors."""
        recent = NO_HISTORY if runner.recent is None else runner.recent

        def solve(history: History, now: float) -> UserVectors:
            work = partial(self.query_builder.solve, history, now)
            return runner.run("profile", inf, work, self.query_builder.empty_vectors())

        return self.query_builder.build(request, recent, solve)

    async def _recall(self, query: Query, runner: StageRunner) -> list[Proposal]:
        """Run every channel. If they propose too few items, add popular items."""
        by = self.by.recall

        def recall(channel: Channel) -> Awaitable[Proposal]:
            work = partial(channel.recall, query, self._limit(channel.name, query))
            return runner.run_async(f"recall.{channel.name}", by, work, NO_PROPOSAL)

        by_channel = {}
        for local in self.local_channels:
            name = local.name
            work = partial(local.recall, query, self._limit(name, query))
            by_channel[name] = runner.run(f"recall.{name}", inf, work, NO_PROPOSAL)
        waiting = []
        for one in self.awaited_channels:
            if one.has_work(query):
                waiting.append(one)
            else:
                runner.record_idle(f"recall.{one.name}")
        if waiting:
            awaited = await asyncio.gather(*map(recall, waiting))
            by_channel |= zip((one.name for one in waiting), awaited, strict=True)
        proposals = self._in_order(by_channel)
        enough = sum(map(len, proposals)) >= self._scale(self.recall_limit, query)
        filling = NO_PROPOSAL if enough else self.fallback.recall(query, self._limit("", query))
        return [*proposals, filling]

    def _limit(self, channel: str, query: Query) -> int:
        """Return how many items a channel may propose."""
        return self._scale(self.limits.get(channel, self.recall_limit), query)

    def _in_order(self, by_channel: Mapping[str, Proposal]) -> list[Proposal]:
        """Return the proposals in the order of the features. A channel that is off has none."""
        return [by_channel.get(name, NO_PROPOSAL) for name in self._order]

    def _rank(self, query: Query, proposals: list[Proposal], runner: StageRunner) -> FunnelRun:
        """Merge the proposals, rank them twice, and make the list."""
        merged = self._merge(proposals, query)
        coarse = self._cut(self.coarse, query, merged, runner)
        fine = self._cut(self.fine, query, coarse, runner)
        rerank = partial(self.reranker.rerank, query, fine)
        slate = runner.run("rerank", self.by.rerank, rerank, None, len(fine))
        if slate is None:
            slate = self._build_ranked_slate(query, fine)
        results = tuple(runner.results)
        stages = (merged, coarse, fine)
        return FunnelRun(query, tuple(proposals), *stages, slate, results, self.policies)

    def _merge(self, proposals: list[Proposal], query: Query) -> Candidates:
        """Merge the proposals. If too few are left, add items from the whole catalogue.

        At least k candidates are needed, and 2 k for a request with filters. The rankers can
        then still choose among them.
        """
        catalogue = self.query_builder.models.catalogue
        pool = merge(proposals, query)
        is_available = catalogue.available.take(pool.rows)
        enough = 2 * query.k if query.filters else query.k
        if np.count_nonzero(is_available) < enough:
            limit = max(enough, self.recall_limit)
            proposals[-1] = self._propose_candidates(query, limit)
            pool = merge(proposals, query)
            is_available = catalogue.available.take(pool.rows)
        return pool if is_available.all() else pool.take(is_available.nonzero()[0])

    def _propose_candidates(self, query: Query, limit: int) -> Proposal:
        """Propose the most liked items that are allowed, of the caller's or the whole catalogue."""
        builder = self.query_builder
        return fill_from_catalogue(builder.models.catalogue, builder.counters, query, limit)

    def _cut(
        self, stage: RankStage, query: Query, pool: Candidates, runner: StageRunner
    ) -> Candidates:
        """Score the pool and keep the best. If that fails, keep the best by the earlier scores."""
        keep = self._scale(stage.keep, query)
        n_published = self.query_builder.models.catalogue.published_count
        exposures = self.query_builder.counters.exposures

        def score_and_keep() -> Candidates:
            scored = stage.score(query, pool)
            return new_item_quota.keep_top(scored, keep, n_published, exposures)

        kept = runner.run(stage.name, stage.by, score_and_keep, None, len(pool))
        if kept is None:
            kept = pool.top(keep)
            runner.results[-1] = runner.results[-1]._replace(n_out=len(kept))
        return kept

    @staticmethod
    def _scale(n: int, query: Query) -> int:
        """Return ``n`` times ``candidate_share``, which is lower under load; at least k."""
        share = query.candidate_share
        return max(query.k, n if share == 1.0 else round(n * share))

    def recommend_fallback(self, request: Request, runner: StageRunner) -> FunnelRun:
        """Return the results so far, filled up with popular items.

        This is the answer when everything else has failed.
        """
        query = runner.query
        if query is None:
            recent = runner.recent
            if recent is None:
                recent = self.histories.last_known(request.user) if request.user else NO_HISTORY
                runner.record_filters(recent)
            query = self.query_builder.build(request, recent)
        proposals = [*(runner.proposals[:-1] or self._in_order({})), self.fallback.read_list()]
        pool = self._merge(proposals, query)
        slate = self._build_ranked_slate(query, pool)
        results = tuple(runner.results)
        ranked = slate.pool
        stages = (pool, ranked, ranked)
        return FunnelRun(query, tuple(proposals), *stages, slate, results, self.policies)

    def _build_ranked_slate(self, query: Query, pool: Candidates) -> Slate:
        """Select the best by the pool's scores, without what must never be shown."""
        available = self.query_builder.models.catalogue.available
        permitted = is_permitted(query, pool.rows, available)
        best = pool.take(np.flatnonzero(permitted)).top(query.k)
        return Slate(best, np.zeros(len(best), np.bool_))
