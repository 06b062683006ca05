"""Nothing after the cut is visible: shuffle the future, and no model, list or figure moves.

Each changed future goes through the readers, so that what they take from the whole of a file is
tried too. What is known of items and users beside the log is allowed to be known at any time.
"""

import asyncio
import tempfile
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from app.artifacts import Models, Rankers, Sizes
from app.build import FunnelConfig
from app.contracts import History
from app.deadline import NO_CHECKPOINTS
from app.rank.logistic import Logistic
from offline.config import JobConfig
from offline.data.dataset import Dataset
from offline.data.readers import load_dataset
from offline.data.split import split_by_time
from offline.evaluate.evaluation import Evaluation
from offline.evaluate.holdout import Holdout
from offline.job import build_holdout, evaluate_rankers, fit_rankers
from offline.job import collect_window_rows as training_rows
from offline.models.als import ALSConfig
from offline.models.registry import RecallConfig, fit_models
from offline.phases import PhaseTimer
from offline.training.past_requests import (
    ActiveUser,
    build_offline_funnel,
    find_active_users,
    recommend_each,
    sample_users,
)
from offline.training.rankers import RankConfig
from offline.training.row_collection import collect_rows
from offline.training.visits import VisitConfig, add_visit_moments
from tests.world import World, world, write_recbole

SMALL = {"users": 40, "items": 60, "ratings": 1_200}
NEW = 6  # items that come late: nobody has touched them before the cut
SIZES = Sizes(recall=30, coarse=30, fine=15)
CONFIG = JobConfig(
    recall=RecallConfig(als=ALSConfig(size=16, reg=1.0)),
    rank=RankConfig(rounds=8, least_rounds=4, boosters=1),
    sizes=SIZES,
)


