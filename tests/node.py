"""Node and the packages of the TypeScript client, for the tests that need them."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT, clean_environment

PACKAGES = ROOT / "clients/typescript/node_modules"
REQUIRED = "REQUIRE_NODE"  # CI sets it: there, what is missing is a failure


def require_node() -> str:
    """Return the path of Node; skip the test where there is none, or fail if it is required."""
    return _existing(shutil.which("node"), "Node 18 or newer is not on the PATH")


def require_packages(folder: Path = PACKAGES) -> None:
    """Skip or fail, as ``require_node`` does, where the packages are not installed."""
    require_node()
    _existing(folder if folder.is_dir() else None, "run `make npm` to install the packages")


def run_node(*command: str | Path, **environment: str) -> str:
    """Run a program of Node, and return what it printed. The test fails if the program does."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=clean_environment() | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def _existing(path: str | Path | None, missing: str) -> str:
    if path is None:
        (pytest.fail if os.environ.get(REQUIRED) else pytest.skip)(
            f"the clients for JavaScript are not tested: {missing}"
        )
    return str(path)
