"""Two bundles side by side: the same users where there is data, no false subtraction without."""

import shutil

import orjson
import pytest
from typer.testing import CliRunner

from app.bundle.bundle import find_current_bundle
from app.bundle.manifest import parse_manifest
from app.rank.kinds import read_rankers, write_rankers
from app.settings import Settings
from offline import cli
from offline.commands.report import OTHER_RECALL, compare_bundles
from tests.bundles import edit_manifest
from tests.conftest import copy_trained
from tests.integration.evaluate.test_gate import inverted


@pytest.fixture(scope="module")
def two(trained, tmp_path_factory):
    """A folder with the trained bundle and one whose rankers are turned round."""
    out = tmp_path_factory.mktemp("two") / "out"
    copy_trained(trained, out)
    first = find_current_bundle(out)
    second = shutil.copytree(first, first.with_name("copy"))
    manifest = parse_manifest(first)
    worse = inverted(read_rankers(first, manifest.rankers))
    write_rankers(worse, manifest.rankers, second)
    return (
        out,
        first.name,
        edit_manifest(second, version="20990101T000000Z", seed=manifest.seed + 1).name,
    )


def invoke(*arguments):
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def test_with_data_both_are_evaluated_for_the_same_users(two, data):
    out, good, bad = two
    result = invoke("report", "--out", out, "--compare", good, bad, "--data", data)
    assert result.exit_code == 0, result.output
    assert f"{bad} is clearly worse" in result.output
    comparison = orjson.loads((out / "compare.json").read_bytes())
    gap = comparison["warm"]["differences"]["ndcg@10"]
    assert gap["high"] < -0.3
    assert gap["mean"] == pytest.approx(
        comparison["warm"]["b"]["ndcg@10"]["mean"] - comparison["warm"]["a"]["ndcg@10"]["mean"]
    )
    assert comparison["cold"] is None
    assert comparison["notes"] == []
    assert (
        comparison["warm"]["popularity"]["ndcg@10"]["mean"]
        < comparison["warm"]["a"]["ndcg@10"]["low"]
    )
    assert sum(comparison["a"]["features"].values()) == pytest.approx(1)
    assert "For the same users" in (out / "compare.html").read_text()


def test_without_data_the_manifests_speak_and_nothing_is_subtracted(two):
    out, good, bad = two
    result = invoke("report", "--out", out, "--compare", good, bad)
    assert result.exit_code == 0, result.output
    assert "cannot be subtracted" in result.output
    comparison = orjson.loads((out / "compare.json").read_bytes())
    assert comparison["warm"] is comparison["cold"] is None
    assert comparison["a"]["methods"] == parse_manifest(out / "bundles" / good).metrics["ndcg@10"]
    assert comparison["b"]["settings"]["seed"] == comparison["a"]["settings"]["seed"] + 1


def test_other_settings_of_recall_and_rankers_that_may_have_seen_the_test_are_named(
    two, data, tmp_path
):
    out, good, _ = two
    out = shutil.copytree(out, tmp_path / "out")
    copied = shutil.copytree(out / "bundles" / good, out / "bundles" / "copy")
    facts = {"version": "20980101T000000Z", "rankers_end": 9e9, "settings": {}}
    later = edit_manifest(copied, **facts).name
    compare_bundles((good, later), Settings(out=out), data)
    comparison = orjson.loads((out / "compare.json").read_bytes())
    caveat, recall = sorted(comparison["notes"], key=OTHER_RECALL.__eq__)
    assert caveat.startswith(f"{later}: its rankers may have learned")
    assert recall == OTHER_RECALL
    assert comparison["warm"]["differences"]["ndcg@10"]["mean"] == 0


def test_a_bundle_for_other_features_is_compared_by_its_manifest(two, data, tmp_path):
    out, good, _ = two
    out = shutil.copytree(out, tmp_path / "out")
    copied = shutil.copytree(out / "bundles" / good, out / "bundles" / "copy")
    other = edit_manifest(copied, version="20980101T000000Z", view="0123").name
    compare_bundles((good, other), Settings(out=out), data)
    comparison = orjson.loads((out / "compare.json").read_bytes())
    assert comparison["warm"] is None
    assert comparison["notes"] == [
        f"{other} was trained for other features than this version has, so it is not evaluated."
    ]


def test_a_version_that_is_not_there_or_damaged_is_a_sentence(two, tmp_path):
    out, good, bad = two
    result = invoke("report", "--out", out, "--compare", good, "v9")
    assert result.exit_code == 1
    assert "there is no bundle v9 in" in result.stderr
    out = shutil.copytree(out, tmp_path / "out")
    (out / "bundles" / bad / "fine.listwise.0.txt").write_bytes(b"tree")
    result = invoke("report", "--out", out, "--compare", good, bad)
    assert result.exit_code == 1
    assert "fine.listwise.0.txt is corrupt" in result.stderr


def test_the_report_alone_says_where_it_lies_and_how_good_it_is(two, tmp_path):
    out, good, _ = two
    result = invoke("report", "--out", out)
    assert result.exit_code == 0
    mean = parse_manifest(out / "bundles" / good).metrics["ndcg@10"]["funnel"]["mean"]
    assert f"{good} is in service: NDCG@10 {mean:.3f} (" in result.output
    assert "The gate let this bundle pass." in result.output
    assert f"{out / 'report.html'}" in result.output
    assert invoke("report", "--out", tmp_path).exit_code == 1
