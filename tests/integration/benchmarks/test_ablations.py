"""An ablation really lacks its part, and the rest is the real funnel."""

import asyncio
from dataclasses import replace

import numpy as np
import orjson
import pytest

from app.build import FunnelConfig, untrained_rankers
from app.contracts import NO_PROPOSAL
from app.deadline import NO_CHECKPOINTS
from app.features.views import COARSE_VIEW, FINE_VIEW, column_names
from app.rank.scorer import HYBRIDS
from app.recall.merge import merge
from app.recall.registry import CHANNELS
from app.settings import Settings
from benchmarks.ablations.ablations import (
    WHOLE_FUNNEL,
    Ablation,
    ablations,
    build_ranking,
    fit_rankers,
    remove_part,
)
from benchmarks.ablations.study import ablate, build_data, summarise
from offline.commands.train import TrainOptions
from offline.config import JobConfig
from offline.data.errors import DataError
from offline.data.split import split_by_time
from offline.evaluate.compare_rankers import cascade_ranker, collect_candidates, compare_rankers
from offline.evaluate.funnel_answers import collect_answers, evaluated_lists, pad_lists
from offline.evaluate.holdout import Holdout
from offline.evaluate.metrics import user_ndcg
from offline.job import build_holdout, collect_window_rows
from offline.models.registry import fit_models
from offline.training.kinds import add_coarse, fit_ranker
from offline.training.linear import fit_coarse
from offline.training.past_requests import build_offline_funnel, find_active_users
from offline.training.rank_table import concatenate
from offline.training.rankers import RankConfig, TrainingSet
from tests.fakes import SMALL, small_dataset
from tests.serving import QUICK
from tests.world import world, write_recbole

DATASET = small_dataset()
SPLIT = split_by_time(DATASET.log, windows=3)
CONFIG = JobConfig(
    recall=SMALL,
    rank=RankConfig(rounds=8, least_rounds=4, leaf_rows=5, boosters=1),
    users_per_window=20,
    negatives=40,
)
VIEW = list(column_names(FINE_VIEW))


@pytest.fixture(scope="module")
def composition(cpu):
    return FunnelConfig(cpu, NO_CHECKPOINTS)


@pytest.fixture(scope="module")
def tables(composition):
    return [collect_window_rows(DATASET, *window, CONFIG, composition) for window in SPLIT.windows]


@pytest.fixture(scope="module")
def holdout(composition) -> Holdout:
    """The test window. A quarter of its users have no history."""
    whole = build_holdout(DATASET, SPLIT, CONFIG, composition)
    past = DATASET.log.before(SPLIT.test_start)
    past = past.take(np.flatnonzero(past.users % 4 > 0))
    users = find_active_users(DATASET.log, SPLIT.test_start, SPLIT.test_end)
    return replace(whole, models=fit_models(DATASET, past, SMALL, SPLIT.test_start), users=users)


@pytest.fixture(scope="module")
def candidates(holdout):
    return collect_candidates(holdout, untrained_rankers())


@pytest.fixture(scope="module")
def whole(tables):
    """The rankers of the whole funnel."""
    return fit_rankers(tables, WHOLE_FUNNEL, CONFIG.rank, 7)


def test_every_channel_and_every_group_of_columns_is_left_out_once():
    parts = list(ablations())
    assert [one.channel for one in parts if one.channel] == list(CHANNELS)
    assert [one.columns for one in parts if one.columns] == [group.names for group in FINE_VIEW]
    assert len({one.name for one in [WHOLE_FUNNEL, *parts]}) == len(parts) + 1


def test_rescoring_ranks_as_the_real_funnel_does(holdout, whole, candidates):
    sizes = replace(holdout.funnel_config.sizes, coarse=40, fine=25)
    funnel = build_offline_funnel(
        holdout.models, replace(holdout.funnel_config, sizes=sizes), whole
    )
    answers = asyncio.run(collect_answers(funnel, DATASET, holdout.users, holdout.seed))
    expected = user_ndcg(
        pad_lists(evaluated_lists(funnel, answers.runs), 10), answers.relevant
    ).tolist()
    assert candidates.ndcg(cascade_ranker(whole, 40, 25)).tolist() == expected
    assert candidates.ndcg(build_ranking(whole, WHOLE_FUNNEL, sizes)).tolist() == expected
    assert candidates.ndcg(cascade_ranker(whole, 11, 11)).tolist() != expected


