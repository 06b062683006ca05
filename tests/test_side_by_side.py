"""Two bundles side by side: the same users where there is data, no false subtraction without."""

import shutil
from dataclasses import replace

import orjson
import pytest
from typer.testing import CliRunner

from app.artifacts import Sizes
from app.bundle.bundle import find_current_bundle, read_rankers
from app.bundle.manifest import parse_manifest
from app.settings import Settings
from offline import cli
from offline.commands.report import OTHER_RECALL, compare_bundles
from offline.job import JobConfig
from offline.publish.flatten_config import flatten_config
from offline.publish.writer import write_rankers
from offline.report.bundle_comparison import (
    BundleComparison,
    BundleFacts,
    SharedWindow,
    conclusion,
    differing_settings,
    render,
)
from tests.bundles import edit_manifest
from tests.integration.evaluate.test_gate import inverted
from tests.test_evaluate_report import Page

METRICS = (
    "ndcg@10",
    "recall@10",
    "map@10",
    "precision@10",
    "ndcg@20",
    "coverage@10",
    "coverage@20",
)


def interval(mean, spread=0.01):
    return {"mean": mean, "low": mean - spread, "high": mean + spread}


def side(version, **known):
    """What a bundle says of itself, apart from what is said."""
    plain = BundleFacts(
        version=version,
        made="2026-11-24 00:00",
        dataset="cinema <b>",
        data_end="2026-11-23",
        rows={"users": 150, "items": 120, "interactions": 6_000},
        bytes=123_456,
        trees=100,
        gate="passed",
        methods={"funnel": interval(0.7), "popularity": interval(0.1), "trending": interval(0.2)},
        features={"age": 0.6, "taste": 0.4},
        settings={"seed": 7, "recall.als.size": 64},
        seconds={"replay": 3.0},
    )
    return BundleFacts(**(plain | known))


def window(gap=0.05, spread=0.01):
    def figures(mean):
        return {name: interval(mean) for name in METRICS}

    differences = {name: interval(gap, spread) for name in METRICS if "coverage" not in name}
    return SharedWindow(
        cut="2026-11-20",
        users=50,
        a=figures(0.2),
        b=figures(0.2 + gap),
        popularity=figures(0.1),
        differences=differences,
    )


def versus(warm=None, cold=None, **b) -> BundleComparison:
    return BundleComparison(
        a=side("v1"), b=side("v2", **b), warm=warm, cold=cold, notes=["Note <i>."]
    )


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (versus(window(0.05)), "v2 is clearly better: NDCG@10 +0.050"),
        (versus(window(-0.05)), "v2 is clearly worse: NDCG@10 -0.050"),
        (versus(window(0.005)), "v2 is not clearly better or worse"),
        (versus(None, window(0.05)), "v2 is clearly better"),
        (versus(), "cannot be subtracted: give --data"),
    ],
)
def test_the_comparison_claims_no_more_than_it_knows(found, said):
    assert said in conclusion(found)


def test_figures_that_are_not_there_are_not_compared():
    empty = window()
    empty["differences"]["ndcg@10"] = {"mean": None, "low": None, "high": None}
    assert "there are no figures" in conclusion(versus(empty))
    assert "n/a" in Page(render(versus(empty))).words


def test_only_settings_that_differ_are_shown():
    found = versus(settings={"seed": 8, "recall.als.size": 64, "new": 1})
    assert differing_settings(found) == [("new", "-", 1), ("seed", 7, 8)]
    page = render(found)
    assert "recall.als.size" not in page
    assert "None that the manifests know of" in render(versus())


def test_the_page_shows_both_and_escapes_what_it_is_given():
    page = render(versus(window(), window(), features={"age": 0.1, "hype": 0.9}))
    assert page.count("<svg") == 3
    for words in ("v1", "v2", "hype", "cinema &lt;b&gt;", "Note &lt;i&gt;.", "trending alone"):
        assert words in page
    assert "Users without a history" in page
    assert "<script" not in page
    assert "src=" not in page
    assert page == render(versus(window(), window(), features={"age": 0.1, "hype": 0.9}))


def test_a_bundle_without_figures_of_its_own_is_shown_all_the_same():
    page = render(versus(methods={}, features={}, settings={}, seconds={}, gate="-"))
    assert "its own window" in page


@pytest.fixture(scope="module")
def two(trained, tmp_path_factory):
    """A folder with the trained bundle and one whose rankers are turned round."""
    out = tmp_path_factory.mktemp("two") / "out"
    shutil.copytree(trained, out)
    first = find_current_bundle(out)
    second = shutil.copytree(first, first.with_name("copy"))
    worse = inverted(read_rankers(first))
    write_rankers(worse.coarse, worse.fine, second)
    manifest = parse_manifest(first)
    return (
        out,
        first.name,
        edit_manifest(second, version="20990101T000000Z", seed=manifest.seed + 1).name,
    )


