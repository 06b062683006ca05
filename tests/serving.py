"""Services that tests ask: in a thread, or in processes of their own."""

import logging
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from uuid import uuid4

import httpx
import psutil
import uvicorn

from app.main import create_app
from app.process.bounded_protocol import BoundedProtocol
from app.process.connection_limits import OpenConnections
from app.process.draining_server import DrainingServer
from app.service.rollout import DEFAULT_TIMING
from app.service.service import Service
from app.settings import Settings
from tests.conftest import ROOT, clean_environment
from tests.tracing import untraced

LEISURE = {  # a busy machine must not make a stage late where lateness is not what is tested
    "RECFUNNEL_BUDGET_MS": "20000",
    "RECFUNNEL_REDIS_TIMEOUT_MS": "5000",
    **{
        f"RECFUNNEL_CHECKPOINTS_MS__{stage.upper()}": "15000"
        for stage in ("history", "recall", "coarse", "fine", "rerank")
    },
}
COMMAND = [sys.executable, "-m", "offline.cli"]
QUICK = ROOT / "tests" / "quick.toml"  # the configuration of a training of few seconds


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class UntracedClient(httpx.Client):
    """A client over a socket, so that no code of the project runs in the thread of the caller."""

    request = untraced(httpx.Client.request)


def http_client(url):
    """Return a client of plain HTTP: to read the certificates would take 25 ms of CPU."""
    return UntracedClient(base_url=url, timeout=20, trust_env=False, verify=False)


def until(done, seconds=60.0, every=0.02):
    """Wait until something is so, and give it."""
    give_up = time.monotonic() + seconds
    while not (found := done()):
        assert time.monotonic() < give_up, "it did not happen"
        time.sleep(every)
    return found


def still_running(processes):
    """Those that have not ended. One that has, but that its parent does not know of, has ended."""

    def runs(process):
        with suppress(psutil.NoSuchProcess):
            return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        return False

    return [process for process in processes if runs(process)]


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
        give_up = time.monotonic() + seconds
        while (left := still_running(family)) and time.monotonic() < give_up:
            time.sleep(0.02)
        return status, left


@contextmanager
def running(folder, *arguments, ready=True, **environment) -> Iterator[Served]:
    """Run ``recfunnel serve``, or another command; leave no process behind."""
    port = free_port()
    command = arguments if arguments and not arguments[0].startswith("-") else ("serve", *arguments)
    listening = () if command[0] == "train" else ("--port", str(port))
    log_path = folder.parent / f"log-{port}.txt"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [*COMMAND, *command, "--out", str(folder), *listening],
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

        def n_read():
            return follower.applied + follower.repeated + follower.repeat_cap.capped

        known = n_read()
        answer = self.client.post("/events", json=list(events))
        assert answer.status_code == 202, answer.text
        until(lambda: n_read() >= known + len(events))
        until(lambda: self.service.deployment.state.is_settled)
        return answer.json()


def erase(client, user):
    """Erase a user and wait until it is done; gives the receipt."""
    answer = client.delete(f"/users/{user}")
    assert answer.status_code == 202, answer.text
    return finished_erasure(client, answer.json()["erasure_id"])


def finished_erasure(client, erasure_id):
    """Wait until an erasure is done; gives the receipt."""

    def done():
        receipt = client.get(f"/erasures/{erasure_id}").json()
        return receipt if receipt["status"] == "done" else None

    return until(done)


@contextmanager
def hosted(settings: Settings, *, ready=True, timing=DEFAULT_TIMING) -> Iterator[Hosted]:
    """Run the application in a thread, as uvicorn runs it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    app = create_app(settings, timing)
    root.handlers[:], root.level = handlers, level
    with socket.create_server(("127.0.0.1", 0)) as listener:
        protocol = partial(BoundedProtocol, open_connections=OpenConnections(1_000, 500))
        config = uvicorn.Config(
            app, http=protocol, log_config=None, loop="asyncio", timeout_graceful_shutdown=3
        )
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
    stages = ("history", "recall", "coarse", "fine", "rerank")
    checkpoints = dict.fromkeys(stages, 15_000)
    told = {"budget_ms": 20_000, "checkpoints_ms": checkpoints, "redis_timeout_ms": 5_000}
    return Settings(**(told | {"key_prefix": f"test-{uuid4().hex}"} | known))
