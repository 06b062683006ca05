"""The same candidates in other orders: rankers are swapped, and recall runs only once."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.artifacts import Rankers
from app.contracts import Candidates, Matrix, Query
from offline.evaluate.funnel_answers import (
    FunnelAnswers,
    collect_answers,
    pad_lists,
    rerank_in_sequence,
)
from offline.evaluate.holdout import Holdout
from offline.evaluate.metrics import K, PerUser, user_ndcg
from offline.training.distillation import COARSE_WIDTH
from offline.training.past_requests import build_offline_funnel, sample_users

MAX_USERS = 1_000  # drawn by the seed: their features stay in memory

# The merged pool with the fine view's features -> what the fine stage keeps of it.
PoolRanker: TypeAlias = Callable[[Query, Candidates], Candidates]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class HoldoutCandidates:
    """Answers of the funnel, with the fine features of everything that recall proposed, (u,)."""

    answers: FunnelAnswers
    features: list[Matrix]

    def ndcg(self, rank: PoolRanker) -> PerUser:
        """Return NDCG@10 of every user, (u,), with another ranker and the same policies."""
        runs = [
            replace(run, fine=rank(run.query, replace(run.merged, features=matrix)))
            for run, matrix in zip(self.answers.runs, self.features, strict=True)
        ]
        lists = pad_lists(rerank_in_sequence(self.answers.funnel.reranker, runs), K)
        return user_ndcg(lists, self.answers.relevant)

    @property
    def is_warm(self) -> NDArray[np.bool_]:
        """True for each user with a history, (u,)."""
        return self.answers.events > 0


def collect_candidates(
    holdout: Holdout, rankers: Rankers, limit: int = MAX_USERS
) -> HoldoutCandidates:
    """Compute the real funnel's lists for at most ``limit`` users of the test window."""
    return asyncio.run(_collect(holdout, rankers, limit))


async def _collect(holdout: Holdout, rankers: Rankers, limit: int) -> HoldoutCandidates:
    funnel = build_offline_funnel(holdout.models, holdout.funnel_config, rankers)
    users = sample_users(holdout.users, limit, holdout.seed)
    answers = await collect_answers(funnel, holdout.dataset, users, holdout.seed)
    build = funnel.fine.features.build
    return HoldoutCandidates(answers, [build(s.query, s.merged) for s in answers.runs])


def cascade_ranker(rankers: Rankers, coarse_keep: int, fine_keep: int) -> PoolRanker:
    """Return a ranker in two steps, coarse and fine, as the funnel has them."""

    def rank(query: Query, pool: Candidates) -> Candidates:
        coarse_view = replace(pool, features=pool.features[:, :COARSE_WIDTH])
        kept = pool.with_scores(rankers.coarse.score(query, coarse_view)).top(coarse_keep)
        return kept.with_scores(rankers.fine.score(query, kept)).top(fine_keep)

    return rank
