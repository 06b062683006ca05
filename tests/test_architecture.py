"""The house has one-way streets; this test is the traffic warden."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
APP = sorted((ROOT / "app").rglob("*.py"))
OURS = APP + [
    p for part in ("offline", "loadtest", "benchmarks") for p in sorted((ROOT / part).rglob("*.py"))
]
READ_ENVIRONMENT = {"app/settings.py", "loadtest/service.py"}  # the second passes it on, unread
CATCH_BROADLY = {"app/deadline.py"}
PICKLERS = {"pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}


def name(path):
    return path.relative_to(ROOT).as_posix()


def tree(path):
    return ast.parse(path.read_text())


def imports(path):
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def touches_environment(path):
    names = {"environ", "environb", "getenv", "putenv", "unsetenv"}
    nodes = [n for n in ast.walk(tree(path)) if isinstance(n, ast.Attribute)]
    attributes = any(
        n.attr in names and isinstance(n.value, ast.Name) and n.value.id == "os" for n in nodes
    )
    return attributes or any(f"os.{n}" in set(imports(path)) for n in names)


def catches_broadly(path):
    """Catches everything and does not raise it on."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ExceptHandler):
            caught = ast.walk(node.type) if node.type else [ast.Name("BaseException")]
            broad = {n.id for n in caught if isinstance(n, ast.Name)} & {
                "Exception",
                "BaseException",
            }
            last = node.body[-1]
            if broad and not (isinstance(last, ast.Raise) and last.exc is None):
                return True
    return False


@pytest.mark.parametrize("path", APP, ids=name)
def test_the_service_imports_neither_the_training_job_nor_what_measures_it(path):
    assert not [
        m
        for m in imports(path)
        if m.split(".")[0] in {"offline", "loadtest", "benchmarks", "tests"}
    ]


@pytest.mark.parametrize("path", OURS, ids=name)
def test_nothing_that_runs_imports_the_tests(path):
    assert not [m for m in imports(path) if m.split(".")[0] == "tests"]


def test_contracts_import_nothing_of_ours():
    ours = {"app", "offline", "loadtest", "benchmarks", "tests"}
    assert not [m for m in imports(ROOT / "app" / "contracts.py") if m.split(".")[0] in ours]


def test_only_settings_touch_the_environment():
    assert {name(path) for path in OURS if touches_environment(path)} <= READ_ENVIRONMENT


def test_only_the_run_swallows_whatever_is_raised():
    assert {name(path) for path in APP if catches_broadly(path)} <= CATCH_BROADLY


@pytest.mark.parametrize("path", OURS, ids=name)
def test_nothing_is_pickled(path):
    assert not [m for m in imports(path) if m.split(".")[0] in PICKLERS]
    allowed = [
        k.value
        for k in ast.walk(tree(path))
        if isinstance(k, ast.keyword) and k.arg == "allow_pickle"
    ]
    assert all(isinstance(v, ast.Constant) and v.value is False for v in allowed)


@pytest.mark.parametrize("path", OURS, ids=name)
def test_every_module_says_what_lives_in_it(path):
    module = tree(path)
    assert ast.get_docstring(module) or not module.body


def test_the_wardens_know_what_they_look_for(tmp_path):
    bad = tmp_path / "bad.py"
    bad.write_text("import os\ntry:\n    os.environ['A']\nexcept Exception:\n    pass\n")
    assert touches_environment(bad)
    assert catches_broadly(bad)
    bad.write_text("try:\n    pass\nexcept (ValueError, BaseException):\n    raise\n")
    assert not touches_environment(bad)
    assert not catches_broadly(bad)


def test_data_is_fetched_and_looked_at_without_lightgbm():
    """The image that gets the data has no OpenMP runtime, without which LightGBM cannot load."""
    program = "import sys; sys.modules['lightgbm'] = None; import offline.cli as c; c.main()"
    told = subprocess.run(
        [sys.executable, "-c", program, "data", "get", "--help"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
