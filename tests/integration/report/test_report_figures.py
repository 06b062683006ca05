"""The figures of a report, and the part of them that the manifest keeps."""

import asyncio
from dataclasses import replace

import lightgbm
import numpy as np
import pytest

from app.artifacts import Rankers, Sizes
from app.build import FunnelConfig
from app.deadline import NO_CHECKPOINTS
from app.event_weights import EventWeights
from app.features.views import COARSE_VIEW, FINE_VIEW, column_names
from app.rank.channel_order import ChannelOrder
from app.rank.gbdt import GradientBoosting
from app.rank.logistic import Logistic
from app.rank.pointwise_listwise import PointwiseListwiseBlend
from app.rank.scorer import MatrixScorer, RankerKinds
from offline.data.split import split_by_time
from offline.evaluate.evaluation import evaluate_funnel
from offline.models.registry import fit_models
from offline.publish.writer import TrainingResult
from offline.report.report_figures import build_figures
from offline.training.linear import zero_model
from offline.training.past_requests import build_offline_funnel, find_active_users
from tests.fakes import SMALL, small_dataset

ORDER = ChannelOrder("ease_rank", 20.0, 5, 20, 0.25, 0.05)
DATASET = small_dataset()
SPLIT = split_by_time(DATASET.log)


@pytest.fixture(scope="module")
def evaluated(cpu):
    """Models as of the cut, and what the test window says of them."""
    models = fit_models(DATASET, DATASET.log.before(SPLIT.test_start), SMALL, SPLIT.test_start)
    users = find_active_users(DATASET.log, SPLIT.test_start, SPLIT.test_end)[:20]
    funnel = build_offline_funnel(models, FunnelConfig(cpu, NO_CHECKPOINTS))
    return models, asyncio.run(evaluate_funnel(funnel, models, DATASET, users, 7))


@pytest.fixture(scope="module")
def trained(evaluated) -> TrainingResult:
    columns = column_names(FINE_VIEW)
    table = np.random.default_rng(0).random((80, len(columns)))
    data = lightgbm.Dataset(
        table, (table[:, 3] > 0.5).astype(float), feature_name=list(columns), free_raw_data=False
    )
    width = len(column_names(COARSE_VIEW))
    ones = np.ones(width, np.float32)
    booster = lightgbm.train({"verbosity": -1, "num_threads": 1}, data, 3)
    grown = GradientBoosting.of(zero_model(), booster)
    return TrainingResult(
        models=evaluated[0],
        rankers=Rankers(
            MatrixScorer(Logistic(ones, ones, np.linspace(-1, 1, width).astype(np.float32), 0.0)),
            MatrixScorer(PointwiseListwiseBlend(grown, grown, (ORDER,))),
        ),
        ranker_kinds=RankerKinds(),
        sizes=Sizes(),
        event_weights=EventWeights(),
        dataset="small",
        interactions=len(DATASET.log),
        seed=7,
        metrics={},
    )


TIMINGS = [
    {"phase": "read", "seconds": 0.5, "peak_bytes": 1_000},
    {"phase": "fine", "seconds": 3.0, "peak_bytes": 2_000},
]


@pytest.fixture(scope="module")
def figures(evaluated, trained):
    return build_figures(DATASET, SPLIT, trained, evaluated[1], TIMINGS)


def test_every_feature_has_a_gain_a_group_and_a_meaning(figures):
    assert [feature["name"] for feature in figures["features"]] == list(column_names(FINE_VIEW))
    assert sum(feature["gain"] for feature in figures["features"]) == pytest.approx(1.0)
    best = max(figures["features"], key=lambda feature: feature["gain"])
    assert best["name"] == column_names(FINE_VIEW)[3]
    assert all(feature["meaning"] and feature["group"] for feature in figures["features"])
    assert {feature["group"] for feature in figures["features"]} >= {
        "channel",
        "popularity",
        "user",
    }


def test_sizes_are_those_of_the_arrays(figures, trained):
    models = trained.models
    assert figures["sizes"]["vectors of content"] == models.content.items.nbytes
    for name, table in models.tables.items():
        assert figures["sizes"][f"table {name}"] > table.rows.nbytes
    assert figures["sizes"]["fine ranker"] > 1_000


def test_the_notes_say_for_whom_a_channel_orders_items(figures):
    assert ORDER.sentence in figures["notes"]


def test_a_run_has_its_seed_versions_and_phases(figures):
    assert figures["seeds"] == {"job": 7}
    assert {"python", "numpy", "lightgbm"} <= set(figures["versions"])
    assert figures["timings"] == TIMINGS
    assert figures["split"]["test_users"] == 20


def test_users_without_history_and_time_are_noted(evaluated, trained):
    evaluation = replace(evaluated[1], cold=evaluated[1].warm)
    untimed = replace(DATASET, traits=replace(DATASET.traits, has_times=False, is_explicit=False))
    result = build_figures(untimed, SPLIT, trained, evaluation, [])
    assert any("recent popularity 0." in note for note in result["notes"])
    assert any("no timestamps" in note for note in result["notes"])
    assert "positive event" in result["split"]["relevant"]
