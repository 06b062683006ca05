"""The service as processes: it starts in one piece, ends in time, and leaves nothing behind."""

import asyncio
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing, suppress
from pathlib import Path
from unittest.mock import patch

import httpx
import psutil
import pytest

from app.process import workers
from app.process.draining_server import DrainingServer
from app.process.serve import PortTakenError, check_port, exit_on_signal, serve, serving_environment
from app.settings import Settings
from benchmarks.live_items import ChurnPlan, ItemChurn, describe
from loadtest.service import ServiceProcess, list_workers
from tests.conftest import ROOT, copy_trained
from tests.integration.process.tiny_app import bound, configure
from tests.serving import free_port, http_client, running, still_running, until

pytestmark = pytest.mark.e2e
BURST = 24  # concurrent clients


def servers(family):
    return [one for one in family if "valkey" in one.name()]


def has_ended(pid):
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


class Burst:
    """Clients that ask without pause; every request that was sent must be answered in full."""

    def __init__(self, url):
        self.answered, self.refused, self.dropped = 0, 0, []
        self.url, self.lock, self.done = url, threading.Lock(), threading.Event()
        self.threads = [threading.Thread(target=self.ask, args=(n,)) for n in range(BURST)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        for thread in self.threads:
            thread.join()

    def ask(self, n):
        with suppress(httpx.ConnectError):  # refused
            while not self.done.is_set():
                try:
                    with http_client(self.url) as client:
                        answer = client.get("/recommend", params={"user_id": f"u{n}"})
                    is_full = answer.status_code == 200 and len(answer.json()["items"]) == 10
                    fault = None if is_full else answer.text
                except httpx.ConnectError:
                    raise
                except httpx.TransportError as error:
                    fault = repr(error)
                with self.lock:
                    self.answered += not fault
                    self.dropped += [fault] if fault else []


def end_under_load(served, how):
    """Send the signal while clients ask: no request is dropped, and no process is left."""
    family = served.family()
    assert len(servers(family)) == 1
    with Burst(served.url) as burst:
        until(lambda: burst.answered > BURST)
        status, left = served.end(how)
    assert not burst.dropped
    assert status in {0, -how, 128 + how}
    assert not left
    assert not still_running(family)


def test_told_to_end_under_load_it_drops_no_request_and_leaves_no_process(out):
    with running(out, RECFUNNEL_MAX_IN_FLIGHT="64") as served:
        with pytest.raises(PortTakenError, match=f"--port {served.port + 1}"):
            check_port("127.0.0.1", served.port)
        end_under_load(served, signal.SIGTERM)
        check_port("127.0.0.1", served.port)


@pytest.fixture(scope="module")
def two_workers(trained, tmp_path_factory):
    """A service of two workers. After its tests it is told to end under load."""
    out = copy_trained(trained, tmp_path_factory.mktemp("two") / "out")
    with running(out, "--workers", "2", RECFUNNEL_MAX_IN_FLIGHT="64") as served:
        yield served
        wait_for_both(served)
        end_under_load(served, signal.SIGINT)


@pytest.fixture
def pair(two_workers):
    """The service, when both workers are ready."""
    wait_for_both(two_workers)
    return two_workers


def wait_for_both(served):
    until(lambda: re.search(r"recfunnel_bundle_workers\{[^}]*\} 2\.0", metrics(served)))


def test_several_workers_share_one_redis_add_up_their_metrics_and_replace_one_another(pair):
    before = whole_answers(pair)
    for n in range(40):
        assert ask(pair, f"u{n}").status_code == 200
    until(lambda: whole_answers(pair) == before + 40)
    event = {"user_id": "new", "item_id": "i3"}
    assert pair.client.post("/events", json=event).status_code == 202
    for _ in range(6):
        items = ask(pair, "new", k=100).json()["items"]
        assert "i3" not in [item["item_id"] for item in items]
    killed, other = workers_of(pair)
    killed.kill()
    killed.wait(5)
    for n in range(40):  # a worker that is not ready yet does not listen
        assert ask(pair, f"u{n}").status_code == 200
    until(lambda: len(set(workers_of(pair)) - {killed}) == 2)
    assert other in workers_of(pair)


def whole_answers(served):
    found = re.search(r'recfunnel_answers_total\{kind="whole"\} (\S+)', metrics(served))
    return float(found[1]) if found else 0.0


def test_every_worker_knows_of_a_change_when_it_is_answered(pair):
    served = pair
    first, second = [item["item_id"] for item in served.recommend("u3")["items"]][:2]
    assert served.client.delete(f"/items/{first}").status_code == 204
    assert not any(first in answer for answer in everywhere(served))
    assert served.answers().is_success  # an idle connection would be closed, and another used
    others = [one for one in workers_of(served) if not connected(one, served)]
    for one in others:
        one.send_signal(signal.SIGSTOP)
    try:
        answer = served.client.delete(f"/items/{second}")
    finally:
        for one in others:
            one.send_signal(signal.SIGCONT)
    assert answer.status_code == 503
    assert served.client.delete(f"/items/{second}").status_code == 204
    assert not any(second in answer for answer in everywhere(served))
    service = ServiceProcess(served.url, redis_url="", process=served.process.pid)
    churn = ItemChurn(service, ChurnPlan(new=2, deleted=3, kill=False))
    found = asyncio.run(churn.run())
    assert found.after
    assert (found.wrong, found.crossed) == (0, 0)
    assert 0 < max(found.acknowledged) <= max(found.eligible)
    assert len(list(describe(found))) == 4


def connected(worker, served):
    """Whether this process holds a connection of ours."""
    ends = (one.laddr.port for one in worker.net_connections("tcp") if one.status == "ESTABLISHED")
    return served.port in ends


def everywhere(served):
    """The answers to so many connections that every worker is asked."""
    for _ in range(16):
        with http_client(served.url) as client:
            answer = client.get("/recommend", params={"user_id": "u3", "k": 100})
            yield [item["item_id"] for item in answer.json()["items"]]


def metrics(served):
    return served.client.get("/metrics").text


def ask(served, user, **asked):
    """Ask over a connection of its own, so that any worker may answer."""
    with http_client(served.url) as fresh:
        return fresh.get("/recommend", params={"user_id": user, **asked})


def workers_of(served):
    return list_workers(served.process.pid)


@pytest.mark.parametrize(
    ("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
)
def test_a_taken_port_is_told_with_what_to_do(family, host):
    try:
        listener = socket.create_server((host, 0), family=family)
    except OSError:
        pytest.skip(f"this machine has no {host}")
    with closing(listener):
        port = listener.getsockname()[1]
        with pytest.raises(PortTakenError) as raised:
            check_port(host, port)
    told = str(raised.value)
    assert told.startswith(f"cannot listen on {host}:{port}")
    assert f"--port {port + 1}" in told
    check_port(host, port)


@pytest.fixture
def restored():
    """Restores the environment, the log handlers and the handling of SIGTERM."""
    root = logging.getLogger()
    handlers, level, handler = root.handlers[:], root.level, signal.getsignal(signal.SIGTERM)
    with patch.dict(os.environ):
        yield
    signal.signal(signal.SIGTERM, handler)
    root.handlers[:] = handlers
    root.setLevel(level)


def test_workers_are_given_what_they_need(out, restored):
    with serving_environment(Settings(out=out, redis_url=None)) as complete:
        assert complete.redis_url.startswith("unix://")
        assert os.environ["REDIS_URL"] == complete.redis_url
        folder = os.environ["PROMETHEUS_MULTIPROC_DIR"]
        assert Path(folder).is_dir()
    assert not Path(folder).exists()
    with serving_environment(Settings(out=out, redis_url="unix:///theirs.sock")) as complete:
        assert complete.redis_url == "unix:///theirs.sock"


def test_serving_passes_the_settings_on_and_leaves_through_all_contexts(out, restored):
    passed = {}

    def end_at_once(configure, listener, workers, *_):
        passed.update(vars(configure()), bound=listener.getsockname(), number=workers)
        passed["folder"] = os.environ["PROMETHEUS_MULTIPROC_DIR"]
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)

    port = free_port()
    settings = Settings(out=out, redis_url="unix:///theirs.sock", port=port, workers=3)
    with pytest.raises(SystemExit) as ended:
        serve(settings, end_at_once)
    assert ended.value.code == 0
    assert (passed["app"], passed["factory"], passed["number"]) == ("app.main:create_app", True, 3)
    assert passed["bound"] == ("127.0.0.1", port)
    assert not Path(passed["folder"]).exists()


def test_a_server_told_to_end_answers_who_is_connected_who_waits_and_who_has_not_spoken_yet():
    listener = bound()
    port = listener.getsockname()[1]
    server = DrainingServer(configure())
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    until(lambda: server.started)
    with socket.create_connection(("127.0.0.1", port), timeout=5) as silent:
        time.sleep(0.15)
        server.should_exit = True
        time.sleep(0.15)  # it lingers
        silent.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        assert b"200 OK" in silent.recv(1_000)
        thread.join(5)
    assert not thread.is_alive()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)


