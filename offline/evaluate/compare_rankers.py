"""Compare fine rankers in the same funnel: every kind, and the model of every objective."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.artifacts import Rankers
from app.contracts import Candidates, Matrix, Query, Rows
from app.rank.objectives import RELEVANT, ObjectiveBlend
from app.rank.scorer import HYBRIDS, OBJECTIVE_BLEND, POINTWISE_LISTWISE
from app.stages import Scorer
from offline.data.dataset import Log
from offline.evaluate import metrics
from offline.evaluate.figures import MetricFigures, ObjectiveRow, Variant
from offline.evaluate.funnel_answers import (
    FunnelAnswers,
    collect_answers,
    pad_lists,
    rerank_in_sequence,
)
from offline.evaluate.holdout import Holdout
from offline.evaluate.intervals import Bootstrap
from offline.evaluate.metrics import K, Lists, PerUser, user_ndcg
from offline.evaluate.rowsets import RowSets
from offline.run_async import run_async
from offline.training.kinds import fit_ranker
from offline.training.linear import COARSE_WIDTH
from offline.training.objectives import (
    OBJECTIVE_COLUMNS,
    compute_grades,
    compute_outcomes,
    compute_value_bounds,
)
from offline.training.past_requests import (
    ActiveUser,
    add_later_events,
    build_offline_funnel,
    sample_users,
)
from offline.training.rankers import TrainedRankers

MAX_USERS = 1_000  # drawn by the seed: their features stay in memory
MAX_OBJECTIVE_USERS = 500  # the model of each objective has to rank for all of them

UserFigures: TypeAlias = NDArray[np.float64]  # (u, 1 + v) NDCG@10 by variant, the funnel first
Truth: TypeAlias = dict[str, RowSets]  # objective -> what fulfilled it, of each user
# The merged pool with the fine view's features -> what the fine stage keeps of it.
PoolRanker: TypeAlias = Callable[[Query, Candidates], Candidates]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class HoldoutCandidates:
    """Answers of the funnel, with the fine features of everything that recall proposed, (u,).

    Rankers can be swapped without running recall again.
    """

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
        return self.answers.events > 0


def collect_candidates(
    holdout: Holdout, rankers: Rankers, limit: int = MAX_USERS
) -> HoldoutCandidates:
    """Compute the real funnel's lists for at most ``limit`` users of the test window."""
    return run_async(_collect(holdout, rankers, limit))


async def _collect(holdout: Holdout, rankers: Rankers, limit: int) -> HoldoutCandidates:
    funnel = build_offline_funnel(holdout.models, holdout.funnel_config, rankers)
    users = sample_users(holdout.users, limit, holdout.seed)
    answers = await collect_answers(funnel, holdout.dataset, users, holdout.seed)
    build = funnel.fine.features.build
    return HoldoutCandidates(answers, [build(run.query, run.merged) for run in answers.runs])


def cascade_ranker(rankers: Rankers, coarse_keep: int, fine_keep: int) -> PoolRanker:
    """Return a ranking in two steps, coarse and fine, as the funnel has them."""

    def rank(query: Query, pool: Candidates) -> Candidates:
        coarse_view = replace(pool, features=pool.features[:, :COARSE_WIDTH])
        kept = pool.with_scores(rankers.coarse.score(query, coarse_view)).top(coarse_keep)
        return kept.with_scores(rankers.fine.score(query, kept)).top(fine_keep)

    return rank


def rank_once(scorer: Scorer, keep: int) -> PoolRanker:
    """Return a ranking by one scorer, without a coarse ranker before it."""
    return lambda query, pool: pool.with_scores(scorer.score(query, pool)).top(keep)


def compare_rankers(holdout: Holdout, trained: TrainedRankers) -> list[Variant]:
    """Judge each other kind alone over all that recall proposed, against the funnel as it is.

    Each kind is fitted here, on the same rows. The first lines are of users with a history. Where
    there are others, each kind has a second line for them.
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


def compare_by_history(
    candidates: HoldoutCandidates, figures: UserFigures, names: list[str], seed: int
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
    figures: UserFigures, names: list[str], seed: int, user_ids: Rows | None = None
) -> list[Variant]:
    """Compare each column of ``figures`` (u, 1 + v) with the first; ``user_ids`` as Bootstrap."""
    bootstrap = Bootstrap.of(figures, seed, user_ids=user_ids)
    return [
        Variant(name=name, ndcg=bootstrap.mean(column), difference=bootstrap.difference(column, 0))
        for column, name in enumerate(names, start=1)
    ]


def compare_objectives(holdout: Holdout, trained: TrainedRankers) -> list[ObjectiveRow]:
    """Measure what the model of each objective, and the blend, gains for each objective.

    The list is empty where the fine ranker is no blend.
    """
    blend = trained.rankers.fine
    if not isinstance(blend, ObjectiveBlend):
        return []
    sampled = replace(holdout, users=sample_users(holdout.users, MAX_OBJECTIVE_USERS, holdout.seed))
    truth = compute_truth(sampled, compute_value_bounds(trained.training.windows))
    return [
        ObjectiveRow(
            model=name,
            weight=blend.weights.get(name),
            ndcg=_compute_figures(lists, truth, holdout.seed),
        )
        for name, lists in _compute_lists(sampled, trained, blend)
    ]


def compute_truth(holdout: Holdout, bounds: NDArray[np.float64]) -> Truth:
    """Grade what each user did after the cut with items that were new to them, by objective.

    ``bounds`` divide the grades of value.
    """
    users, conversion = holdout.users, holdout.dataset.traits.positive_weights[-1]
    later = [
        user.later for user in add_later_events(holdout.dataset.log, users, holdout.cut, np.inf)
    ]
    new = [_new_items(holdout, user, log) for user, log in zip(users, later, strict=True)]
    owners = np.repeat(np.arange(len(users)), [len(rows) for rows in new])
    outcomes = np.concatenate(
        [compute_outcomes(rows, log, conversion) for rows, log in zip(new, later, strict=True)]
    )
    rows = np.concatenate(new)
    truth = {RELEVANT: RowSets.of([user.relevant for user in users])}
    for name in OBJECTIVE_COLUMNS:
        grades = compute_grades(outcomes, name, bounds).astype(np.float32)
        held = grades > 0
        truth[name] = RowSets.of_pairs(owners[held], rows[held], len(users), grades[held])
    return truth


def _new_items(holdout: Holdout, user: ActiveUser, later: Log) -> Rows:
    hidden = user.seen.hidden(holdout.models.users.history(user.user), holdout.cut)
    return np.setdiff1d(later.items, hidden).astype(np.int64)


def _compute_lists(
    holdout: Holdout, trained: TrainedRankers, blend: ObjectiveBlend
) -> Iterator[tuple[str, Lists]]:
    """Yield the name and the lists of each model as the fine ranker, the blend last."""
    models: dict[str, Scorer] = {RELEVANT: trained.relevant} if trained.relevant else {}
    for name, model in (models | dict(blend.scorers) | {"blend": blend}).items():
        rankers = replace(trained.rankers, fine=model)
        yield name, holdout.compute_lists(rankers, holdout.funnel_config.sizes)


def _compute_figures(lists: Lists, truth: Truth, seed: int) -> MetricFigures:
    columns: list[PerUser] = [
        metrics.ndcg(metrics.grade_lists(lists, rows), K, graded=name == "value")
        for name, rows in truth.items()
    ]
    bootstrap = Bootstrap.of(np.stack(columns, axis=1), seed)
    return {name: bootstrap.mean(column) for column, name in enumerate(truth)}
