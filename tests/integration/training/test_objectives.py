"""Click, conversion and value: what each grades, models of their own, and the blend of them."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from app.artifacts import Sizes
from app.build import FunnelConfig
from app.bundle.bundle import load_bundle
from app.deadline import NO_CHECKPOINTS
from app.event_weights import type_code
from app.features.views import FINE_VIEW, column_names
from app.rank.kinds import OBJECTIVE_BLEND
from app.rank.objectives import RELEVANT, ObjectiveBlend, apply_objective_weights
from app.rank.pointwise_listwise import PointwiseListwiseBlend
from app.rank.scorer import RankerKinds
from offline.config import JobConfig
from offline.data.dataset import Dataset, DataTraits
from offline.data.readers import load_dataset
from offline.data.split import split_by_time
from offline.evaluate.compare_rankers import compare_objectives, compute_truth
from offline.job import build_holdout, collect_window_rows, fit_rankers
from offline.phases import PhaseTimer
from offline.publish.writer import write_bundle
from offline.training.gbdt import fit_pointwise_listwise
from offline.training.kinds import train_objective_blend
from offline.training.objectives import (
    ObjectiveWeights,
    build_blend,
    choose_objectives,
    compute_grade_bounds,
    compute_value_bounds,
    fit_objective_models,
    relabel,
    score_table,
)
from offline.training.rank_table import RankTable, concatenate
from offline.training.rankers import RankConfig, TrainingSet
from tests.bundles import build_training_result
from tests.fakes import SMALL, pool, query, small_dataset
from tests.shop import EVENTS, prices, write_shop

WIDTH = len(column_names(FINE_VIEW))
AGE, GAP, MEAN = (column_names(FINE_VIEW).index(name) for name in ("age", "user_gap", "mean_value"))
QUICK = RankConfig(rounds=40, least_rounds=40, leaf_rows=5, learning_rate=0.1, held_out=0)
SEVERAL_KINDS = DataTraits(
    is_explicit=False, positive_at=4.0, has_times=True, positive_weights=(0.2, 1.0, 2.0)
)
ONE_KIND = DataTraits(is_explicit=True, positive_at=4.0, has_times=True)
NO_FEATURES = np.empty((0, WIDTH), np.float32)


# --- the models


def score(scorer, features):
    return scorer.score(query(), replace(pool(*range(len(features))), features=features))


@cache
def shown(seed=0, groups=80, size=15):
    """Pools in which each objective goes with a column of its own."""
    random = np.random.default_rng(seed)
    features = random.standard_normal((groups * size, WIDTH)).astype(np.float32)
    done = np.zeros((groups * size, 3), np.float32)
    done[:, 0] = features[:, AGE] > 0.8
    done[:, 1] = features[:, GAP] > 1.2
    done[:, 2] = np.where(features[:, MEAN] > 0, np.exp(3 * features[:, MEAN]), 0)
    liked = (done[:, :2] > 0).any(axis=1).astype(np.int32)
    return RankTable(features, liked, np.full(groups, size), outcomes=done)


WEIGHTS = {"click": 0.3, "conversion": 1.0, "value": 0.5}


def training_set(*windows, objectives=None, seed=0):
    return TrainingSet(list(windows), seed, rank=QUICK, objectives=objectives or WEIGHTS)


@cache
def relevant_model():
    return fit_pointwise_listwise([shown()], QUICK, 0)


@cache
def models(seed=0):
    return fit_objective_models(training_set(shown(), shown(1), seed=seed), relevant_model())


def texts(model):
    return [part.to_text() for part in model.models]


@pytest.mark.parametrize(
    ("objective", "column"), [("click", AGE), ("conversion", GAP), ("value", MEAN)]
)
def test_each_model_learns_its_own_objective(objective, column):
    share = np.array(list(models()[objective].describe().columns.values()))
    assert int(np.argmax(share)) == column
    assert share[column] > 0.5
    assert share[column] > 5 * np.sort(share)[-2]


def test_the_same_seed_gives_the_same_models():
    one, again, other = (
        [texts(model) for model in found.values()]
        for found in (models(), models.__wrapped__(), models(seed=1))
    )
    assert one == again != other


def test_what_is_relevant_is_not_fitted_again():
    training = training_set(shown(), objectives={"relevant": 2.0, "click": 1.0})
    found = fit_objective_models(training, relevant_model())
    assert list(found) == [RELEVANT, "click"]
    assert found[RELEVANT] is relevant_model()


def test_an_objective_that_asks_for_the_same_as_relevance_is_not_fitted_again():
    """Where every event is positive, what is clicked is what is relevant."""
    alike = replace(shown(), labels=(shown().outcomes[:, 0] > 0).astype(np.int32))
    training = training_set(alike, objectives={"click": 1.0, "conversion": 1.0})
    found = fit_objective_models(training, relevant_model())
    assert found["click"] is relevant_model()
    assert found["conversion"] is not relevant_model()


def test_an_objective_that_nobody_fulfilled_is_left_out():
    outcomes = shown().outcomes * np.array([1, 0, 1], np.float32)
    never = replace(shown(), outcomes=outcomes)
    both = training_set(never, objectives={"conversion": 1.0, "click": 0.5})
    assert list(fit_objective_models(both, relevant_model())) == ["click"]
    assert train_objective_blend(both).scorer.weights == {"click": 0.5}
    none = train_objective_blend(training_set(never, objectives={"conversion": 1.0}))
    assert none.kind == "pointwise_listwise"
    assert isinstance(none.scorer.model, PointwiseListwiseBlend)


def test_a_table_without_outcomes_cannot_be_graded():
    with pytest.raises(ValueError, match="without outcomes"):
        relabel(replace(shown(), outcomes=None), "click", np.ones(3))


def test_outcomes_go_with_their_rows():
    kept = shown().take(np.arange(20, 31))
    assert kept.outcomes.tolist() == shown().outcomes[20:31].tolist()
    assert concatenate([shown(), shown(1)]).outcomes.shape == (len(shown()) + len(shown(1)), 3)
    assert concatenate([shown(), replace(shown(), outcomes=None)]).outcomes is None


def test_coarse_is_taught_by_what_the_blend_says_of_each_pool():
    table, blend = shown(), build_blend(models(), WEIGHTS)
    pools = np.split(table.features, np.cumsum(table.groups)[:-1])
    expected = np.concatenate([score(blend, features) for features in pools])
    assert score_table(models(), WEIGHTS, table) == pytest.approx(expected, abs=1e-5)


# --- the bundle


def bundle_of(blend, folder):
    """A published bundle whose fine ranker blends objectives."""
    little = build_training_result()
    kinds = RankerKinds(fine=OBJECTIVE_BLEND)
    rankers = replace(little.rankers, fine=blend)
    return load_bundle(write_bundle(replace(little, rankers=rankers, ranker_kinds=kinds), folder))


def test_a_bundle_keeps_the_models_and_their_weights(tmp_path):
    blend = build_blend(models(), WEIGHTS)
    bundle = bundle_of(blend, tmp_path)
    assert {name for name in bundle.manifest.files if name.startswith("fine")} == {
        f"fine.{objective}.{member}.{rest}"
        for objective in WEIGHTS
        for member in ("pointwise", "listwise")
        for rest in ("json", "0.txt", "0.npz", "1.txt", "1.npz")
    } | {"fine.json"}
    assert bundle.manifest.rankers == RankerKinds(fine=OBJECTIVE_BLEND)
    assert bundle.rankers.fine.weights == WEIGHTS
    features = shown().features[:40]
    assert score(bundle.rankers.fine, features).tolist() == score(blend, features).tolist()


def test_the_service_may_set_other_weights_and_says_which_the_bundle_lacks(tmp_path, caplog):
    rankers = bundle_of(build_blend(models(), WEIGHTS), tmp_path).rankers
    settings = {"click": 5.0, "value": 0.0, "relevant": 1.0}
    weighted = apply_objective_weights(rankers, settings, "v1").fine
    assert weighted.weights == {"click": 5.0, "conversion": 1.0, "value": 0.0}
    assert caplog.messages == ["the setting objectives.relevant belongs to no model of v1"]
    assert apply_objective_weights(rankers, {}, "v1").fine.weights == WEIGHTS
    single = build_training_result().rankers
    assert apply_objective_weights(single, {"click": 1.0}, "v2") is single
    assert "objectives.click" in caplog.messages[-1]


# --- data with event types


def shop(folder: Path) -> Dataset:
    """The small ratings as a shop's events, read from files as a user has them."""
    return load_dataset(write_shop(small_dataset(), folder)).dataset


