"""The gate: what the test shows to be worse is not served, and what it cannot show is let pass."""

import re
from dataclasses import replace
from types import SimpleNamespace

import lightgbm
import numpy as np
import orjson
import pytest
from typer.testing import CliRunner

from app.artifacts import Rankers
from app.build import FunnelConfig, untrained_rankers
from app.bundle.bundle import find_current_bundle
from app.bundle.manifest import GateResult, parse_manifest
from app.deadline import NO_CHECKPOINTS
from app.rank.gbdt import GradientBoosting
from app.rank.kinds import read_rankers
from app.rank.logistic import Logistic
from app.rank.pointwise_listwise import PointwiseListwiseBlend
from app.rank.scorer import MatrixScorer
from app.recall.registry import CHANNELS
from offline import cli
from offline.config import read_config
from offline.data.readers import load_dataset
from offline.data.split import split_by_time
from offline.evaluate.comparison import ItemBackground, compare_methods
from offline.evaluate.gate import (
    IN_SERVICE,
    BaselineComparison,
    GateConfig,
    build_check,
    check_baselines,
    check_production,
    check_visits,
    gate_remarks,
    refusal_message,
    run_gate,
)
from offline.evaluate.holdout import ProductionBundle, leak_caveat, read_production_bundle
from offline.evaluate.rowsets import RowSets
from offline.job import build_holdout
from tests.bundles import edit_manifest
from tests.conftest import copy_trained
from tests.figures import around, visit_moment
from tests.integration.training.constant_ranker import installed
from tests.serving import QUICK

CONFIG = GateConfig()


def inverted(rankers: Rankers):
    """The rankers that like least what these like most."""
    fine = PointwiseListwiseBlend(*map(turned, rankers.fine.model.models))
    return Rankers(MatrixScorer(negated(rankers.coarse.model)), MatrixScorer(fine))


def turned(grown: GradientBoosting):
    boosters = [lightgbm.Booster(model_str=one.model_to_string()) for one in grown.boosters]
    for booster in boosters:
        for tree, tree_info in enumerate(booster.dump_model()["tree_info"]):
            for leaf in range(tree_info["num_leaves"]):
                booster.set_leaf_output(tree, leaf, -booster.get_leaf_output(tree, leaf))
    return GradientBoosting.of(negated(grown.base), *boosters)


def negated(linear: Logistic):
    return replace(linear, weights=-linear.weights, bias=-linear.bias)


@pytest.fixture(scope="module")
def holdout(data, cpu):
    """The test window that the trained bundle was judged on."""
    dataset = load_dataset(data).dataset
    wiring = FunnelConfig(cpu, NO_CHECKPOINTS)
    return build_holdout(dataset, split_by_time(dataset.log), read_config(QUICK), wiring)


@pytest.fixture(scope="module")
def short(holdout):
    """The same with fewer users, where it does not matter who they are."""
    return replace(holdout, users=holdout.users[:40])


@pytest.fixture(scope="module")
def good(trained):
    folder = find_current_bundle(trained)
    return read_rankers(folder, parse_manifest(folder).rankers)


@pytest.fixture(scope="module")
def bad(good):
    return inverted(good)


def compared(users=60, **strength):
    """A comparison of lists that put as many of a user's five items first as is said."""
    relevant = RowSets.of([np.arange(5) + user for user in range(users)])
    lists = {}
    strength.setdefault("ranking", strength.get("funnel", 2))
    for method in ("funnel", "ranking", "popularity", "recency_popularity", *CHANNELS):
        hits = strength.get(method, 2)
        filler = 1_000 + np.arange(20)
        lists[method] = np.array(
            [[*range(user, user + hits), *filler[: 20 - hits]] for user in range(users)]
        )
    return compare_methods(
        lists, relevant, ItemBackground(np.ones(2_000), None), seed=1, resamples=200
    )


def checks_of(warm, cold=None, *, are_warm=True):
    evaluation = SimpleNamespace(warm=warm, cold=cold)
    return check_baselines(evaluation, SimpleNamespace(is_warm=np.array([are_warm])), CONFIG)


def outcomes(checks):
    return {(one.users, one.baseline): one.outcome for one in checks}


def test_a_funnel_above_all_simple_lists_and_channels_passes():
    assert set(outcomes(checks_of(compared(funnel=4))).values()) == {"passed"}


def test_exploration_alone_fails_no_bundle():
    explored = compared(funnel=1, ranking=3)
    assert set(outcomes(checks_of(explored)).values()) == {"passed"}