def invoke(*arguments):
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def test_with_data_both_are_asked_for_the_same_users(two, data):
    out, good, bad = two
    said = invoke("report", "--out", out, "--compare", good, bad, "--data", data)
    assert said.exit_code == 0, said.output
    assert f"{bad} is clearly worse" in said.output
    found = orjson.loads((out / "compare.json").read_bytes())
    gap = found["warm"]["differences"]["ndcg@10"]
    assert gap["high"] < -0.3
    assert gap["mean"] == pytest.approx(
        found["warm"]["b"]["ndcg@10"]["mean"] - found["warm"]["a"]["ndcg@10"]["mean"]
    )
    assert found["cold"] is None
    assert found["notes"] == []
    assert found["warm"]["popularity"]["ndcg@10"]["mean"] < found["warm"]["a"]["ndcg@10"]["low"]
    assert sum(found["a"]["features"].values()) == pytest.approx(1)
    assert "Asked for the same users" in (out / "compare.html").read_text()


def test_without_data_the_manifests_speak_and_nothing_is_subtracted(two):
    out, good, bad = two
    said = invoke("report", "--out", out, "--compare", good, bad)
    assert said.exit_code == 0, said.output
    assert "cannot be subtracted" in said.output
    found = orjson.loads((out / "compare.json").read_bytes())
    assert found["warm"] is found["cold"] is None
    assert found["a"]["methods"] == parse_manifest(out / "bundles" / good).metrics["ndcg@10"]
    assert found["b"]["settings"]["seed"] == found["a"]["settings"]["seed"] + 1


def test_rankers_that_may_have_seen_the_test_are_named(two, data, tmp_path):
    out, good, _ = two
    out = shutil.copytree(out, tmp_path / "out")
    copied = shutil.copytree(out / "bundles" / good, out / "bundles" / "copy")
    later = edit_manifest(copied, version="20980101T000000Z", rankers_end=9e9).name
    compare_bundles((good, later), Settings(out=out), data)
    (note,) = orjson.loads((out / "compare.json").read_bytes())["notes"]
    assert note.startswith(f"{later}: its rankers may have learned")


def test_other_settings_of_recall_are_named_and_an_old_bundle_needs_none(two, data, tmp_path):
    out, good, _ = two
    out = shutil.copytree(out, tmp_path / "out")
    copied = shutil.copytree(out / "bundles" / good, out / "bundles" / "copy")
    old = edit_manifest(copied, version="20980101T000000Z", settings={}).name
    compare_bundles((good, old), Settings(out=out), data)
    found = orjson.loads((out / "compare.json").read_bytes())
    assert found["notes"] == [OTHER_RECALL]
    assert found["warm"]["differences"]["ndcg@10"]["mean"] == 0


def test_a_bundle_for_other_features_is_compared_by_its_manifest(two, data, tmp_path):
    out, good, _ = two
    out = shutil.copytree(out, tmp_path / "out")
    copied = shutil.copytree(out / "bundles" / good, out / "bundles" / "copy")
    other = edit_manifest(copied, version="20980101T000000Z", view="0123").name
    compare_bundles((good, other), Settings(out=out), data)
    found = orjson.loads((out / "compare.json").read_bytes())
    assert found["warm"] is None
    assert found["notes"] == [
        f"{other} was trained for other features than this version computes, so it cannot be asked."
    ]


def test_a_version_that_is_not_there_or_damaged_is_a_sentence(two, tmp_path):
    out, good, bad = two
    said = invoke("report", "--out", out, "--compare", good, "v9")
    assert said.exit_code == 1
    assert "there is no bundle v9 in" in said.stderr
    out = shutil.copytree(out, tmp_path / "out")
    (out / "bundles" / bad / "fine.listwise.0.txt").write_bytes(b"tree")
    said = invoke("report", "--out", out, "--compare", good, bad)
    assert said.exit_code == 1
    assert "fine.listwise.0.txt is corrupt" in said.stderr


def test_the_report_alone_says_where_it_lies_and_how_good_it_is(two, tmp_path):
    out, good, _ = two
    said = invoke("report", "--out", out)
    assert said.exit_code == 0
    mean = parse_manifest(out / "bundles" / good).metrics["ndcg@10"]["funnel"]["mean"]
    assert f"{good} is in service: NDCG@10 {mean:.3f} (" in said.output
    assert "The gate let this bundle pass." in said.output
    assert f"{out / 'report.html'}" in said.output
    assert invoke("report", "--out", tmp_path).exit_code == 1


def test_what_a_job_was_told_is_flat_and_fits_into_json():
    flat = flatten_config(replace(JobConfig(), seed=9, sizes=Sizes(recall=11)))
    assert flat["seed"] == 9
    assert flat["sizes.recall"] == 11
    assert flat["recall.item_cf.half_life"] in {"inf", JobConfig().recall.item_cf.half_life}
    assert "inf" in flat.values()
    assert not [name for name in flat if name.startswith(("gate", "keep", "redis", "key"))]
    assert orjson.loads(orjson.dumps(flat)) == flat
