"""Kinds of rankers from the command line to the service: built in, and from another package."""

from dataclasses import replace

import orjson
import pytest

from app.bundle.bundle import find_current_bundle, load_bundle
from app.bundle.manifest import BundleError, parse_manifest
from app.rank.kinds import find_kind
from app.rank.scorer import RankerKinds
from app.settings import Settings
from offline.commands.train import TrainOptions
from offline.config import build_job_config, config_to_toml, read_config
from offline.data.errors import DataError
from offline.data.readers import load_dataset
from offline.job import run_job
from offline.phases import PhaseTimer
from offline.report.bundle_comparison import bundle_facts
from offline.training.kinds import find_trainer
from offline.training.rankers import HybridConfig
from tests.contract.scorer_contract import RankerKindContract
from tests.integration.training.constant_ranker import KIND, ConstantScorer, installed
from tests.serving import QUICK, hosted, leisurely
from tests.world import world, write_recbole

CONFIG = read_config(QUICK)


@pytest.fixture(scope="module")
def install(tmp_path_factory):
    """Installs the package with the kind ``constant``, and removes it again."""
    with installed(tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture(scope="module")
def reading(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cinema")
    return load_dataset(write_recbole(folder, world(3, users=40, items=40, ratings=600)))


def trained(reading, out, **known):
    gate = replace(CONFIG.gate, force=True)
    run_job(reading, out, replace(CONFIG, gate=gate, **known), PhaseTimer())
    return out


@pytest.fixture(scope="module")
def combined(reading, tmp_path_factory):
    """A bundle whose fine ranker is feature combination, and the report that compares kinds."""
    out = tmp_path_factory.mktemp("combined") / "out"
    return trained(reading, out, rankers=RankerKinds(fine="combined"), compare=True)


@pytest.fixture(scope="module")
def constant(reading, install, tmp_path_factory):
    """A bundle both of whose rankers are of the kind ``constant``."""
    out = tmp_path_factory.mktemp("constant") / "out"
    return trained(reading, out, rankers=RankerKinds("constant", "constant"))


class TestConstantKind(RankerKindContract):
    is_row_independent = True

    @pytest.fixture
    def kind(self, install):
        return find_kind("constant")

    @pytest.fixture
    def scorer(self):
        return ConstantScorer(0.25)

    def test_it_is_the_one_that_was_installed(self, kind):
        assert kind is KIND


def test_a_kind_of_another_package_is_trained_published_loaded_and_served(constant, redis_url):
    folder = find_current_bundle(constant)
    bundle = load_bundle(folder)
    assert bundle.manifest.rankers == RankerKinds("constant", "constant")
    assert isinstance(bundle.rankers.fine, ConstantScorer)
    names = {name for name in bundle.manifest.files if name.startswith(("coarse", "fine"))}
    assert names == {"coarse.txt", "fine.txt"}  # no tree was fitted
    report = orjson.loads((constant / "report.json").read_bytes())
    assert report["settings"]["constant"] == bundle.rankers.fine.value
    with hosted(leisurely(out=constant, redis_url=redis_url)) as service:
        answer = service.recommend("u3")
    assert len(answer["items"]) == 10
    assert answer["degraded"] == []


def test_without_its_package_a_bundle_is_refused_with_the_name_of_the_kind(constant, install):
    facts = next(install.glob("*.dist-info"))
    away = facts.rename(install / "uninstalled")
    with pytest.raises(BundleError, match="no kind of ranker 'constant'"):
        load_bundle(find_current_bundle(constant))
    away.rename(facts)


def test_an_unknown_kind_is_named_with_those_that_exist():
    with pytest.raises(ValueError, match="'nonsense': there are logistic, pointwise_listwise"):
        find_kind("nonsense")
    with pytest.raises(DataError, match="no trainer of the ranker 'nonsense'"):
        find_trainer("nonsense")


def test_the_chosen_hybrid_is_in_the_bundle_and_in_its_settings(combined):
    folder = find_current_bundle(combined)
    bundle = load_bundle(folder)
    assert bundle.manifest.rankers.fine == "combined"
    assert bundle.manifest.settings["rankers.fine"] == "combined"
    assert "compare" not in bundle.manifest.settings
    assert read_config(folder).rankers == RankerKinds(fine="combined")
    assert not list(folder.glob("*.txt"))  # no tree was published


def test_the_report_tells_its_weights_and_lays_the_others_beside_it(combined):
    report = orjson.loads((combined / "report.json").read_bytes())
    names = [one["name"] for one in report["hybrids"]][:5]
    assert names == ["pointwise_listwise", "weighted", "learned", "adaptive", "switching"]
    shares = shares_of(combined)
    assert [one["gain"] for one in report["features"]] == list(shares.values())
    assert report["settings"]["fine ranker"] == "combined"
    page = (combined / "report.html").read_text()
    assert "Hybrids" in page
    assert "switching" in page


def shares_of(out):
    fine = load_bundle(find_current_bundle(out)).rankers.fine
    return find_kind("combined").describe(fine).columns


def test_a_hybrid_is_served_like_any_other(combined, redis_url):
    with hosted(leisurely(out=combined, redis_url=redis_url)) as service:
        answer = service.recommend("u3", explain=True)
    assert len(answer["items"]) == 10
    assert answer["degraded"] == []
    assert all("fine" in str(item["explain"]) for item in answer["items"])
    (fine,) = [stage for stage in answer["stages"] if stage["stage"] == "fine"]
    assert set(fine["weights"]) == set(shares_of(combined))


def test_laid_beside_another_bundle_it_tells_its_own_weights(combined):
    folder = find_current_bundle(combined)
    assert bundle_facts(folder, parse_manifest(folder))["features"] == shares_of(combined)


def test_what_the_command_line_says_wins_over_the_file_and_the_file_over_the_default(tmp_path):
    path = tmp_path / "tuned.toml"
    path.write_text('[rankers]\nfine = "switching"\n[hybrid]\nswitch_at = 3\n')
    settings = Settings(redis_url=None)
    assert TrainOptions().job_config(settings).rankers == RankerKinds()
    from_file = TrainOptions(config=path).job_config(settings)
    assert (from_file.rankers.fine, from_file.hybrid) == ("switching", HybridConfig(switch_at=3))
    chosen = TrainOptions(config=path, fine_ranker="learned", compare=True).job_config(settings)
    assert (chosen.rankers.fine, chosen.hybrid) == ("learned", HybridConfig(switch_at=3))
    assert chosen.compare
    assert "compare" not in config_to_toml(chosen)


def test_earlier_names_of_settings_are_read_with_a_warning(caplog):
    config = build_job_config({"hybrid": {"kind": "adaptive", "crowd": 2.0, "prior": 9.0}}, "file")
    assert config.rankers.fine == "adaptive"
    assert config.hybrid == HybridConfig(prior=9.0)
    assert "hybrid.kind is now rankers.fine" in caplog.text
    assert build_job_config({"hybrid": {"kind": "cascade"}}, "file").rankers == RankerKinds()
    assert TrainOptions(fine_ranker="cascade").job_config(Settings()).rankers == RankerKinds()