@pytest.mark.parametrize(
    ("rival", "output"),
    [
        ("popularity", "popularity"),
        ("recency_popularity", "recency_popularity"),
        ("trending", "best channel, trending"),
    ],
)
def test_a_funnel_below_a_simple_list_or_its_own_best_channel_fails(rival, output):
    checks = checks_of(compared(**{"funnel": 3, rival: 4}))
    assert [one.baseline for one in checks if one.outcome == "failed"] == [output]


def test_cold_users_have_their_own_checks():
    checks = checks_of(compared(funnel=4), compared(funnel=1))
    failed = [(one.users, one.baseline) for one in checks if one.outcome == "failed"]
    assert failed
    assert {users for users, _ in failed} == {"cold"}
    assert outcomes(checks_of(compared(funnel=1), are_warm=False)).keys() == {
        ("cold", "popularity"),
        ("cold", "recency_popularity"),
        ("cold", f"best channel, {CHANNELS[0]}"),
    }


def test_a_few_users_prove_nothing():
    checks = checks_of(compared(users=29, funnel=0))
    assert {one.outcome for one in checks} == {"skipped"}
    assert "there are 29 of them, and a conclusion needs 30" in checks[0].explanation
    assert {one.outcome for one in checks_of(compared(users=30, funnel=0))} == {"failed"}


@pytest.mark.parametrize(
    ("mean", "high", "margin", "outcome", "words"),
    [
        (0.02, 0.03, 0.0, "passed", "is clearly better than"),
        (0.005, 0.03, 0.0, "passed", "is no worse than"),
        (-0.005, 0.02, 0.0, "unclear", "may be worse than"),
        (-0.005, -0.001, 0.0, "failed", "is clearly worse than"),
        (-0.003, -0.001, 0.02, "passed", "is worse by less than 2% than"),
        (-0.003, 0.02, 0.02, "passed", "is worse by less than 2% than"),
        (-0.005, -0.001, 0.02, "failed", "is clearly worse than"),
        (-0.05, 0.001, 0.02, "unclear", "may be worse than"),
    ],
)
def test_worse_is_what_the_interval_and_the_margin_say(mean, high, margin, outcome, words):
    difference = {"mean": mean, "low": 2 * mean - high, "high": high}
    check = build_check(
        BaselineComparison(IN_SERVICE, "warm", 50, (0.2 + mean, 0.2), difference, margin), 30
    )
    assert check.outcome == outcome
    assert words in check.explanation


def test_a_rival_that_may_have_seen_the_test_cannot_refuse():
    difference = {"mean": -0.1, "low": -0.2, "high": -0.05}
    measured = BaselineComparison(IN_SERVICE, "warm", 50, (0.1, 0.2), difference, 0.02)
    check = build_check(measured, 30, "it may have seen the test")
    assert check.outcome == "unclear"
    assert check.explanation.endswith("; it may have seen the test.")


def test_the_first_bundle_is_compared_with_none(holdout, tmp_path):
    assert read_production_bundle(tmp_path, holdout) is None


def test_the_rankers_in_service_are_evaluated_for_the_same_users(holdout, good, bad, trained):
    serving = read_production_bundle(trained, holdout)
    assert not serving.caveat
    (same,) = check_production(holdout, good, serving, CONFIG)
    assert (same.outcome, same.difference, same.user_count) == ("passed", 0.0, len(holdout.users))
    (worse,) = check_production(holdout, bad, serving, CONFIG)
    assert worse.outcome == "failed"
    assert worse.funnel_ndcg < worse.baseline_ndcg / 2
    assert worse.baseline_ndcg == same.baseline_ndcg
    output = parse_manifest(find_current_bundle(trained)).metrics["ndcg@10"]["funnel"]["mean"]
    assert worse.baseline_ndcg == pytest.approx(output)


def test_a_new_bundle_that_is_only_less_good_is_refused_too(short, trained):
    serving = read_production_bundle(trained, short)
    (check,) = check_production(short, untrained_rankers(), serving, CONFIG)
    assert check.outcome == "failed"
    (check,) = check_production(short, untrained_rankers(), serving, replace(CONFIG, margin=0.9))
    assert check.outcome == "passed"


def test_new_users_are_compared_apart_and_few_of_them_conclude_nothing(short, good, trained):
    rows = np.arange(len(short.dataset.users))
    users = short.models.users
    kept = np.where(rows < 5, 0, np.diff(users.indptr))
    chosen = np.repeat(rows, np.diff(users.indptr)) >= 5
    forgotten = replace(
        users,
        indptr=np.concatenate([[0], np.cumsum(kept)]),
        rows=users.rows[chosen],
        values=users.values[chosen],
        weights=users.weights[chosen],
        times=users.times[chosen],
    )
    holdout = replace(short, models=replace(short.models, users=forgotten))
    check = check_production(
        holdout, good, read_production_bundle(trained, holdout), replace(CONFIG, min_users=10)
    )
    assert [(one.users, one.outcome) for one in check] == [("warm", "passed"), ("cold", "skipped")]
    assert sum(one.user_count for one in check) == len(holdout.users)