@pytest.mark.parametrize("channel", ["item_cf", "content", "trending", "fresh"])
def test_without_a_channel_is_what_recall_without_it_gives(candidates, channel):
    column, builder = CHANNELS.index(channel), candidates.answers.funnel.fine.features
    for run, matrix in zip(candidates.answers.runs[::5], candidates.features[::5], strict=True):
        proposals = list(run.proposals)
        proposals[column] = NO_PROPOSAL
        pool = merge(proposals, run.query)
        rows, features = remove_part(matrix, Ablation("", channel=channel))
        assert run.merged.rows[rows].tolist() == pool.rows.tolist()
        expected = builder.build(run.query, pool)
        others = [at for at, name in enumerate(VIEW) if name.endswith(("_rank", "_z"))]
        own = [VIEW.index(f"{channel}_{one}") for one in ("rank", "z")]
        others = [at for at in others if at not in own]
        both = [VIEW.index("channels"), VIEW.index("fused")]
        assert features[rows][:, others + both] == pytest.approx(
            expected[:, others + both], abs=1e-5
        )
        assert np.isnan(features[:, own]).all()


def test_removing_a_part_leaves_the_original_as_it_was(candidates):
    before = candidates.features[0].tobytes()
    remove_part(candidates.features[0], Ablation("", ("age",), "ease"))
    assert candidates.features[0].tobytes() == before


def test_columns_that_are_left_out_are_not_used_by_the_rankers(tables):
    group = column_names([COARSE_VIEW[2]])
    rankers = fit_rankers(tables, Ablation("", group), CONFIG.rank, 7)
    boosters = [booster for member in rankers.fine.model.models for booster in member.boosters]
    splits = sum(booster.feature_importance() for booster in boosters)
    used = dict(zip(VIEW, splits, strict=True))
    coarse = dict(zip(column_names(COARSE_VIEW), rankers.coarse.model.weights, strict=True))
    assert sum(used.values()) > 0
    assert [used[name] for name in group] == [0] * len(group)
    assert [coarse[name] for name in group] == [0.0] * len(group)


def test_one_window_is_the_last_and_distillation_is_of_coarse_alone(tables, whole):
    one = fit_rankers(tables, Ablation("", windows=1), CONFIG.rank, 7)
    last = fit_rankers(tables[-1:], WHOLE_FUNNEL, CONFIG.rank, 7)
    plain = fit_rankers(tables, Ablation("", distilled=False), CONFIG.rank, 7)
    text = [texts(each.fine) for each in (whole, one, last, plain)]
    assert text[1] == text[2] != text[0] == text[3]
    assert one.coarse.model.weights.tobytes() == last.coarse.model.weights.tobytes()
    expected = fit_coarse(concatenate(tables), CONFIG.rank)
    assert plain.coarse.model.weights.tobytes() == expected.weights.tobytes()
    assert whole.coarse.model.weights.tobytes() != expected.weights.tobytes()


@pytest.mark.parametrize("changed", [{"monotone": False}, {"extra_trees": False}])
def test_switching_a_part_off_grows_as_many_other_trees(tables, whole, changed):
    one, other = whole.fine, fit_rankers(tables, Ablation("", changed=changed), CONFIG.rank, 7).fine
    n_trees = 2 * CONFIG.rank.boosters * CONFIG.rank.least_rounds
    assert one.model.describe().trees == other.model.describe().trees == n_trees
    assert texts(one) != texts(other)


def test_no_training_row_is_in_an_evaluated_window(cpu, tables):
    ablation_data = build_data(DATASET, SPLIT, CONFIG, cpu)
    half = len(SPLIT.windows) - 1  # of three windows
    assert [len(table) for table in ablation_data.tables] == [len(table) for table in tables[:half]]
    cuts = [one.answers.funnel.query_builder.counters.now for one in ablation_data.later]
    assert cuts == [SPLIT.windows[-1][0], SPLIT.test_start]
    judged = ablation_data.evaluate(WHOLE_FUNNEL, CONFIG)
    assert len(judged) == sum(len(one.answers) for one in ablation_data.later)
    seeds = [ablation_data.evaluate_seed(WHOLE_FUNNEL, CONFIG, seed) for seed in (7, 8)]
    assert judged.tolist() == np.mean(seeds, axis=0).tolist()
    assert seeds[0].tolist() != seeds[1].tolist()


