"""A policy of another package, found by its entry point.

A real addition touches one file of its own package and its ``pyproject.toml``, and nothing here.
"""

import json
import os
import subprocess
import sys

from tests.conftest import ROOT

MODULE = """
from dataclasses import replace

from app.rerank.policies import SlatePolicy


def reverse(draft, context):
    is_on = context.settings.extensions.get("reverse")
    return replace(draft, utility=-draft.utility) if is_on else draft


POLICY = SlatePolicy("reverse", reverse, ("extensions",), "shows the worst first", "a joke")
"""
SCRIPT = """
import json
from app.rerank.policies import find_policy
from app.settings import SettingsError, read_settings

order = ["reverse", "diversity"]
policy = read_settings({"policy": {"order": order, "extensions": {"reverse": {"on": 1}}}}).policy
try:
    read_settings({"policy": {"order": ["unheard"]}})
except SettingsError as error:
    refusal = str(error)
print(json.dumps([policy.order, find_policy("reverse").summary, refusal]))
"""


def test_an_installed_policy_may_stand_in_the_order_of_a_scene(tmp_path):
    (tmp_path / "joke.py").write_text(MODULE)
    metadata = tmp_path / "joke-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: joke\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[recfunnel.policies]\nreverse = joke:POLICY\n")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)])}
    answer = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=environment,
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    order, summary, refusal = json.loads(answer.stdout)
    assert (order, summary) == (["reverse", "diversity"], "shows the worst first")
    assert "there is no policy" in refusal
    assert "pinned, reverse" in refusal