def test_rankers_of_later_data_may_have_seen_the_test(holdout, trained):
    manifest = parse_manifest(find_current_bundle(trained))
    later = manifest.model_copy(update={"rankers_end": holdout.cut + 1})
    unsaid = manifest.model_copy(update={"rankers_end": None})
    earlier = manifest.model_copy(update={"rankers_end": holdout.cut - 1})
    assert not leak_caveat(manifest, holdout)
    assert not leak_caveat(earlier, holdout)
    assert "may have learned from events of this test window" in leak_caveat(later, holdout)
    assert leak_caveat(unsaid, holdout)


def test_without_timestamps_only_the_same_split_is_fair(holdout, trained):
    manifest = parse_manifest(find_current_bundle(trained))
    dataset = holdout.dataset
    untimed = replace(
        holdout, dataset=replace(dataset, traits=replace(dataset.traits, has_times=False))
    )
    assert not leak_caveat(manifest, untimed)
    assert leak_caveat(manifest.model_copy(update={"rankers_end": holdout.cut - 1}), untimed)
    fewer = manifest.model_copy(update={"rows": manifest.rows | {"interactions": 5}})
    assert leak_caveat(fewer, untimed)


def test_a_bundle_for_other_features_is_named_and_not_evaluated(holdout, good, out):
    (out / "current").write_text(edit_manifest(find_current_bundle(out), view="0123").name)
    serving = read_production_bundle(out, holdout)
    assert serving.rankers is None
    (check,) = check_production(holdout, good, serving, CONFIG)
    assert check.outcome == "skipped"
    assert "trained for other features" in check.explanation
    assert re.search(r"NDCG@10 is 0\.\d{3} on its own test window", check.explanation)
    bare = edit_manifest(find_current_bundle(out), view="0123", metrics={})
    (out / "current").write_text(bare.name)
    assert "NDCG@10 is unknown" in read_production_bundle(out, holdout).caveat


def test_a_corrupt_bundle_in_service_does_not_stop_a_new_one(holdout, good, out):
    with (find_current_bundle(out) / "coarse.json").open("ab") as file:
        file.write(b"!")
    (check,) = check_production(holdout, good, read_production_bundle(out, holdout), CONFIG)
    assert check.outcome == "skipped"
    assert "coarse.json is corrupt" in check.explanation


def test_the_verdict_is_refused_or_forced_as_soon_as_one_check_fails(short, good, bad, trained):
    evaluation = SimpleNamespace(warm=compared(funnel=4), cold=None, sweeps={"visits": []})
    verdicts = [
        run_gate(evaluation, short, rankers, trained, GateConfig(force=force)).verdict
        for rankers, force in ((good, False), (bad, False), (bad, True), (good, True))
    ]
    assert verdicts == ["passed", "refused", "forced", "passed"]


@pytest.mark.parametrize(("rival", "verdict"), [("trending", "passed"), ("popularity", "refused")])
def test_a_first_bundle_is_refused_only_if_popularity_is_better(
    rival, verdict, short, good, tmp_path
):
    warm = compared(**{"funnel": 3, rival: 4})
    evaluation = SimpleNamespace(warm=warm, cold=None, sweeps={"visits": []})
    gate = run_gate(evaluation, short, good, tmp_path, GateConfig())
    assert gate.verdict == verdict
    assert any(check.outcome == "failed" for check in gate.checks)
    assert any("is clearly worse than" in remark for remark in gate_remarks(gate))


def visits(better, users=60):
    """All requests after the first of visits; only the method ``better`` than the ranking is."""
    moment = visit_moment("warm", None, 0.1) | {"users": users, "best_channel": "trending"}
    moment["methods"] |= {"trending": around(0.2), better: around(0.4)}
    moment["differences"] |= {"trending": around(0.1), better: around(-0.1)}
    return [visit_moment("warm", 0, -0.5), moment]


@pytest.mark.parametrize(
    ("better", "outcome"),
    [("recency_popularity", "failed"), ("trending", "failed"), ("", "passed")],
)
def test_lists_within_visits_are_compared_with_popularity_and_the_best_channel(better, outcome):
    checks = check_visits(visits(better), CONFIG)
    assert {one.users for one in checks} == {"warm_visit"}
    baselines = ["popularity", "recency_popularity", "best channel, trending"]
    assert [one.baseline for one in checks] == baselines
    worse = [one.outcome for one in checks if better and better in one.baseline]
    assert worse == [outcome] * bool(better)
    assert [one.outcome for one in checks].count("passed") == 3 - len(worse)
    assert "in the middle of a visit" in checks[0].explanation
    assert {one.outcome for one in check_visits(visits(better, users=20), CONFIG)} == {"skipped"}