def test_with_one_window_the_test_is_evaluated(cpu):
    ablation_data = build_data(DATASET, split_by_time(DATASET.log, windows=1), CONFIG, cpu)
    assert len(ablation_data.tables) == len(ablation_data.later) == 1


def test_data_without_training_rows_is_refused(cpu):
    """Nobody likes anything in the first windows."""
    log, end = DATASET.log, SPLIT.windows[1][1]
    weights = np.where(log.times < end, -1.0, log.weights).astype(np.float32)
    nothing = replace(DATASET, log=replace(log, weights=weights))
    with pytest.raises(DataError, match="More interactions"):
        build_data(nothing, SPLIT, CONFIG, cpu)


def test_every_group_of_users_is_printed_and_written(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    data = write_recbole(tmp_path / "cinema", world(3, users=40, items=40, ratings=600))
    some = [Ablation("without channel ease", channel="ease"), Ablation("one window", windows=1)]
    out = tmp_path / "out"
    ablate(data, Settings(out=out, redis_url=None), TrainOptions(config=QUICK), some)
    printed = capsys.readouterr().out
    for words in (
        "without channel ease",
        "one window",
        "users, validation",
        "users, test",
        "ablations.json",
    ):
        assert words in printed
    written = orjson.loads((out / "ablations.json").read_bytes())
    views = {one["name"]: one for one in written["views"]}
    assert [*views][:3] == ["validation", "test", "validation and test"]
    assert views["validation and test"]["users"] == sum(
        views[name]["users"] for name in ("validation", "test")
    )
    for one in views.values():
        for variant in one["variants"]:
            difference = variant["ndcg"]["mean"] - one["whole"]["mean"]
            assert variant["difference"]["mean"] == pytest.approx(difference)


def test_each_group_has_its_own_users(candidates):
    users = len(candidates.answers)
    figures = np.zeros((2 * users, len(list(ablations())) + 1))
    figures[:users, 0] = 0.25  # the earlier window
    figures[:, 1] = 1.0
    result = summarise(DATASET, 7, [candidates, candidates], figures)
    warm = int(candidates.is_warm.sum())
    views = [(one["name"], one["users"], one["whole"]["mean"]) for one in result["views"]]
    assert views == [
        ("validation", warm, 0.25),
        ("test", warm, 0.0),
        ("validation and test", 2 * warm, 0.125),
        ("validation and test, users without history", 2 * (users - warm), 0.125),
    ]
    assert result["views"][2]["variants"][0]["difference"]["mean"] == 0.875


def trained_on(tables, fine="pointwise_listwise"):
    training = TrainingSet(tables, 7, rank=CONFIG.rank)
    return add_coarse(fit_ranker(fine, training), "logistic", training)


def test_hybrids_are_compared_apart_for_users_with_and_without_history(holdout, tables):
    compared = compare_rankers(holdout, trained_on(tables))
    words = [*HYBRIDS, *(f"{kind}, users without history" for kind in HYBRIDS)]
    assert [one["name"] for one in compared] == words
    other = compare_rankers(holdout, trained_on(tables, "learned"))
    rest = [kind for kind in HYBRIDS if kind != "learned"]
    assert [one["name"] for one in other][:5] == ["pointwise_listwise", *rest]
    assert compared[0]["ndcg"] == other[1]["ndcg"]
    assert compared[0]["difference"] != other[1]["difference"]


def test_without_warm_users_there_is_one_line_for_each_hybrid(holdout, tables):
    new = [user for user in holdout.users if user.user % 4 == 0]
    compared = compare_rankers(replace(holdout, users=new), trained_on(tables))
    assert [one["name"] for one in compared] == list(HYBRIDS)


def texts(scorer):
    return [part.to_text() for part in scorer.model.models]
