"""The files for systemd and nginx agree with the tools that read them, and with the settings."""

import re
import shutil
import subprocess
import sys

import pytest

from app.settings import Settings
from tests.conftest import ROOT

UNITS = sorted((ROOT / "deploy").glob("*.service"))
each_unit = pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)


def run(*command):
    return subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)


@each_unit
@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="this machine has no systemd")
def test_systemd_finds_no_fault_in_a_unit(unit, tmp_path):
    text = unit.read_text()
    assert "/opt/recfunnel/bin/recfunnel" in text
    copy = tmp_path / unit.name
    copy.write_text(text.replace("/opt/recfunnel/bin/recfunnel", sys.executable))
    ended = run("systemd-analyze", "verify", "--man=no", copy)
    assert (ended.returncode, ended.stderr) == (0, "")


@each_unit
def test_a_unit_sets_settings_that_exist_and_writes_where_it_may(unit):
    lines = unit.read_text().splitlines()
    assigned = dict(line.split("=", 1)[1].split("=", 1) for line in lines if "Environment=" in line)
    for name, value in assigned.items():
        if name.startswith("RECFUNNEL_"):
            assert name.removeprefix("RECFUNNEL_").lower() in Settings.model_fields
        if value.startswith("/"):
            assert re.match("/(var/lib|var/cache|run)/recfunnel", value)
    for setting in ("ProtectSystem=strict", "NoNewPrivileges=true", "CapabilityBoundingSet="):
        assert setting in lines


def test_both_units_run_as_one_account_in_the_same_folders():
    first, second = (
        {line for line in unit.read_text().splitlines() if re.match("User|StateD|UMask|Env", line)}
        for unit in UNITS
    )
    assert {"User=recfunnel", "StateDirectory=recfunnel"} <= first & second
    out = next(line for line in first if "RECFUNNEL_OUT" in line)
    assert out in second


@pytest.mark.skipif(not shutil.which("nginx"), reason="this machine has no nginx")
def test_nginx_finds_no_fault_in_its_configuration(tmp_path):
    text = (ROOT / "deploy/nginx.conf").read_text()
    text = re.sub(r" *ssl_certificate.*\n", "", text).replace("443 ssl", "127.0.0.1:18443")
    (tmp_path / "nginx.conf").write_text(text)
    paths = f"pid {tmp_path}/pid; error_log {tmp_path}/log;"
    ended = run("nginx", "-t", "-p", tmp_path, "-c", tmp_path / "nginx.conf", "-g", paths)
    assert "syntax is ok" in ended.stderr, ended.stderr


def test_windows_ends_with_a_sentence_instead_of_a_traceback():
    code = "import sys; sys.platform = 'win32'; import offline.cli"
    ended = run(sys.executable, "-c", code)
    assert ended.returncode == 1
    assert ended.stderr.startswith("recfunnel runs on Linux and macOS. On Windows")