@pytest.mark.parametrize(
    ("better", "verdict"), [("recency_popularity", "refused"), ("trending", "passed")]
)
def test_lists_within_visits_refuse_a_bundle_only_if_popularity_is_better(
    better, verdict, short, good, trained
):
    sweeps = {"visits": visits(better)}
    evaluation = SimpleNamespace(warm=compared(funnel=4), cold=None, sweeps=sweeps)
    gate = run_gate(evaluation, short, good, trained, GateConfig())
    assert gate.verdict == verdict
    assert "failed" in {one.outcome for one in gate.checks}


def test_the_refusal_says_what_is_worse_than_what_by_how_much_and_what_to_do():
    difference = {"mean": -0.1, "low": -0.2, "high": -0.05}
    failed = build_check(BaselineComparison("popularity", "cold", 50, (0.1, 0.2), difference), 30)
    gate = GateResult(verdict="refused", margin=0.02, min_users=30, checks=[failed])
    output = refusal_message("v2", gate, "v1")
    for words in (
        "The bundle v2 is written but not published.",
        "For 50 users without a history the funnel is clearly worse than popularity",
        "NDCG@10 0.100 against 0.200, -0.100 (95 % interval -0.200 to -0.050)",
        "v1 stays in service",
        "--force",
        "recfunnel rollback --to v2",
    ):
        assert words in output
    assert "Nothing is in service" in refusal_message("v2", gate, None)
    assert gate_remarks(gate) == [
        "The gate refused this bundle: it was not published.",
        failed.explanation,
    ]


@pytest.fixture(scope="module")
def after_bad_training(data, trained, tmp_path_factory):
    """What is left, and what was said, when a bad bundle was trained and then forced."""
    out = tmp_path_factory.mktemp("gate") / "out"
    copy_trained(trained, out)
    first, output = find_current_bundle(out), []
    config = out.with_name("constant.toml")
    few = "users_per_window = 15\nnegatives = 20\n"
    config.write_text(f'{few}[rankers]\ncoarse = "constant"\nfine = "constant"\n')
    command = ["train", "--data", data, "--out", out, "--config", config]
    with installed(tmp_path_factory.mktemp("site")):
        for more in ([], ["--force"]):
            result = CliRunner(env={"REDIS_URL": ""}).invoke(cli.app, [*map(str, command), *more])
            output.append((result, find_current_bundle(out)))
    return out, first, output


def test_a_worse_bundle_is_written_but_not_served_and_the_job_ends_with_3(after_bad_training):
    out, first, [(refused, served), _] = after_bad_training
    assert refused.exit_code == 3, refused.output
    assert served == first
    assert "is clearly worse than the bundle in service" in refused.stderr
    assert "--force" in refused.stderr
    (kept,) = [
        manifest
        for folder in (out / "bundles").iterdir()
        if (manifest := parse_manifest(folder)).gate and manifest.gate.verdict == "refused"
    ]
    assert kept.version in refused.stderr
    assert not kept.gate.forced
    assert IN_SERVICE in {one.baseline for one in kept.gate.failed_checks}


def test_forced_it_is_served_and_its_manifest_says_what_failed(after_bad_training):
    out, first, [_, (forced, served)] = after_bad_training
    assert forced.exit_code == 0, forced.output
    assert served != first
    stored = orjson.loads((served / "manifest.json").read_bytes())["gate"]
    assert stored["forced"] is True
    assert stored["verdict"] == "forced"
    assert "in service" in {c["baseline"] for c in stored["checks"] if c["outcome"] == "failed"}
    assert "published by --force" in forced.output
    report = orjson.loads((out / "report.json").read_bytes())
    assert "The gate refused this bundle; it was published by --force." in report["notes"]


def test_going_back_skips_the_refused_one(after_bad_training):
    out, first, _ = after_bad_training
    output = CliRunner().invoke(cli.app, ["rollback", "--out", str(out)])
    assert output.exit_code == 0, output.output
    assert find_current_bundle(out) == first
    assert f"{first.name} is in service instead of" in output.output


def test_a_caveat_without_a_manifest_is_in_the_check(holdout, good):
    (check,) = check_production(holdout, good, ProductionBundle("v1", caveat="it is gone"), CONFIG)
    assert "v1: it is gone" in check.explanation
