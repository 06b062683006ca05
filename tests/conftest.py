"""One small world for the whole test session: made-up data, trained once, served for real."""

import fcntl
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import httpx
import hypothesis
import numpy as np
import psutil
import pytest
import uvicorn

from app.cpu import Cpu
from app.main import create_app
from app.process.embedded_server import embedded_server
from app.process.workers import DrainingServer
from app.service.rollout import DEFAULT_TIMING
from app.service.service import Service
from app.settings import Settings
from offline.commands.train import TrainOptions, train

FOLDERS = ("unit", "contract", "property", "integration", "failure", "e2e", "docs", "browser")
USERS, ITEMS, RATINGS, DAYS = 150, 120, 6_000, 200
START = 900_000_000  # unix seconds
TASTES = ("action", "comedy", "drama", "horror", "war")
FIRST = ("Night", "Star", "King", "City", "Blue", "River", "Last", "Return", "Glass", "Iron")
SECOND = ("of Love", "at War", "Rising", "in Rome", "Forever", "and Sons", "Express")
LEISURE = {  # a busy machine must not make a stage late where lateness is not what is tested
    "RECFUNNEL_BUDGET_MS": "20000",
    "RECFUNNEL_REDIS_TIMEOUT_MS": "5000",
    **{
        f"RECFUNNEL_CHECKPOINTS_MS__{stage.upper()}": "15000"
        for stage in ("history", "profile", "recall", "coarse", "fine", "rerank")
    },
}
# A busy machine must fail no test, and a test fails in each run or in none.
hypothesis.settings.register_profile(
    "steady",
    deadline=None,
    derandomize=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("steady")
COMMAND = [sys.executable, "-m", "offline.cli"]
ROOT = Path(__file__).parents[1]
QUICK = ROOT / "tests" / "quick.toml"  # the configuration of a training of few seconds


@dataclass(frozen=True)
class World:
    """Ratings of users who each like one taste; some items are everybody's, some are a trend."""

    users: np.ndarray
    items: np.ndarray
    stars: np.ndarray
    times: np.ndarray


def world(seed=0, users=USERS, items=ITEMS, ratings=RATINGS) -> World:
    random = np.random.default_rng(seed)
    likes = np.arange(users)[:, None] % len(TASTES) == np.arange(items)[None] % len(TASTES)
    popular = 1.0 / (8.0 + random.permutation(items))
    odds = popular * np.where(likes, 10.0, 1.0) * random.gamma(2.0, 1.0, (users, 1))
    chosen = random.choice(users * items, ratings, replace=False, p=(odds / odds.sum()).ravel())
    who, what = chosen // items, chosen % items
    stars = np.clip(np.round(2.4 + 1.8 * likes[who, what] + random.normal(0, 0.8, ratings)), 1, 5)
    days = np.where(what % 7 == 3, 0.6 + 0.4 * random.random(ratings), random.random(ratings))
    times = START + (days * DAYS * 86_400).astype(np.int64)
    return World(who, what, stars.astype(int), times)


def lines(header, rows):
    return "\n".join(["\t".join(header), *("\t".join(map(str, row)) for row in rows)]) + "\n"


def write_recbole(folder, made: World, *, timed=True, items=True, users=True, plays=False):
    """Write the world as RecBole's atomic files; without what is said to be absent."""
    folder.mkdir(parents=True, exist_ok=True)
    columns = [[f"u{u}" for u in made.users], [f"i{i}" for i in made.items]]
    header = ["user_id:token", "item_id:token"]
    if plays:
        header.append("weight:float")
        columns.append((made.stars**3 * 7).tolist())
    else:
        header.append("rating:float")
        columns.append(made.stars.tolist())
    if timed:
        header.append("timestamp:float")
        columns.append(made.times.tolist())
    (folder / "cinema.inter").write_text(lines(header, zip(*columns, strict=True)))
    if items:
        header = ["item_id:token", "movie_title:token_seq", "release_year:token"]
        rows = [
            (
                f"i{i}",
                f"{FIRST[i % len(FIRST)]} {SECOND[i % len(SECOND)]}",
                1960 + i * 13 % 38,
                f"{TASTES[i % len(TASTES)]} {'short' if i % 9 == 0 else 'long'}",
            )
            for i in range(made.items.max() + 1)
        ]
        (folder / "cinema.item").write_text(lines([*header, "class:token_seq"], rows))
    if users:
        header = ["user_id:token", "age:token", "gender:token", "occupation:token"]
        rows = [
            (f"u{u}", 18 + u * 7 % 50, "FM"[u % 2], ("cook", "nurse", "judge")[u % 3])
            for u in range(made.users.max() + 1)
        ]
        (folder / "cinema.user").write_text(lines(header, rows))
    return folder


def pytest_collection_modifyitems(items):
    """Mark each test with the name of the folder that it lies in."""
    for item in items:
        folder = Path(item.path).relative_to(ROOT / "tests").parts[0]
        if folder in FOLDERS:
            item.add_marker(folder)


@pytest.fixture(scope="session")
def data(tmp_path_factory) -> Path:
    """A folder of data, as a user has it."""
    return write_recbole(tmp_path_factory.mktemp("data") / "cinema", world())


@pytest.fixture(scope="session")
def trained(data, tmp_path_factory) -> Path:
    """The folder that one run of the job left. All test processes share it: copy it to write."""
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
    return Path(shutil.copytree(trained, tmp_path / "out"))


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


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def http_client(url):
    """Return a client of plain HTTP: to read the certificates would take 25 ms of CPU."""
    return httpx.Client(base_url=url, timeout=20, trust_env=False, verify=False)  # noqa: S501


def until(done, seconds=60.0, every=0.02):
    """Wait until something is so, and give it."""
    give_up = time.monotonic() + seconds
    while not (found := done()):
        assert time.monotonic() < give_up, "it did not happen"
        time.sleep(every)
    return found


@dataclass
class Served:
    """A service in processes of its own."""

    process: subprocess.Popen
    port: int
    log_path: Path
    client: httpx.Client = field(init=False)

    def __post_init__(self):
        self.client = http_client(self.url)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self):
        return self.log_path.read_text()

    def family(self):
        """All its processes, itself included."""
        with suppress(psutil.NoSuchProcess):
            parent = psutil.Process(self.process.pid)
            return [parent, *parent.children(recursive=True)]
        return []

    def answers(self, path="/healthz"):
        assert self.process.poll() is None, self.log
        with suppress(httpx.TransportError):
            return self.client.get(path)
        return None

    def is_ready(self):
        answer = self.answers("/readyz")
        return answer is not None and answer.is_success

    def recommend(self, user, **asked):
        answer = self.client.get("/recommend", params={"user_id": user, **asked})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def end(self, how=signal.SIGTERM, seconds=10.0):
        """End it; gives the exit status and the processes that it left behind."""
        family = self.family()
        self.process.send_signal(how)
        status = self.process.wait(seconds)
        _, left = psutil.wait_procs(family, 3.0)
        return status, left


