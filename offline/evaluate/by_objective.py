"""Measure how much each objective's model gains for its objective and costs the others."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from app.contracts import Rows
from app.rank.objectives import RELEVANT, ObjectiveBlend
from app.stages import Scorer
from offline.data.dataset import Log
from offline.evaluate import metrics
from offline.evaluate.figures import MetricFigures, ObjectiveRow
from offline.evaluate.holdout import Holdout
from offline.evaluate.intervals import Bootstrap
from offline.evaluate.metrics import K, Lists, PerUser
from offline.evaluate.rowsets import RowSets
from offline.training.objective_rankers import compute_value_bounds
from offline.training.objectives import OBJECTIVE_COLUMNS, compute_grades, compute_outcomes
from offline.training.past_requests import ActiveUser, add_later_events, sample_users
from offline.training.rankers import TrainedRankers

MAX_USERS = 500  # each model has to rank for all of them

Truth = dict[str, RowSets]  # objective -> what fulfilled it, of each user


def compare_objectives(holdout: Holdout, trained: TrainedRankers) -> list[ObjectiveRow]:
    """Judge each model alone, and the blend, on the test users; empty where there is no blend."""
    blend = trained.rankers.fine
    if not isinstance(blend, ObjectiveBlend):
        return []
    sampled = replace(holdout, users=sample_users(holdout.users, MAX_USERS, holdout.seed))
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
    seen = holdout.models.users.history(user.user).rows
    return np.setdiff1d(later.items, seen).astype(np.int64)


def _compute_lists(
    holdout: Holdout, trained: TrainedRankers, blend: ObjectiveBlend
) -> Iterator[tuple[str, Lists]]:
    """Yield the name and the lists of each model as the fine ranker, the blend last."""
    models: dict[str, Scorer] = {RELEVANT: trained.relevant} if trained.relevant else {}
    models |= blend.scorers
    models["blend"] = blend
    for name, model in models.items():
        rankers = replace(trained.rankers, fine=model)
        yield name, holdout.compute_lists(rankers, holdout.funnel_config.sizes)


def _compute_figures(lists: Lists, truth: Truth, seed: int) -> MetricFigures:
    columns: list[PerUser] = [
        metrics.ndcg(metrics.grade_lists(lists, rows), K, graded=name == "value")
        for name, rows in truth.items()
    ]
    bootstrap = Bootstrap.of(np.stack(columns, axis=1), seed)
    return {name: bootstrap.mean(column) for column, name in enumerate(truth)}
