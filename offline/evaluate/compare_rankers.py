"""Compare kinds of fine rankers: all are fitted on the same rows and judged in the same funnel."""

import numpy as np
from numpy.typing import NDArray

from app.contracts import Candidates, Query, Rows
from app.rank.scorer import HYBRIDS, OBJECTIVE_BLEND, POINTWISE_LISTWISE
from app.stages import Scorer
from offline.evaluate.figures import Variant
from offline.evaluate.holdout import Holdout
from offline.evaluate.intervals import Bootstrap
from offline.evaluate.rerank_only import (
    HoldoutCandidates,
    PoolRanker,
    cascade_ranker,
    collect_candidates,
)
from offline.training.kinds import fit_ranker
from offline.training.rankers import TrainedRankers

Floats = NDArray[np.float64]


def compare_rankers(holdout: Holdout, trained: TrainedRankers) -> list[Variant]:
    """Judge each other kind alone over all that recall proposed, against the funnel as it is.

    Each kind is fitted here. The first lines are of users with a history. Where there are others,
    each kind has a second line for them.
    """
    candidates, sizes = collect_candidates(holdout, trained.rankers), holdout.funnel_config.sizes
    chosen = trained.kinds.fine
    trees = () if chosen in {POINTWISE_LISTWISE, OBJECTIVE_BLEND} else (POINTWISE_LISTWISE,)
    names = [*trees, *(kind for kind in HYBRIDS if kind != chosen)]
    served = candidates.ndcg(cascade_ranker(trained.rankers, sizes.coarse, sizes.fine))
    others = [
        candidates.ndcg(rank_once(fit_ranker(name, trained.training).scorer, sizes.fine))
        for name in names
    ]
    figures = np.stack([served, *others], axis=1)
    return compare_by_history(candidates, figures, names, holdout.seed)


def rank_once(scorer: Scorer, keep: int) -> PoolRanker:
    """Return a ranking by one scorer, without a coarse ranker before it."""

    def rank(query: Query, pool: Candidates) -> Candidates:
        return pool.with_scores(scorer.score(query, pool)).top(keep)

    return rank


def compare_by_history(
    candidates: HoldoutCandidates, figures: Floats, names: list[str], seed: int
) -> list[Variant]:
    """Compare each column of ``figures`` (u, 1 + v) with the first, for warm users, then cold."""
    is_warm = candidates.is_warm
    groups = {"": is_warm, ", users without history": ~is_warm} if is_warm.any() else {"": ~is_warm}
    return [
        variant
        for suffix, members in groups.items()
        if members.any()
        for variant in build_variants(figures[members], [f"{name}{suffix}" for name in names], seed)
    ]


def build_variants(
    figures: Floats, names: list[str], seed: int, user_ids: Rows | None = None
) -> list[Variant]:
    """Compare each column of ``figures`` (u, 1 + v) with the first; ``user_ids`` as Bootstrap."""
    bootstrap = Bootstrap.of(figures, seed, user_ids=user_ids)
    return [
        Variant(name=name, ndcg=bootstrap.mean(column), difference=bootstrap.difference(column, 0))
        for column, name in enumerate(names, start=1)
    ]