@contextmanager
def running(folder, *arguments, ready=True, **environment) -> Iterator[Served]:
    """Run ``recfunnel serve``, or another command; leave no process behind."""
    port = free_port()
    command = arguments if arguments and not arguments[0].startswith("-") else ("serve", *arguments)
    log_path = folder.parent / f"log-{port}.txt"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [*COMMAND, *command, "--out", str(folder), "--port", str(port)],
            stdout=log,
            stderr=log,
            cwd=ROOT,
            env=clean_environment() | LEISURE | environment,
        )
    served = Served(process, port, log_path)
    try:
        if ready:
            until(served.is_ready, 60.0)
        yield served
    finally:
        served.client.close()
        family = served.family()
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(8)
        for one in family:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        process.wait(5)


def clean_environment():
    """The environment without settings of ours."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("RECFUNNEL_", "REDIS_", "PROMETHEUS_"))
    }


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch):
    for name in set(os.environ) - set(clean_environment()):
        monkeypatch.delenv(name)


def seen_by(user):
    """The ids of what a user rated."""
    made = world()
    return {f"i{i}" for i in made.items[made.users == int(user.removeprefix("u"))]}


@dataclass
class Hosted:
    """A service in a thread of this process, asked over a real socket."""

    client: httpx.Client
    service: Service

    def recommend(self, user, **asked):
        answer = self.client.get("/recommend", params={"user_id": user, **asked})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ids(self, user, **asked):
        return [item["item_id"] for item in self.recommend(user, **asked)["items"]]

    def tell(self, *events):
        """Post events and wait until the crowd's state knows of them."""
        follower = self.service.deployment.consumer
        known = follower.applied + follower.repeated
        answer = self.client.post("/events", json=list(events))
        assert answer.status_code == 202, answer.text
        until(lambda: follower.applied + follower.repeated >= known + len(events))
        until(lambda: self.service.deployment.state.is_settled)
        return answer.json()


@contextmanager
def hosted(settings: Settings, *, ready=True, timing=DEFAULT_TIMING) -> Iterator[Hosted]:
    """Run the application in a thread, as uvicorn runs it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    app = create_app(settings, timing)
    root.handlers[:], root.level = handlers, level
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(app, log_config=None, loop="asyncio", timeout_graceful_shutdown=3)
        server = DrainingServer(config)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        try:
            with http_client(address) as client:
                until(lambda: hasattr(app.state, "service"))
                if ready:
                    until(lambda: app.state.service.deployment, 30.0)
                yield Hosted(client, app.state.service)
        finally:
            server.should_exit = True
            thread.join(15)


def leisurely(**known) -> Settings:
    """Settings under which a busy machine makes no stage late."""
    stages = ("history", "profile", "recall", "coarse", "fine", "rerank")
    checkpoints = dict.fromkeys(stages, 15_000)
    told = {"budget_ms": 20_000, "checkpoints_ms": checkpoints, "redis_timeout_ms": 5_000}
    return Settings(**(told | {"key_prefix": f"test-{uuid4().hex}"} | known))


@pytest.fixture(scope="session")
def api(trained, redis_url) -> Iterator[Hosted]:
    """A service over the trained bundle. Shared: take users of your own when you post events."""
    with hosted(leisurely(out=trained, redis_url=redis_url)) as service:
        yield service