def test_a_shop_made_of_ratings_has_views_clicks_likes_and_purchases(tmp_path):
    rated, made = small_dataset().log, shop(tmp_path)
    assert made.traits.positive_weights == (0.2, 0.4, 1.0, 2.0)
    assert not made.traits.is_explicit
    weight = dict(zip(EVENTS, (0, 0.2, 0.2, 0.4, 1.0, 2.0), strict=True))
    by_stars = {stars: weight[kind] for stars, kind in enumerate(EVENTS)}
    by_stars[1] = by_stars[2] = 0.2
    assert sorted(made.log.weights.tolist()) == pytest.approx(
        sorted(by_stars[int(stars)] for stars in rated.values)
    )
    bought = made.log.weights == 2
    assert made.log.values[bought] == pytest.approx(
        prices(len(made.catalogue))[made.log.items[bought]], rel=1e-6
    )
    assert set(made.log.values[~bought].tolist()) == {1.0}


def test_ratings_are_of_one_kind():
    traits = small_dataset().traits
    assert traits.positive_weights == (1.0,)
    assert choose_objectives(ObjectiveWeights(), traits) == {}


@pytest.fixture(scope="module")
def sold(tmp_path_factory):
    return shop(tmp_path_factory.mktemp("shop"))


def test_the_job_learns_every_objective_where_event_types_differ(cpu, sold):
    config = JobConfig(recall=SMALL, rank=QUICK, sizes=Sizes(40, 30, 20), users_per_window=20)
    wiring, split = (
        FunnelConfig(cpu, NO_CHECKPOINTS, config.sizes),
        split_by_time(sold.log, windows=2),
    )
    learned = fit_rankers(sold, split, config, wiring, PhaseTimer())
    assert learned.kinds.fine == OBJECTIVE_BLEND
    assert isinstance(learned.rankers.fine, ObjectiveBlend)
    assert learned.rankers.fine.weights == {"click": 1.0, "conversion": 0.3, "value": 0.2}
    exam = build_holdout(sold, split, config, wiring)
    exam = replace(exam, users=exam.users[:12])
    table = compare_objectives(exam, learned)
    assert [one["model"] for one in table] == ["relevant", "click", "conversion", "value", "blend"]
    assert [one["weight"] for one in table] == [None, 1.0, 0.3, 0.2, None]
    for one in table:
        assert list(one["ndcg"]) == ["relevant", "click", "conversion", "value"]
        assert all(0 < figure["mean"] < 1 for figure in one["ndcg"].values())
    assert compare_objectives(exam, replace(learned, rankers=build_training_result().rankers)) == []


