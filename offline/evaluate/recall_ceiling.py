"""What recall could find with room for more candidates: the ceiling of all that comes after."""

from dataclasses import dataclass, replace

import numpy as np

from app.contracts import Candidates, Matrix, Query, Scores
from app.funnel import Funnel, RankStage
from offline.evaluate.figures import RecallCeiling
from offline.evaluate.funnel_answers import FunnelAnswers, collect_answers
from offline.evaluate.rowsets import RowSets

SIZES = (100, 200, 300, 500, 1_000)  # candidates
MAX_USERS = 200  # asked again, at most


@dataclass(frozen=True, slots=True)
class MergeOrderScorer:
    """Stands in for a ranking stage: keeps the merged order, and costs nothing."""

    def build(self, query: Query, pool: Candidates) -> Matrix:  # noqa: ARG002
        """Give the scores of the merge as the only column."""
        return pool.scores[:, None]

    def score(self, features: Matrix) -> Scores:
        """Give that column, (n,)."""
        scores: Scores = features[:, 0]
        return scores


async def recall_ceiling(asked: FunnelAnswers) -> list[RecallCeiling]:
    """Widen every channel, and see what the best candidates by fused rank hold."""
    few = asked.sample(MAX_USERS)
    wide = _widened(asked.funnel, max(SIZES) // 2)  # the channels' lists overlap by more than half
    slates = (await collect_answers(wide, few.dataset, few.users, few.seed)).slates
    relevant = few.relevant
    return [
        RecallCeiling(
            candidates=size,
            recall=_recall(RowSets.of([slate.merged.top(size).rows for slate in slates]), relevant),
        )
        for size in SIZES
    ]


def _widened(funnel: Funnel, limit: int) -> Funnel:
    """Ask each channel for ``limit`` items, and rank nothing."""

    def passing(stage: RankStage) -> RankStage:
        return replace(stage, features=MergeOrderScorer(), scorer=MergeOrderScorer())

    coarse, fine = passing(funnel.coarse), passing(funnel.fine)
    return replace(funnel, recall_limit=limit, coarse=coarse, fine=fine)


def _recall(candidates: RowSets, relevant: RowSets) -> float:
    """Give the mean share of each user's relevant items among the candidates."""
    found = candidates.grades_of(relevant.owners, relevant.rows) > 0
    hits = np.bincount(relevant.owners, weights=found, minlength=len(relevant))
    concerned = relevant.sizes > 0
    return float((hits[concerned] / relevant.sizes[concerned]).mean())
