"""What each objective's model gives to its own objective and costs the others."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from app.artifacts import Rankers
from app.contracts import Rows, Scorer
from offline.data.dataset import Log
from offline.evaluate import metrics
from offline.evaluate.figures import MetricFigures, ObjectiveRow
from offline.evaluate.holdout import Holdout
from offline.evaluate.intervals import Bootstrap
from offline.evaluate.metrics import K, Lists, PerUser
from offline.evaluate.rowsets import RowSets
from offline.training.objectives import OUTCOMES, compute_grades, compute_outcomes
from offline.training.replay import ReplayUser, add_later_events, sample_users
from offline.training.trained_rankers import TrainedRankers

MAX_USERS = 500  # at most: each model has to answer all of them

Truth = dict[str, RowSets]  # objective -> what fulfilled it, of each user


def compare_objectives(exam: Holdout, learned: TrainedRankers) -> list[ObjectiveRow]:
    """Let each model alone, and the blend, answer the test users; nothing where there is one."""
    if learned.objective_models is None:
        return []
    users = sample_users(exam.users, MAX_USERS, exam.seed)
    asked = Holdout(exam.dataset, exam.models, users, exam.cut, exam.funnel_config, exam.seed)
    known = compute_truth(exam, users, learned.objective_models.bounds)
    weights = {**learned.objective_models.weights, "blend": None}
    return [
        ObjectiveRow(model=name, weight=weights.get(name), ndcg=_figures(lists, known, exam.seed))
        for name, lists in _answers(asked, learned)
    ]


def compute_truth(exam: Holdout, users: list[ReplayUser], bounds: NDArray[np.float64]) -> Truth:
    """Grade what each user did after the cut with what was new to them, by each objective.

    ``bounds`` part the grades of value.
    """
    log = exam.dataset.log
    conversion = exam.dataset.traits.positive_weights[-1]
    later = [user.later for user in add_later_events(log, users, exam.cut, np.inf)]
    new = [_new(exam, user, done) for user, done in zip(users, later, strict=True)]
    owners = np.repeat(np.arange(len(users)), [len(rows) for rows in new])
    done = [compute_outcomes(rows, log, conversion) for rows, log in zip(new, later, strict=True)]
    rows, told = np.concatenate(new), np.concatenate(done)
    found = {"relevant": RowSets.of([user.relevant for user in users])}
    for name in OUTCOMES:
        grades = compute_grades(told, name, bounds).astype(np.float32)
        held = grades > 0
        found[name] = RowSets.of_pairs(owners[held], rows[held], len(users), grades[held])
    return found


def _new(exam: Holdout, user: ReplayUser, later: Log) -> Rows:
    seen = exam.models.users.history(user.user).rows
    return np.setdiff1d(later.items, seen).astype(np.int64)


def _answers(asked: Holdout, learned: TrainedRankers) -> Iterator[tuple[str, Lists]]:
    """Give the name and the lists of each model as the fine ranker, the blend last."""
    several = learned.objective_models
    models: dict[str, Scorer] = {"relevant": learned.fine}
    if several:
        models |= several.models
        models["blend"] = several.blend
    for name, model in models.items():
        yield name, asked.compute_lists(Rankers(learned.coarse, model), asked.funnel_config.sizes)


def _figures(lists: Lists, known: Truth, seed: int) -> MetricFigures:
    columns: list[PerUser] = [
        metrics.ndcg(metrics.grade_lists(lists, rows), K, graded=name == "value")
        for name, rows in known.items()
    ]
    sure = Bootstrap.of(np.stack(columns, axis=1), seed)
    return {name: sure.mean(column) for column, name in enumerate(known)}