def test_what_each_user_did_after_the_cut_is_told_by_objective(cpu, sold):
    some = replace(sold.log, items=sold.log.items - sold.log.items % 4)  # people come back to it
    sold = replace(sold, log=some)
    config = JobConfig(recall=SMALL, rank=QUICK, users_per_window=40)
    split = split_by_time(sold.log)
    exam = build_holdout(sold, split, config, FunnelConfig(cpu, NO_CHECKPOINTS))
    bounds = compute_grade_bounds(sold.log.weights * sold.log.values)
    found = compute_truth(exam, bounds)
    log, cut = sold.log, exam.cut
    for n, user in enumerate(exam.users):
        is_old_view = (log.types == type_code("view")) & (log.times <= cut - 86_400)
        seen = log.items[(log.users == user.user) & (log.times < cut) & ~is_old_view]
        seen = set(seen.tolist())
        clicked, bought, worth = set(), set(), {}
        for event in np.flatnonzero((log.users == user.user) & (log.times >= cut)):
            item = int(log.items[event])
            if item not in seen:
                clicked.add(item)
                bought |= {item} if log.weights[event] == 2 else set()
                worth[item] = worth.get(item, 0) + float(log.weights[event] * log.values[event])
        for name, expected in {"click": clicked, "conversion": bought, "value": worth}.items():
            rows_ = found[name].take(np.array([n]))
            assert rows_.rows.tolist() == sorted(expected), name
        grades = found["value"].take(np.array([n])).grades
        assert grades.tolist() == [
            1 + int(np.searchsorted(bounds, np.float32(worth[item]), "right"))
            for item in sorted(worth)
        ]


def test_what_was_clicked_is_kept_although_it_was_not_liked(cpu):
    """Neutral ratings are clicks; without objectives they are left out like any other."""
    rated = small_dataset()
    config = JobConfig(recall=SMALL, rank=QUICK, negatives=1, users_per_window=30)
    start, end = (float(t) for t in np.quantile(rated.log.times, [0.5, 0.9]))
    asked = replace(config, objectives=ObjectiveWeights(click=1))
    plain, told = (
        collect_window_rows(rated, start, end, one, FunnelConfig(cpu, NO_CHECKPOINTS))
        for one in (config, asked)
    )
    assert not plain.outcomes.any()
    assert told.outcomes[:, 0].sum() > told.labels.sum() == plain.labels.sum()
    assert (told.outcomes[told.labels > 0] > 0).all()  # liked: clicked, converted, of value
    assert compute_value_bounds([told]).shape == (3,)
