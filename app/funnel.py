"""The recommendation funnel. Read this file first.

    user --history--> profile --recall--> ~600 --coarse--> 300 --fine--> 100 --rerank--> k

Each stage has a checkpoint: seconds after arrival by which it must be done. What one stage saves
the next may spend, and time lost in queues counts. A stage that is late or fails is replaced by
the answer already in hand, and says so in ``Slate.results``. Only ``app.deadline`` catches broadly.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from app.contracts import (
    NO_HISTORY,
    NO_PROPOSAL,
    Candidates,
    Channel,
    Features,
    Histories,
    LocalChannel,
    Proposal,
    Query,
    Request,
    Reranker,
    Scorer,
    Selection,
)
from app.cpu import Cpu
from app.deadline import Checkpoints, StageResult, StageRunner
from app.query_builder import QueryBuilder
from app.rank import new_item_quota
from app.recall.catalogue_fallback import fill_from_catalogue
from app.recall.merge import merge
from app.recall.popularity import PopularityChannel
from app.rerank.filters import is_permitted


@dataclass(frozen=True, slots=True)
class RankStage:
    """Compute features, score, keep the best. Coarse and fine differ only in these values."""

    name: str
    features: Features
    scorer: Scorer
    keep: int
    by: float

    def score(self, query: Query, pool: Candidates) -> Candidates:
        """Give the pool this stage's features and scores, in the order it came."""
        matrix = self.features.build(query, pool)
        return replace(pool, features=matrix).with_scores(self.scorer.score(matrix))


@dataclass(frozen=True, slots=True, eq=False)
class Slate:
    """The answer, and how it was made: the pool after each stage, and each stage's step."""

    query: Query
    proposals: tuple[Proposal, ...]  # one per channel, in the funnel's order
    merged: Candidates
    coarse: Candidates
    fine: Candidates
    selection: Selection
    results: tuple[StageResult, ...]


@dataclass(frozen=True, slots=True)
class Funnel:
    """The stages, in the order they run. Built with a bundle; holds nothing about a request."""

    query_builder: QueryBuilder
    histories: Histories
    channels: Sequence[Channel]  # these wait for a store or another thread
    local_channels: Sequence[
        LocalChannel
    ]  # these compute, and stand behind the others in every pool
    fallback: PopularityChannel  # popular items, always in memory: the pool is never empty
    coarse: RankStage
    fine: RankStage
    reranker: Reranker
    cpu: Cpu
    by: Checkpoints
    recall_limit: int = 200

    async def recommend(self, request: Request, runner: StageRunner | None = None) -> Slate:
        """Answer one request; ``run`` keeps what is in hand should the caller cut it off."""
        runner = runner or StageRunner(request.arrived)
        query = runner.query = await self._profile(request, runner)
        proposals = runner.proposals = await self._recall(query, runner)
        return await self.cpu(self._rank, query, proposals, runner)

    async def _profile(self, request: Request, run: StageRunner) -> Query:
        """Fetch the live history, join it with what the bundle knows, solve the user's vectors."""
        recent = NO_HISTORY
        if request.user:
            recent = await run.run_async(
                "history", self.by.history, lambda: self.histories.recent(request.user), NO_HISTORY
            )
        query = self.query_builder.build(request, recent)
        if not len(query.history):
            return query
        taste = run.run(
            "profile",
            self.by.profile,
            lambda: self.query_builder.solve_vectors(query),
            query.vectors,
        )
        return replace(query, vectors=taste)

    async def _recall(self, query: Query, run: StageRunner) -> list[Proposal]:
        """Ask every channel; where too little comes in time, popular items fill up."""
        limit = max(query.k, round(self.recall_limit * query.quality))
        by = self.by.recall

        def ask(channel: Channel) -> Awaitable[Proposal]:
            work = partial(channel.recall, query, limit)
            return run.run_async(f"recall.{channel.name}", by, work, NO_PROPOSAL)

        def propose(channel: LocalChannel) -> Proposal:
            work = partial(channel.recall, query, limit)
            return run.run(f"recall.{channel.name}", by, work, NO_PROPOSAL)

        computed = list(map(propose, self.local_channels))
        answers = [*await asyncio.gather(*map(ask, self.channels)), *computed]
        enough = sum(map(len, answers)) >= limit
        return [*answers, NO_PROPOSAL if enough else self.fallback.recall(query, limit)]

    def _rank(self, query: Query, proposals: list[Proposal], run: StageRunner) -> Slate:
        """Merge what was proposed, rank it twice, and make the list."""
        merged = self._merged(proposals, query)
        coarse = self._cut(self.coarse, query, merged, run)
        fine = self._cut(self.fine, query, coarse, run)
        chosen = run.run(
            "rerank", self.by.rerank, lambda: self.reranker.rerank(query, fine), None, len(fine)
        )
        chosen = self._as_ranked(query, fine) if chosen is None else chosen
        return Slate(query, tuple(proposals), merged, coarse, fine, chosen, tuple(run.results))

    def _merged(self, proposals: list[Proposal], query: Query) -> Candidates:
        """Join the channels' answers; where filters leave too little, the whole catalogue fills up.

        A filter that is told to the ranking is no reason for a short list, nor for a poor choice:
        with one there is twice what is asked for to choose from.
        """
        known, live = self.query_builder.models.catalogue, self.query_builder.counters
        pool = merge(proposals, query)
        enough = 2 * query.k if query.filters else query.k
        free = known.available.take(pool.rows)
        if np.count_nonzero(free) < enough:
            limit = max(enough, self.recall_limit)
            proposals[-1] = fill_from_catalogue(known, live, query, limit)
            pool = merge(proposals, query)
            free = known.available.take(pool.rows)
        return pool if free.all() else pool.take(free.nonzero()[0])

    def _cut(
        self, stage: RankStage, query: Query, pool: Candidates, run: StageRunner
    ) -> Candidates:
        """Score the pool and keep the best; failing that, the best by the scores it came with."""
        keep = max(query.k, round(stage.keep * query.quality))
        first, live = (
            self.query_builder.models.catalogue.published_count,
            self.query_builder.counters,
        )
        kept = run.run(
            stage.name,
            stage.by,
            lambda: new_item_quota.keep_top(stage.score(query, pool), keep, first, live.exposures),
            None,
            len(pool),
        )
        if kept is None:
            kept = pool.top(keep)
            run.results[-1] = replace(run.results[-1], n_out=len(kept))
        return kept

    def recommend_fallback(self, request: Request, run: StageRunner) -> Slate:
        """Give what is in hand, popular items behind it: the answer when all else has failed."""
        query = run.query or self.query_builder.build(request, NO_HISTORY)
        nothing = [NO_PROPOSAL] * (len(self.channels) + len(self.local_channels))
        proposals = [*(run.proposals[: len(nothing)] or nothing), self.fallback.read_list()]
        pool = self._merged(proposals, query)
        chosen = self._as_ranked(query, pool)
        steps = tuple(run.results)
        return Slate(query, tuple(proposals), pool, chosen.pool, chosen.pool, chosen, steps)

    def _as_ranked(self, query: Query, pool: Candidates) -> Selection:
        """Keep the order in hand, less what must never be shown."""
        free = is_permitted(query, pool.rows, self.query_builder.models.catalogue.available)
        best = pool.take(np.flatnonzero(free)).top(query.k)
        return Selection(best, np.zeros(len(best), np.bool_))
