"""The OpenAPI description is clean for a linter, and a generator makes a client that works."""

import json
import os
import re
import subprocess

import pytest

from app.main import create_app
from app.settings import Settings
from tests.conftest import ROOT, clean_environment
from tests.integration.clients.conftest import KEY
from tests.node import require_packages, run_node

FOLDER = ROOT / "tests/integration/clients/openapi"
LINTER = FOLDER / "node_modules/.bin/redocly"
GENERATOR = ROOT / ".venv-openapi/bin"  # of ``make test``
REQUIRED = "REQUIRE_GENERATOR"  # ``make test`` sets it: there, its absence is a failure
CALL = """
import sys
from recfunnel_made import Client
from recfunnel_made.api.recommend import recommend

client = Client(base_url=sys.argv[1], headers={"X-API-Key": sys.argv[2]})
answer = recommend.sync_detailed(client=client, user_id="u1", k=3)
print(answer.status_code.value, type(answer.parsed).__name__, len(answer.parsed.items))
"""


@pytest.fixture(scope="module", params=[False, True], ids=["own", "with_gorse"])
def description(request, tmp_path_factory):
    """The file of the description, without and with Gorse's API."""
    path = tmp_path_factory.mktemp("openapi") / "openapi.json"
    path.write_text(json.dumps(create_app(Settings(gorse_api=request.param)).openapi()))
    return path


def test_the_linter_has_nothing_to_say(description):
    require_packages(FOLDER / "node_modules")
    quiet = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true", "CI": "true"}
    command = (LINTER, "lint", "--config", FOLDER / "redocly.yaml", "--max-problems", "50")
    printed = run_node(*command, description, **quiet)
    assert "Your API description is valid" in printed, printed
    assert not re.search(r"\d+ (warning|error)", printed), printed


def test_a_client_is_generated_without_a_warning_and_gets_a_list(description, url, tmp_path):
    if not GENERATOR.exists():
        reason = "openapi-python-client is not in .venv-openapi: run make .venv-openapi/.made"
        (pytest.fail if os.environ.get(REQUIRED) else pytest.skip)(reason)
    made = tmp_path / "recfunnel_made"
    generate = (GENERATOR / "openapi-python-client", "generate", "--meta", "none")
    options = ("--config", FOLDER / "openapi-python-client.yaml", "--fail-on-warning")
    printed = run(*generate, *options, "--path", description, "--output-path", made)
    assert not re.search("warning|error", printed, flags=re.IGNORECASE), printed
    answer = run(GENERATOR / "python", "-c", CALL, url, KEY, cwd=tmp_path)
    assert answer.split() == ["200", "AnswerBody", "3"]


def run(*command, cwd=ROOT):
    """Run a program of the generator's environment, and return what it printed."""
    environment = clean_environment()
    environment |= {"PATH": f"{GENERATOR}:{environment.get('PATH', '')}"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    done = subprocess.run(command, cwd=cwd, env=environment, check=False, timeout=300, **pipes)
    assert done.returncode == 0, done.stdout
    return done.stdout
