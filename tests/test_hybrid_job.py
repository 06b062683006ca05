"""A hybrid from the command line to the service."""

from dataclasses import replace

import orjson
import pytest

from app.bundle.bundle import find_current_bundle, load_bundle
from app.bundle.manifest import parse_manifest
from app.rank.hybrid import HybridScorer
from app.settings import Settings
from offline.commands.train import TrainOptions
from offline.config import config_to_toml, read_config
from offline.data.readers import load_dataset
from offline.job import JobConfig, PhaseTimer, run_job
from offline.models.hybrids import HybridConfig
from offline.report.compared_bundles import bundle_facts
from offline.training.rankers import RankConfig
from tests.conftest import hosted, leisurely, world, write_recbole

QUICK = RankConfig(rounds=4, least_rounds=2)


@pytest.fixture(scope="module")
def trained_with_all_columns(tmp_path_factory):
    """A bundle whose fine ranker is feature combination, and the report that compares."""
    folder = tmp_path_factory.mktemp("hybrid")
    reading = load_dataset(
        write_recbole(folder / "cinema", world(3, users=40, items=40, ratings=600))
    )
    config = JobConfig(rank=QUICK, hybrid=HybridConfig("combined"), compare=True)
    run_job(
        reading,
        folder / "out",
        replace(config, gate=replace(config.gate, force=True)),
        PhaseTimer(),
    )
    return folder / "out"


def test_the_chosen_hybrid_is_in_the_bundle_and_in_its_settings(trained_with_all_columns):
    bundle = load_bundle(find_current_bundle(trained_with_all_columns))
    assert isinstance(bundle.rankers.fine, HybridScorer)
    assert bundle.manifest.hybrid == bundle.manifest.settings["hybrid.kind"] == "combined"
    assert "compare" not in bundle.manifest.settings
    again = read_config(find_current_bundle(trained_with_all_columns))
    assert again.hybrid == HybridConfig("combined")


def test_the_report_tells_its_weights_and_lays_the_others_beside_it(trained_with_all_columns):
    report = orjson.loads((trained_with_all_columns / "report.json").read_bytes())
    told = [one["name"] for one in report["hybrids"]][:5]
    assert told == ["cascade", "weighted", "learned", "adaptive", "switching"]
    shares = load_bundle(find_current_bundle(trained_with_all_columns)).rankers.fine.column_shares()
    assert [one["gain"] for one in report["features"]] == [float(share) for share in shares]
    assert report["settings"]["fine ranker"] == "combined"
    page = (trained_with_all_columns / "report.html").read_text()
    assert "Hybrids" in page
    assert "switching" in page


def test_it_is_served_like_any_other(trained_with_all_columns, redis_url):
    with hosted(leisurely(out=trained_with_all_columns, redis_url=redis_url)) as service:
        answer = service.recommend("u3", explain=True)
    assert len(answer["items"]) == 10
    assert answer["degraded"] == []
    assert all("fine" in str(item["explain"]) for item in answer["items"])


def test_what_the_command_line_says_wins_over_the_file_and_the_file_over_the_default(tmp_path):
    path = tmp_path / "tuned.toml"
    path.write_text('[hybrid]\nkind = "switching"\nswitch_at = 3\n')
    settings = Settings(redis_url=None)
    assert TrainOptions().job_config(settings).hybrid == HybridConfig()
    assert TrainOptions(config=path).job_config(settings).hybrid == HybridConfig(
        "switching", switch_at=3
    )
    said = TrainOptions(config=path, hybrid="learned", compare=True).job_config(settings)
    assert said.hybrid == HybridConfig("learned", switch_at=3)
    assert said.compare
    assert "compare" not in config_to_toml(said)


def test_laid_beside_another_bundle_it_tells_its_own_weights(trained_with_all_columns):
    folder = find_current_bundle(trained_with_all_columns)
    shares = load_bundle(folder).rankers.fine.column_shares()
    assert list(bundle_facts(folder, parse_manifest(folder))["features"].values()) == [
        float(s) for s in shares
    ]
