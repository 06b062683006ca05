"""What a trial is worth, against slow references; and that nothing after the windows is seen."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from app.artifacts import Sizes
from app.build import FunnelConfig
from app.bundle.layout import collect_arrays
from app.contracts import Request
from app.deadline import NO_CHECKPOINTS
from app.recall.registry import CHANNELS
from offline.config import JobConfig
from offline.data.dataset import Log
from offline.data.errors import DataError
from offline.data.split import TimeSplit, split_by_time
from offline.evaluate.funnel_answers import user_ids
from offline.evaluate.metrics import user_ndcg
from offline.job import build_holdout, collect_window_rows, fit_rankers
from offline.models.registry import RECALL_MODELS, fit_models, refit_model
from offline.phases import PhaseTimer
from offline.setting_paths import value_of, with_values
from offline.training.gbdt import fit_pointwise_listwise
from offline.training.linear import fit_coarse
from offline.training.past_requests import (
    advance_counters,
    build_offline_funnel,
    find_active_users,
    sample_users,
)
from offline.training.rank_table import concatenate
from offline.training.rankers import RankConfig
from offline.training.visits import training_moments
from offline.tune.evaluators import (
    HEAD,
    CoarseEvaluator,
    FineEvaluator,
    RecallEvaluator,
    WindowTables,
    evaluate_config,
    evaluate_sizes,
    grouped_ndcg,
    sample_negatives,
    tree_counts,
)
from offline.tune.search import search_parts, study_name
from offline.tune.space import RECALL, Options
from offline.tune.study import SearchPart
from offline.tune.windows import TuningData
from tests.fakes import SMALL, small_dataset

BASE = JobConfig(
    recall=SMALL,
    rank=RankConfig(rounds=12, least_rounds=4, leaf_rows=5),
    sizes=Sizes(recall=30, coarse=20, fine=15),
    users_per_window=25,
)
DATASET = small_dataset()
WINDOWS = split_by_time(DATASET.log).windows


@pytest.fixture(scope="module")
def data():
    return TuningData.of(DATASET, WINDOWS)


@pytest.fixture(scope="module")
def recall(data, cpu):
    return RecallEvaluator(data, BASE, cpu)


@pytest.fixture(scope="module")
def replays(data, cpu):
    return WindowTables(data, cpu)


def other_value(setting):
    """Some value that is not the default."""
    if isinstance(setting, Options):
        return next(v for v in setting.values if v != value_of(BASE, setting.name))
    return setting.low if value_of(BASE, setting.name) != setting.low else setting.high


def others(name):
    return with_values(BASE, {one.name: other_value(one) for one in RECALL[name]})


def with_factorisation(config, name):
    is_one = RECALL_MODELS[name].channel == "embedding"
    return replace(config, recall=replace(config.recall, factorisation=name)) if is_one else config


def is_same(one, other):
    return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")


@pytest.mark.parametrize("name", RECALL)
def test_fitting_one_model_anew_is_as_fitting_all_of_them(name):
    start = WINDOWS[2][0]
    log = DATASET.log.before(start)
    config = with_factorisation(others(name), name)
    default = fit_models(DATASET, log, BASE.recall, start)
    whole, one = (
        collect_arrays(fit_models(DATASET, log, config.recall, start)),
        collect_arrays(refit_model(default, DATASET, log, config.recall, name)),
    )
    assert whole.keys() == one.keys()
    assert [key for key in whole if not is_same(whole[key], one[key])] == []
    before = collect_arrays(default)
    assert [key for key in whole if not is_same(whole[key], before[key])]


def test_without_time_the_raters_are_fitted_as_they_are_in_the_job():
    plays = small_dataset(explicit=False)
    log, start = plays.log.before(WINDOWS[2][0]), WINDOWS[2][0]
    whole = fit_models(plays, log, BASE.recall, start)
    again = refit_model(whole, plays, log, BASE.recall, "user_cf")
    assert again.centred == whole.centred
    assert np.array_equal(again.tables["raters"].weights, whole.tables["raters"].weights)


WIDE = split_by_time(DATASET.log, windows=1).windows  # an event that counts twice is noticed


@pytest.mark.parametrize(
    ("name", "windows", "window", "n_users"),
    [
        *((name, WINDOWS, 3, 25) for name in ("item_cf", "user_cf", "als", "content")),
        ("segments", WIDE, 0, 1_000),
    ],
)
def test_a_recall_model_is_worth_what_its_channel_finds_alone(cpu, name, windows, window, n_users):
    base = replace(BASE, users_per_window=n_users)
    recall = RecallEvaluator(TuningData(DATASET, windows), base, cpu)
    config, (start, end) = replace(others(name), users_per_window=n_users), windows[window]
    models = fit_models(DATASET, DATASET.log.before(start), config.recall, start)
    users = sample_users(find_active_users(DATASET.log, start, end), n_users, BASE.seed)
    users = training_moments(DATASET, users, (start, end), BASE.visits, BASE.seed)
    assert any(len(user.since) for user in users)
    sizes = Sizes(recall=recall.limit, coarse=20, fine=15)
    place = CHANNELS.index(RECALL_MODELS[name].channel)

    async def proposal(public, user):
        """Everything is made anew for each user, and the real funnel asked."""
        funnel = build_offline_funnel(models, FunnelConfig(cpu, NO_CHECKPOINTS, sizes, BASE.policy))
        advance_counters(funnel.query_builder, DATASET.log, start, user.at)
        request = Request(public, 10, BASE.seed, arrived=0.0, inline=user.since)
        return (await funnel.recommend(request)).proposals[place].rows.tolist()

    expected = [
        len(set(asyncio.run(proposal(public, user))) & set(user.relevant.tolist()))
        / len(user.relevant)
        for public, user in zip(user_ids(DATASET, users), users, strict=True)
    ]
    judged = recall.evaluate(name, config, window)
    assert judged.shape == (len(users), 1)
    assert judged[:, 0].tolist() == pytest.approx(expected)
    assert 0 < judged.mean() < 1


def test_vectors_that_went_to_infinity_find_nothing(recall):
    wild = with_values(with_factorisation(BASE, "sgd"), {"recall.sgd.rate": 5.0})
    judged = recall.evaluate("sgd", wild, 3)
    assert judged.shape == recall.evaluate("als", BASE, 3).shape
    assert not judged.any()


def test_a_channel_may_propose_no_more_than_an_eighth_of_the_catalogue(data, recall, cpu):
    assert recall.limit == 10
    few = RecallEvaluator(data, replace(BASE, sizes=Sizes(recall=6)), cpu)
    assert few.limit == 6


def parted(groups, *columns):
    """The part of each group of some columns."""
    return zip(*(np.split(column, np.cumsum(groups)[:-1]) for column in columns), strict=True)


def test_rankers_learn_from_the_sample_that_the_job_draws_and_are_evaluated_on_all(replays, cpu):
    config = replace(BASE, negatives=8)
    wiring = FunnelConfig(cpu, NO_CHECKPOINTS, BASE.sizes, BASE.policy)
    earlier, later = replays.split(config, 2)
    for window, rows in enumerate(earlier):
        job = collect_window_rows(DATASET, *WINDOWS[window], config, wiring)
        assert np.array_equal(rows.features, job.features, equal_nan=True)
        assert np.array_equal(rows.labels, job.labels)
        assert np.array_equal(rows.groups, job.groups)
    everything = collect_window_rows(DATASET, *WINDOWS[2], replace(BASE, negatives=10_000), wiring)
    assert len(later) == len(everything) > 3 * len(sample_negatives(later, config))


def test_the_fine_ranker_is_worth_its_ndcg_after_each_number_of_trees(replays):
    judged = FineEvaluator(replays).evaluate(BASE, 3)
    earlier, later = replays.split(BASE, 3)
    numbers = tree_counts(BASE).tolist()
    assert (numbers[0], numbers[-1], len(numbers)) == (4, 12, judged.shape[1])
    for column, trees in enumerate(numbers):
        rank = replace(BASE.rank, rounds=trees, least_rounds=trees, held_out=0)
        fine = fit_pointwise_listwise(earlier, rank, BASE.seed)
        assert fine.describe().trees == 2 * BASE.rank.boosters * trees
        expected = grouped_ndcg(later.groups, later.labels, fine.score(later.features))
        assert judged[:, column].tolist() == pytest.approx(expected.tolist())


def test_the_coarse_ranker_is_worth_the_share_of_the_fine_ones_best_that_it_lets_through(replays):
    config = with_values(BASE, {"sizes.coarse": 25})
    judged = CoarseEvaluator(replays).evaluate(config, 3)[:, 0]
    earlier, later = replays.split(config, 3)
    fine, whole = fit_pointwise_listwise(earlier, config.rank, config.seed), concatenate(earlier)
    coarse = fit_coarse(whole, config.rank, fine.score(whole.features))
    by_coarse = coarse.score(later.features[:, : len(coarse.mean)])
    expected = []
    for first, passed in parted(later.groups, fine.score(later.features), by_coarse):
        best = set(np.argsort(-first, kind="stable")[:HEAD].tolist())
        kept = set(np.argsort(-passed, kind="stable")[:25].tolist())
        expected.append(len(best & kept) / len(best))
    assert judged.tolist() == pytest.approx(expected)
    assert 0 < judged.mean() < 1


def test_replays_and_the_coarse_rankers_teacher_are_computed_once(replays):
    coarses = CoarseEvaluator(replays)
    first, held = coarses.evaluate(BASE, 2), replays.table(BASE, 0)
    teacher = coarses.fitted[2]
    coarses.evaluate(with_values(BASE, {"rank.coarse_share": 0.3, "rank.coarse_strength": 0.01}), 2)
    assert coarses.fitted[2] is teacher
    assert replays.table(BASE, 0) is held
    assert np.array_equal(coarses.evaluate(BASE, 2), first)


@pytest.mark.parametrize("empty", [{2}, {0, 1}])
def test_a_window_in_which_nothing_proposed_was_taken_is_an_error(replays, empty):
    nothing = replays.table(BASE, 0).take(np.empty(0, np.intp))
    some = {window: nothing if window in empty else replays.table(BASE, 0) for window in range(3)}
    with pytest.raises(DataError, match="users liked nothing that recall proposed"):
        WindowTables(replays.data, replays.cpu, some).split(BASE, 2)


def test_the_whole_funnel_is_evaluated_for_all_users(data, cpu):
    config = replace(BASE, users_per_window=1_000)
    judged = evaluate_config(data, cpu, config, data.last)
    assert len(judged) == len(find_active_users(DATASET.log, *WINDOWS[-1]))
    assert ((judged >= 0) & (judged <= 1)).all()
    assert judged.mean() > 0.1


def test_sizes_are_evaluated_with_rankers_of_few_trees_and_earlier_windows(data, cpu):
    config = with_values(BASE, {"sizes.coarse": 12, "rank.rounds": 4})
    wiring = FunnelConfig(cpu, NO_CHECKPOINTS, config.sizes, config.policy)
    split = TimeSplit(WINDOWS[2][0], WINDOWS[2][1], (WINDOWS[0], WINDOWS[1]))
    learned = fit_rankers(DATASET, split, config, wiring, PhaseTimer())
    holdout = build_holdout(DATASET, split, config, wiring)
    expected = user_ndcg(holdout.compute_lists(learned.rankers, config.sizes), holdout.relevant)
    judged = evaluate_sizes(data, cpu, with_values(config, {"rank.rounds": 40}), 2)
    assert judged.shape == (len(holdout.users), 1)
    assert np.array_equal(judged[:, 0], expected)


def test_the_parts_are_the_models_of_channels_then_the_rankers_then_the_sizes(data, cpu):
    proposal = {part.name: part for part in search_parts(data, BASE, cpu)}
    models = [name for name in RECALL if name not in {"bpr", "sgd", "als_explicit"}]
    assert list(proposal) == [*models, "fine", "coarse", "sizes"]
    sgd = replace(BASE, recall=replace(BASE.recall, factorisation="sgd"))
    assert "als" not in [part.name for part in search_parts(data, sgd, cpu)]
    assert any(one.name == "recall.als.half_life" for one in proposal["als"].settings)


def test_without_time_no_half_life_is_searched(cpu):
    timeless = replace(DATASET, traits=replace(DATASET.traits, has_times=False))
    proposal = search_parts(TuningData.of(timeless, WINDOWS), BASE, cpu)
    assert [s.name for part in proposal for s in part.settings if "half_life" in s.name] == []


def test_a_study_is_another_one_for_other_data_settings_or_windows(data):
    part = SearchPart("fine", "NDCG@10", (), lambda *_: np.zeros((1, 1)))
    log = data.dataset.log
    log = Log(log.users, log.items[::-1].copy(), log.values, log.weights, log.times)
    shuffled = TuningData(replace(data.dataset, log=log), data.windows)
    fewer = TuningData(data.dataset, data.windows[1:])
    more = replace(part, settings=RECALL["ease"])
    other = with_values(BASE, {"recall.als.size": 3})
    different = [
        study_name(*queries)
        for queries in (
            (data, BASE, part),
            (shuffled, BASE, part),
            (fewer, BASE, part),
            (data, other, part),
            (data, BASE, more),
        )
    ]
    assert len(set(different)) == 5
    assert study_name(TuningData.of(DATASET, WINDOWS), BASE, part) == different[0]


def test_nothing_after_the_last_window_is_in_the_data_of_a_search(data):
    assert data.dataset.log.times[-1] < WINDOWS[-1][1] <= DATASET.log.times[-1]
    assert len(data.dataset.log) == len(DATASET.log.before(WINDOWS[-1][1]))


def test_selection_confirmation_and_comparison_have_their_own_windows(data):
    assert (list(data.selection), data.confirmation, data.last) == ([1, 2, 3], 4, 5)
    few = TuningData.of(DATASET, WINDOWS[:4])
    assert (list(few.selection), few.confirmation, few.last) == ([1], 2, 3)


def test_too_few_windows_are_an_error():
    with pytest.raises(DataError, match="A search needs 4 windows before the test"):
        TuningData.of(DATASET, WINDOWS[:3])


def test_a_window_in_which_nobody_liked_anything_is_an_error():
    log = DATASET.log
    weights = np.where((log.times >= WINDOWS[4][0]) & (log.times < WINDOWS[4][1]), 0, log.weights)
    nothing = replace(DATASET, log=replace(log, weights=weights.astype(np.float32)))
    with pytest.raises(DataError, match="no user liked a new item"):
        TuningData.of(nothing, WINDOWS)
