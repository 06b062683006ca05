"""Fixtures that all tests share. What serves and trains is imported where it is needed."""

import fcntl
import gc
import os
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import hypothesis
import pytest

from app.cpu import Cpu
from app.process.embedded_server import embedded_server
from tests.tracing import ProjectTracing
from tests.world import world, write_recbole

FOLDERS = ("unit", "contract", "property", "integration", "failure", "e2e", "docs", "browser")
SLOW_FOLDERS = ("browser", "failure", "e2e", "integration")  # in this order
ROOT = Path(__file__).parents[1]
SETTINGS = ("RECFUNNEL_", "REDIS_", "PROMETHEUS_")  # how names in the environment begin
# A busy machine must fail no test, and a test fails in each run or in none.
hypothesis.settings.register_profile(
    "steady",
    deadline=None,
    derandomize=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("steady")


def pytest_configure(config):
    config.pluginmanager.register(ProjectTracing())
    gc.disable()  # until the tests are collected, which makes objects but no garbage


def pytest_collection_modifyitems(items):
    """Mark each test with the name of the folder that it lies in, and put slow folders first.

    Else the last file to begin is one of the longest, and one process runs it alone.
    """

    order = {}
    for item in items:
        folder = item.nodeid.split("/")[1]
        if folder in FOLDERS:
            item.add_marker(folder)
        order[item] = (*SLOW_FOLDERS, folder).index(folder)
    items.sort(key=order.__getitem__)
    gc.freeze()  # half a million objects of modules and tests, which no collection need visit
    gc.enable()


@pytest.fixture(scope="session")
def data(tmp_path_factory) -> Path:
    """A folder of data, as a user has it."""
    return write_recbole(tmp_path_factory.mktemp("data") / "cinema", world())


@pytest.fixture(scope="session")
def trained(data, tmp_path_factory) -> Path:
    """The folder that one run of the job left. All test processes share it: copy it to write."""
    from app.settings import Settings  # noqa: PLC0415 (no unit test needs what follows)
    from offline.commands.train import TrainOptions, train  # noqa: PLC0415
    from tests.serving import QUICK  # noqa: PLC0415

    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent  # the one that all test processes share
    out = base / "trained" / "out"
    with only_one(base / "trained.lock"):
        if not out.exists():
            draft = base / "draft"
            train(data, Settings(out=draft, redis_url=None), TrainOptions(config=QUICK))
            out.parent.mkdir()
            draft.rename(out)
    return out


@contextmanager
def only_one(path: Path) -> Iterator[None]:
    """Hold a lock file, so that one test process at a time does what is inside."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture
def out(trained, tmp_path) -> Path:
    """A copy of the trained folder, for this test alone."""
    return copy_trained(trained, tmp_path / "out")


def copy_trained(trained: Path, to: Path) -> Path:
    """Copy a folder without what services of other tests write into it, and remove, meanwhile."""
    others = shutil.ignore_patterns("private", "withheld")
    return Path(shutil.copytree(trained, to, ignore=others))


@pytest.fixture(scope="session")
def cpu() -> Iterator[Cpu]:
    """One thread for computations, for all tests."""
    with closing(Cpu(threads=1)) as one:
        yield one


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory) -> Iterator[str]:
    """A real server; whoever uses it takes a key prefix of his own."""
    with embedded_server(tmp_path_factory.mktemp("redis")) as url:
        yield url


def clean_environment():
    """The environment without settings of ours."""
    return {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS)}


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch):
    for name in [name for name in os.environ if name.startswith(SETTINGS)]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def api(trained, redis_url):
    """A service over the trained bundle. Shared: take users of your own when you post events."""
    from tests.serving import hosted, leisurely  # noqa: PLC0415 (no unit test needs it)

    with hosted(leisurely(out=trained, redis_url=redis_url)) as service:
        yield service