def with_new_items(made: World) -> World:
    """The same, but for a few items whose events all lie at the end."""
    new = made.items >= SMALL["items"] - NEW
    last = made.times.max()
    return replace(made, times=np.where(new, last - (last - made.times) // 16, made.times))


TRUE = with_new_items(world(3, **SMALL))


def other_users(made: World, late, drawn) -> World:
    return replace(made, users=scattered(made.users, late, drawn))


def other_items(made: World, late, drawn) -> World:
    return replace(made, items=scattered(made.items, late, drawn))


def other_stars(made: World, late, drawn) -> World:
    stars = made.stars.copy()
    stars[late] = drawn.integers(1, 6, len(late))
    return replace(made, stars=stars)


def other_times(made: World, late, drawn) -> World:
    return replace(made, times=scattered(made.times, late, drawn))


def more_events(made: World, late, drawn) -> World:
    """Ten times as many events, and later ones, all on a few items that are liked by all."""
    n = 10 * len(late)
    end = made.times.max()
    return World(
        np.concatenate([made.users, drawn.integers(0, SMALL["users"], n)]),
        np.concatenate([made.items, drawn.integers(0, 5, n)]),
        np.concatenate([made.stars, np.full(n, 5)]),
        np.concatenate([made.times, drawn.integers(made.times[late].min(), 2 * end, n)]),
    )


def no_events(made: World, late, drawn) -> World:
    """Nothing but one event; its item is the last of the file of items, which stays the same."""
    one = late[np.argmax(made.items[late])]
    kept = np.append(np.setdiff1d(np.arange(len(made.times)), late), one)
    return World(made.users[kept], made.items[kept], made.stars[kept], made.times[kept])


def everything(made: World, late, drawn) -> World:
    for change in (other_users, other_items, other_stars, other_times):
        made = change(made, late, drawn)
    return made


FUTURES = (more_events, no_events, everything)


def scattered(column, late, drawn):
    column = column.copy()
    column[late] = drawn.permutation(column[late])
    return column


def dataset_of(made: World) -> Dataset:
    with tempfile.TemporaryDirectory() as folder:
        return load_dataset(write_recbole(Path(folder) / "cinema", made)).dataset


def future(change, cut: float, seed=0) -> Dataset:
    """The true data, but for what ``change`` makes of the events from ``cut`` on."""
    late = np.flatnonzero(cut <= TRUE.times)
    return dataset_of(change(TRUE, late, np.random.default_rng(seed)))


DATASET = dataset_of(TRUE)
LOG = DATASET.log
SPLIT = split_by_time(LOG, windows=2)
CUT, END = SPLIT.test_start, SPLIT.test_end
ASKERS = find_active_users(
    LOG, CUT, END
)  # who is asked for: the same users, whatever the future is
FEW = replace(CONFIG, users_per_window=4)  # three times as many are judged
EVERY_ITEM = np.arange(SMALL["items"])


def parts(of, name=""):
    """Every array and every number that an object is made of, as bytes, by their names."""
    if is_dataclass(of):
        of = {f.name: getattr(of, f.name) for f in fields(of) if not f.metadata.get("opaque")}
    if isinstance(of, list | tuple):
        of = dict(enumerate(of))
    if isinstance(of, dict):
        return {k: v for key in of for k, v in parts(of[key], f"{name}.{key}").items()}
    return {name[1:]: of.tobytes() if isinstance(of, np.ndarray) else repr(of).encode()}


def moved(one, two):
    """The names of all that is not the same to the bit."""
    left, right = parts(one), parts(two)
    return {name for name in left.keys() | right.keys() if left.get(name) != right.get(name)}


@dataclass(frozen=True)
class Learned:
    """The rankers, as they would be published."""

    coarse: Logistic
    fine: str  # LightGBM text
    rankers: Rankers = field(metadata={"opaque": True})  # the same two, ready for use


def learned(dataset, wiring, split=SPLIT) -> Learned:
    found = fit_rankers(dataset, split, CONFIG, wiring, PhaseTimer())
    trees = [model.to_text() for model in found.rankers.fine.model.models]
    return Learned(found.rankers.coarse.model, "".join(trees), found.rankers)


def fitted(dataset) -> Models:
    return fit_models(dataset, dataset.log.before(CUT), CONFIG.recall, CUT)


def figures(models, rankers, wiring) -> Evaluation:
    """Judge by what was truly taken, so that nothing but what was learned can move a figure."""
    users = sample_users(ASKERS, 3 * FEW.users_per_window, FEW.seed)
    pause = FEW.visits.pause
    holdout = Holdout(DATASET, models, users, CUT, wiring, FEW.seed, pause)
    return evaluate_rankers(holdout, rankers)


def runs(dataset, models, rankers, wiring):
    """What every stage let through for each user."""
    return asyncio.run(asked(build_offline_funnel(models, wiring, rankers), dataset))


async def asked(funnel, dataset):
    """The slates, but for how long each step took."""
    names = dataset.users.names(np.array([asker.user for asker in ASKERS]))
    return [
        (
            *(run.query, run.proposals, run.merged, run.coarse, run.fine),
            *(run.slate.pool, run.slate.explored, run.slate.slots, run.slate.rejections()),
        )
        async for run in recommend_each(funnel, names, 10, CONFIG.seed, explore=True)
    ]


@pytest.fixture(scope="module")
def wiring(cpu):
    return FunnelConfig(cpu, NO_CHECKPOINTS, SIZES)


@pytest.fixture(scope="module")
def truth(wiring):
    return learned(DATASET, wiring)


@pytest.fixture(scope="module")
def true_runs(truth, wiring):
    return runs(DATASET, fitted(DATASET), truth.rankers, wiring)


@pytest.fixture(scope="module")
def true_figures(truth, wiring):
    return figures(fitted(DATASET), truth.rankers, wiring)


@pytest.mark.parametrize("change", FUTURES)
def test_whatever_happens_after_the_cut_no_model_and_no_slate_moves(
    truth, true_runs, wiring, change
):
    other = future(change, CUT)
    assert moved(other.log.between(CUT, np.inf), LOG.between(CUT, np.inf))
    assert moved(other.log.before(CUT), LOG.before(CUT)) == set()
    found, models = learned(other, wiring), fitted(other)
    assert moved(found, truth) == set()
    assert moved(models, fitted(DATASET)) == set()
    assert moved(runs(other, models, found.rankers, wiring), true_runs) == set()


def test_whatever_happens_after_the_cut_no_figure_moves(true_figures, wiring):
    other = future(everything, CUT)
    found = figures(fitted(other), learned(other, wiring).rankers, wiring)
    assert moved(found, true_figures) == set()


def test_the_figures_move_with_what_was_taken_though_the_slates_do_not(truth, true_figures, wiring):
    true, other = (build_holdout(d, SPLIT, FEW, wiring) for d in (DATASET, future(everything, CUT)))
    assert moved(true.models, other.models) == set()
    assert moved(evaluate_rankers(true, truth.rankers), true_figures) == set()
    assert ndcg(evaluate_rankers(other, truth.rankers)) < 0.6 * ndcg(true_figures)


def ndcg(evaluation):
    return evaluation.warm["methods"]["funnel"]["ndcg@10"]["mean"]


def on_everything(dataset):
    """Recall that was fitted on the whole log."""
    return fit_models(dataset, dataset.log, CONFIG.recall, float(dataset.log.times[-1]))


def knows_first_seen(dataset):
    """Recall as of the cut, but for the items' ages."""
    models, late = fitted(dataset), on_everything(dataset).popularity
    early = replace(models.popularity, first_seen=late.first_seen)
    return replace(models, popularity=early)


@pytest.mark.parametrize(
    ("leak", "where"),
    [(on_everything, "factors.items"), (knows_first_seen, "popularity.first_seen")],
)
def test_recall_that_knows_the_future_is_caught(truth, true_runs, wiring, leak, where):
    other = future(everything, CUT)
    models = leak(other)
    assert where in moved(models, leak(DATASET))
    assert moved(runs(other, models, truth.rankers, wiring), true_runs)


def test_a_figure_that_knows_the_future_is_caught(truth, true_figures, wiring):
    models = knows_first_seen(future(everything, CUT))
    assert moved(figures(models, truth.rankers, wiring), true_figures)


def test_rankers_that_learn_from_the_test_window_are_caught(wiring):
    late = replace(SPLIT, windows=((CUT, END),))
    one, two = (learned(d, wiring, late) for d in (DATASET, future(everything, CUT)))
    assert {"fine", "coarse.weights"} <= moved(one, two)


@pytest.mark.parametrize("change", [more_events, everything])
@pytest.mark.parametrize("window", SPLIT.windows)
def test_whatever_happens_after_a_window_none_of_its_training_rows_moves(wiring, window, change):
    start, end = window
    true = training_rows(DATASET, start, end, CONFIG, wiring)
    other = training_rows(future(change, end), start, end, CONFIG, wiring)
    assert len(true.groups) > 10
    assert moved(true, other) == set()


def test_what_happens_within_a_window_moves_its_labels(wiring):
    start, end = SPLIT.windows[0]
    true = training_rows(DATASET, start, end, CONFIG, wiring)
    other = training_rows(future(everything, start), start, end, CONFIG, wiring)
    assert "labels" in moved(true, other)


START, STOP = SPLIT.windows[-1]
COMING = add_visit_moments(
    LOG, find_active_users(LOG, START, STOP), (START, STOP), VisitConfig(), CONFIG.seed
)
LATE = [n for n, asker in enumerate(COMING) if asker.at > START]


def group_of(dataset, last, wiring):
    """The features of asker number ``last``, who comes after those before; all is relevant."""
    models = fit_models(dataset, dataset.log.before(START), CONFIG.recall, START)
    coming = [
        ActiveUser(a.user, EVERY_ITEM, a.at, done_by(dataset.log, a)) for a in COMING[: last + 1]
    ]
    table = asyncio.run(
        collect_rows(build_offline_funnel(models, wiring), dataset, coming, CONFIG.seed)
    )
    assert len(table.groups) == last + 1
    return table.features[-table.groups[-1] :]


def done_by(log, asker):
    """What the asker did in the window until the moment of asking."""
    window = log.between(START, asker.at)
    own = window.take(np.flatnonzero(window.users == asker.user)[::-1])
    return History(own.items.astype(np.int64), own.values, own.weights, own.times, types=own.types)


@pytest.mark.parametrize("last", [LATE[0], LATE[-1]])
def test_whatever_happens_after_a_user_asked_no_feature_of_that_user_moves(wiring, last):
    at = COMING[last].at
    other = future(everything, at)
    assert moved(done_by(LOG, COMING[last]), COMING[last].since) == set()
    assert len(other.log.between(at, STOP)) > 0
    true = group_of(DATASET, last, wiring)
    assert moved(true, group_of(other, last, wiring)) == set()
    assert moved(true, group_of(future(everything, START), last, wiring))
