"""Compares hybrids: every one learned on the same rows, and judged in the same funnel."""

import numpy as np
from numpy.typing import NDArray

from app.contracts import Candidates, Rows, Scorer
from offline.evaluate.figures import Variant
from offline.evaluate.holdout import Holdout
from offline.evaluate.intervals import Bootstrap
from offline.evaluate.rerank_only import (
    HoldoutCandidates,
    PoolRanker,
    cascade_ranker,
    collect_candidates,
)
from offline.models.hybrids import HYBRID_TRAINERS, HybridConfig
from offline.training.trained_rankers import TrainedRankers

Floats = NDArray[np.float64]


def compare_rankers(exam: Holdout, learned: TrainedRankers, config: HybridConfig) -> list[Variant]:
    """Judge every hybrid alone over all that recall proposed, against the funnel as it is.

    Headline: users with a history. Where there are others, each hybrid has a second line.
    """
    found, sizes = collect_candidates(exam, learned.rankers), exam.funnel_config.sizes
    kinds = (
        kind for kind in HYBRID_TRAINERS if not (learned.hybrid and kind == learned.hybrid.kind)
    )
    scorers: dict[str, Scorer] = {
        kind: HYBRID_TRAINERS[kind](learned.table, config) for kind in kinds
    }
    if learned.hybrid:
        scorers = {"cascade": learned.fine} | scorers
    served = found.ndcg(cascade_ranker(learned.rankers, sizes.coarse, sizes.fine))
    others = [found.ndcg(rank_once(scorer, sizes.fine)) for scorer in scorers.values()]
    return compare_by_history(found, np.stack([served, *others], axis=1), list(scorers), exam.seed)


def rank_once(scorer: Scorer, keep: int) -> PoolRanker:
    """Rank once, without a coarse ranker before it."""

    def cut(pool: Candidates) -> Candidates:
        return pool.with_scores(scorer.score(pool.features)).top(keep)

    return cut


def compare_by_history(
    found: HoldoutCandidates, figures: Floats, names: list[str], seed: int
) -> list[Variant]:
    """Set each column of ``figures`` (u, 1 + v) against the first, for warm users, then cold."""
    warm = found.is_warm
    groups = {"": warm, ", users without history": ~warm} if warm.any() else {"": ~warm}
    return [
        variant
        for words, members in groups.items()
        if members.any()
        for variant in build_variants(figures[members], [f"{name}{words}" for name in names], seed)
    ]


def build_variants(
    figures: Floats, names: list[str], seed: int, persons: Rows | None = None
) -> list[Variant]:
    """Set each column of ``figures`` (u, 1 + v) against the first; ``persons`` as for bootstrap."""
    sure = Bootstrap.of(figures, seed, user_ids=persons)
    return [
        Variant(name=name, ndcg=sure.mean(at), difference=sure.difference(at, 0))
        for at, name in enumerate(names, start=1)
    ]