@pytest.mark.parametrize("n_workers", [1, 2])
def test_workers_that_die_are_replaced_and_all_end_with_their_parent(restored, caplog, n_workers):
    listener = bound()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    seen = []

    def watch():
        try:
            seen.append(int(ask_until_answered(url)))
            if n_workers > 1:
                os.kill(seen[0], signal.SIGKILL)
                until(lambda: "ended with status -9" in caplog.text)
                seen.append(int(ask_until_answered(url)))
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    signal.signal(signal.SIGTERM, exit_on_signal)
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        with pytest.raises(SystemExit):
            workers.run_workers(configure, listener, n_workers)
    finally:
        watcher.join(120)
    assert len(seen) == n_workers
    assert (seen[0] == os.getpid()) == (n_workers == 1)
    if n_workers > 1:
        until(lambda: has_ended(seen[-1]))  # its pipe closes a moment before


def test_workers_end_when_their_parent_was_killed():
    port = free_port()
    program = "from tests.integration.process.tiny_app import main; main()"
    parent = subprocess.Popen([sys.executable, "-c", program, str(port)], cwd=ROOT)
    try:
        ask_until_answered(f"http://127.0.0.1:{port}")
        family = psutil.Process(parent.pid).children(recursive=True)
        assert family
    finally:
        parent.kill()
        parent.wait(5)
    until(lambda: not still_running(family))


def ask_until_answered(url):
    def answer():
        with suppress(httpx.TransportError), http_client(url) as client:
            return client.get("/").text
        return None

    return until(answer)
