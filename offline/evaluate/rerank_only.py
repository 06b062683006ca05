"""The same candidates in other orders: rankers are swapped without asking recall again."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.artifacts import Rankers
from app.contracts import Candidates, Matrix
from offline.evaluate.funnel_answers import (
    FunnelAnswers,
    K,
    collect_answers,
    pad_lists,
    rerank_in_sequence,
    user_ndcg,
)
from offline.evaluate.holdout import Holdout
from offline.evaluate.metrics import PerUser
from offline.training.rankers import count_coarse_columns
from offline.training.replay import build_offline_funnel, sample_users

MAX_USERS = 1_000  # at most, by chance: their features stay in memory

PoolRanker: TypeAlias = Callable[
    [Candidates], Candidates
]  # merged, with all features -> what fine keeps


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class HoldoutCandidates:
    """What the funnel was asked, and the fine view of everything that recall proposed, (u,)."""

    answers: FunnelAnswers
    features: list[Matrix]

    def ndcg(self, cut: PoolRanker) -> PerUser:
        """Give NDCG@10 of every user, (u,), with another way to rank; policies as they are."""
        pools = [
            cut(replace(slate.merged, features=matrix))
            for slate, matrix in zip(self.answers.slates, self.features, strict=True)
        ]
        slates = [
            replace(slate, fine=pool)
            for slate, pool in zip(self.answers.slates, pools, strict=True)
        ]
        lists = pad_lists(rerank_in_sequence(self.answers.funnel.reranker, slates), K)
        return user_ndcg(lists, self.answers.relevant)

    @property
    def is_warm(self) -> NDArray[np.bool_]:
        """Say which users (u,) had a history."""
        return self.answers.events > 0


def collect_candidates(
    exam: Holdout, rankers: Rankers, limit: int = MAX_USERS
) -> HoldoutCandidates:
    """Ask the real funnel once for the users of the exam, so many at most."""
    return asyncio.run(_rescored(exam, rankers, limit))


async def _rescored(exam: Holdout, rankers: Rankers, limit: int) -> HoldoutCandidates:
    funnel, users = (
        build_offline_funnel(exam.models, exam.wiring, rankers),
        sample_users(exam.users, limit, exam.seed),
    )
    asked = await collect_answers(funnel, exam.dataset, users, exam.seed)
    views = [funnel.fine.features.build(slate.query, slate.merged) for slate in asked.slates]
    return HoldoutCandidates(asked, views)


def cascade_ranker(rankers: Rankers, coarse_keep: int, fine_keep: int) -> PoolRanker:
    """Rank twice, as the funnel does."""

    def cut(pool: Candidates) -> Candidates:
        kept = pool.with_scores(rankers.coarse.score(pool.features[:, : count_coarse_columns()]))
        kept = kept.top(coarse_keep)
        return kept.with_scores(rankers.fine.score(kept.features)).top(fine_keep)

    return cut
