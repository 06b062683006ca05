"""Measure recall with more candidates. It is the ceiling of all later stages."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from app.contracts import Candidates, Matrix, Query, Scores
from app.funnel import Funnel, RankStage
from offline.evaluate.figures import RecallCeiling
from offline.evaluate.funnel_answers import FunnelAnswers, collect_answers
from offline.evaluate.rowsets import RowSets

CANDIDATE_COUNTS = (100, 200, 300, 500, 1_000)
MAX_USERS = 200


@dataclass(frozen=True, slots=True)
class PassThroughStage:
    """The features and the scorer of a ranking stage that keeps the order of the merge."""

    def build(self, query: Query, pool: Candidates) -> Matrix:  # noqa: ARG002
        """Return the scores of the merge as the only column."""
        return pool.scores[:, None]

    def score(self, _query: Query, pool: Candidates, /) -> Scores:
        """Return the scores of the merge, (n,)."""
        return pool.scores


async def recall_ceiling(
    answers: FunnelAnswers,
    candidate_counts: Sequence[int] = CANDIDATE_COUNTS,
    max_users: int = MAX_USERS,
) -> list[RecallCeiling]:
    """Widen every channel, and measure the recall of the best candidates by fused rank."""
    sample = answers.sample(max_users)
    limit = max(candidate_counts) // 2  # the channels' lists overlap by more than half
    wide = _widened(answers.funnel, limit)
    runs = (await collect_answers(wide, sample.dataset, sample.users, sample.seed)).runs
    relevant = sample.relevant
    return [
        RecallCeiling(
            candidates=count,
            recall=_recall(RowSets.of([run.merged.top(count).rows for run in runs]), relevant),
        )
        for count in candidate_counts
    ]


def _widened(funnel: Funnel, limit: int) -> Funnel:
    """Return a funnel that asks each channel for ``limit`` items and ranks nothing."""

    def keep_order(stage: RankStage) -> RankStage:
        return replace(stage, features=PassThroughStage(), scorer=PassThroughStage())

    coarse, fine = keep_order(funnel.coarse), keep_order(funnel.fine)
    return replace(funnel, recall_limit=limit, coarse=coarse, fine=fine)


def _recall(candidates: RowSets, relevant: RowSets) -> float:
    """Return the mean share of each user's relevant items that are among the candidates."""
    is_hit = candidates.grades_of(relevant.owners, relevant.rows) > 0
    hits = np.bincount(relevant.owners, weights=is_hit, minlength=len(relevant))
    has_relevant = relevant.sizes > 0
    return float((hits[has_relevant] / relevant.sizes[has_relevant]).mean())
