"""What ``pip install recfunnel`` brings is enough to serve and to operate."""

import json
import subprocess
import sys

import pytest

from tests.conftest import ROOT, clean_environment
from tests.serving import QUICK
from tests.world import world, write_recbole

OPENTELEMETRY = ("opentelemetry.exporter", "opentelemetry.sdk")  # FastAPI needs its API
OTHER_EXTRAS = ("implicit", "optuna", *OPENTELEMETRY)
EXTRAS = (*OTHER_EXTRAS, "jinja2", "markupsafe", "matplotlib", "sklearn", "tomli_w")
PROGRAM = """
import json, sys
from importlib import metadata
from importlib.abc import MetaPathFinder

class Missing(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if any(f"{{name}}.".startswith(f"{{extra}}.") for extra in {extras}):
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

def version(name):
    if name in {extras}:
        raise metadata.PackageNotFoundError(name)
    return installed_version(name)

installed_version, metadata.version = metadata.version, version
sys.meta_path.insert(0, Missing())
import app.main
from offline.cli import app
from typer.testing import CliRunner
print(json.dumps([CliRunner().invoke(app, line).output for line in json.loads(sys.argv[1])]))
"""


@pytest.fixture(scope="module")
def outputs(tmp_path_factory, redis_url):
    """The output of each command, with the modules of all extras out of reach."""
    out = tmp_path_factory.mktemp("plain")
    log = out / "log.csv"
    log.write_text("user_id,item_id,timestamp\nu1,i1,900000000\n")
    at = ("--out", str(out))
    commands = {
        "bundles": ["bundles", *at],
        "rollback": ["rollback", *at],
        "archive": ["archive", "--once", *at],
        "erase": ["erase", "u1", *at],
        "replay": ["replay", "r1", *at],
        "doctor": ["doctor", str(log)],
        "events": ["events", "import", str(log), "--url", "http://127.0.0.1:9"],
        "train": ["train", "--data", str(log), *at],
    }
    environment = {"REDIS_URL": redis_url, "RECFUNNEL_KEY_PREFIX": "plain"}
    printed = run_without(EXTRAS, list(commands.values()), environment)
    return dict(zip(commands, printed, strict=True))


def run_without(extras, commands, environment):
    """Run commands with these modules out of reach; return the output of each."""
    process = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(extras=extras), json.dumps(commands)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=clean_environment() | environment,
    )
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    "command", ["bundles", "rollback", "archive", "erase", "replay", "doctor", "events"]
)
def test_a_command_of_operation_needs_no_extra(outputs, command):
    assert outputs[command]
    assert "is not installed" not in outputs[command]


def test_training_names_the_extra_that_it_needs(outputs):
    assert "pip install 'recfunnel[train]'" in outputs["train"]


def test_traces_name_the_extra_that_they_need_before_anything_starts(tmp_path):
    out = tmp_path / "out"
    settings = {"RECFUNNEL_TRACING__ENDPOINT": "http://127.0.0.1:4318", "REDIS_URL": ""}
    (printed,) = run_without(OPENTELEMETRY, [["serve", "--out", str(out)]], settings)
    assert "tracing.endpoint needs OpenTelemetry" in printed
    assert "pip install 'recfunnel[otel]'" in printed
    assert not out.exists()


def test_without_traces_a_worker_loads_nothing_that_sends_them():
    program = (
        "import sys, app.main; app.main.create_app(); senders = ('opentelemetry.exporter', "
        "'app.observe.otlp'); print([one for one in senders if one in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env=clean_environment(),
    )
    assert result.stdout == "[]\n"


def test_training_needs_no_other_extra(tmp_path):
    data = write_recbole(tmp_path / "cinema", world(3, users=30, items=30, ratings=300))
    out = tmp_path / "out"
    command = ["train", "--data", str(data), "--out", str(out), "--config", str(QUICK)]
    (printed,) = run_without(OTHER_EXTRAS, [command], {"REDIS_URL": ""})
    assert (out / "current").exists(), printed


def test_data_is_fetched_and_looked_at_without_lightgbm():
    """The image that gets the data has no OpenMP runtime, without which LightGBM cannot load."""
    program = "import sys; sys.modules['lightgbm'] = None; import offline.cli as c; c.main()"
    result = subprocess.run(
        [sys.executable, "-c", program, "data", "get", "--help"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr


def test_a_bundle_is_served_without_lightgbm(trained):
    """LightGBM brings scikit-learn along: a second and 70 MB for each worker."""
    program = (
        "import sys; sys.modules['lightgbm'] = None; import app.main; from pathlib import Path; "
        "from app.bundle.bundle import find_current_bundle, load_bundle; "
        "load_bundle(find_current_bundle(Path(sys.argv[1])))"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, str(trained)], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
