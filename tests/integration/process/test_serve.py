"""The service as processes: it starts in one piece, ends in time, and leaves nothing behind."""

import asyncio
import os
import signal
import socket
import threading
import time
from contextlib import closing, suppress
from pathlib import Path

import httpx
import psutil
import pytest
import uvicorn

from app.bundle.bundle import find_current_bundle
from app.process import serve as serve_module
from app.process import workers
from app.process.serve import PortTakenError, check_port, serve, serving_environment
from app.settings import Settings
from tests.conftest import free_port, running, until

pytestmark = pytest.mark.e2e
BURST = 24  # concurrent clients


def servers(family):
    return [one for one in family if "valkey" in one.name()]


def gone(processes):
    return not [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


class Burst:
    """Clients that ask without pause; every request that was sent must be answered in full."""

    def __init__(self, url):
        self.answered, self.refused, self.dropped = 0, 0, []
        self._url, self._lock, self._done = url, threading.Lock(), threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(n,)) for n in range(BURST)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, n):
        while not self._done.is_set():
            try:
                answer = httpx.get(
                    f"{self._url}/recommend?user_id=u{n}", timeout=20, trust_env=False
                )
            except httpx.ConnectError:
                with self._lock:
                    self.refused += 1
                return
            except httpx.TransportError as error:
                with self._lock:
                    self.dropped.append(repr(error))
                return
            with self._lock:
                if answer.status_code == 200 and len(answer.json()["items"]) == 10:
                    self.answered += 1
                else:
                    self.dropped.append(answer.text)


@pytest.mark.parametrize(("how", "workers"), [(signal.SIGTERM, 1), (signal.SIGINT, 2)])
def test_told_to_end_under_load_it_drops_no_request_and_leaves_no_process(out, how, workers):
    with running(out, "--workers", str(workers), RECFUNNEL_MAX_IN_FLIGHT="64") as served:
        family = served.family()
        assert len(servers(family)) == 1
        with pytest.raises(PortTakenError, match=f"--port {served.port + 1}"):
            check_port("127.0.0.1", served.port)
        with Burst(served.url) as burst:
            until(lambda: burst.answered > BURST)
            status, left = served.end(how)
        assert not burst.dropped
        assert burst.answered > BURST
        assert status in {0, -how, 128 + how}
        assert not left
        assert gone(family)
        check_port("127.0.0.1", served.port)


def test_several_workers_share_one_redis_add_up_their_metrics_and_replace_one_another(out):
    with running(out, "--workers", "2") as served:
        assert len(servers(served.family())) == 1
        until(lambda: f'version="{find_current_bundle(out).name}"}} 2.0' in metrics(served))
        for n in range(40):
            assert ask(served, f"u{n}").status_code == 200
        assert 'recfunnel_answers_total{kind="whole"} 40.0' in metrics(served)
        told = served.client.post("/events", json={"user_id": "new", "item_id": "i3"})
        assert told.status_code == 202
        for _ in range(6):
            items = ask(served, "new", k=100).json()["items"]
            assert "i3" not in [item["item_id"] for item in items]

        killed, other = workers_of(served)
        killed.kill()
        killed.wait(5)
        for n in range(40):  # a worker that is not ready yet does not listen
            assert ask(served, f"u{n}").status_code == 200
        until(lambda: len(set(workers_of(served)) - {killed}) == 2)
        assert other in workers_of(served)

        family = served.family()
        served.process.kill()
        served.process.wait(5)
        until(lambda: gone(family))


def test_killed_at_once_it_leaves_no_process(out):
    with running(out) as served:
        family = served.family()
        assert len(servers(family)) == 1
        served.process.kill()
        served.process.wait(5)
        until(lambda: gone(family))


def metrics(served):
    return served.client.get("/metrics").text


def ask(served, user, **asked):
    """Ask over a connection of its own, so that any worker may answer."""
    with httpx.Client(base_url=served.url, timeout=20, trust_env=False) as fresh:
        return fresh.get("/recommend", params={"user_id": user, **asked})


def workers_of(served):
    return [one for one in served.family() if "spawn_main" in " ".join(one.cmdline())]


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


def test_workers_are_given_what_they_need(out, monkeypatch):
    monkeypatch.setattr(os, "environ", dict(os.environ))
    with serving_environment(Settings(out=out, redis_url=None)) as complete:
        assert complete.redis_url.startswith("unix://")
        assert os.environ["REDIS_URL"] == complete.redis_url
        folder = os.environ["PROMETHEUS_MULTIPROC_DIR"]
        assert Path(folder).is_dir()
    assert not Path(folder).exists()
    with serving_environment(Settings(out=out, redis_url="unix:///theirs.sock")) as complete:
        assert complete.redis_url == "unix:///theirs.sock"


def test_serving_passes_the_settings_on_and_leaves_through_all_contexts(out, monkeypatch):
    monkeypatch.setattr(os, "environ", dict(os.environ))
    monkeypatch.setattr(serve_module.logs, "configure", lambda level: None)
    before = signal.getsignal(signal.SIGTERM)
    asked = {}

    def ended_at_once(configure, listener, workers):
        asked.update(vars(configure()), bound=listener.getsockname(), number=workers)
        asked["folder"] = os.environ["PROMETHEUS_MULTIPROC_DIR"]
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)

    monkeypatch.setattr(serve_module, "run_workers", ended_at_once)
    port = free_port()
    try:
        with pytest.raises(SystemExit) as ended:
            serve(Settings(out=out, redis_url="unix:///theirs.sock", port=port, workers=3))
    finally:
        signal.signal(signal.SIGTERM, before)
    assert ended.value.code == 0
    assert (asked["app"], asked["factory"], asked["number"]) == ("app.main:create_app", True, 3)
    assert asked["bound"] == ("127.0.0.1", port)
    assert not Path(asked["folder"]).exists()


async def slow(scope, receive, send):
    """An application that takes its time."""
    if scope["type"] == "lifespan":
        return
    await asyncio.sleep(0.3)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(os.getpid()).encode()})


def configure():
    return uvicorn.Config(slow, log_config=None, loop="asyncio", lifespan="off", backlog=64)


def bound():
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    return listener


def test_a_server_told_to_end_answers_who_is_connected_who_waits_and_who_has_not_spoken_yet():
    listener = bound()
    port = listener.getsockname()[1]
    server = workers.DrainingServer(configure())
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


async def test_connections_that_the_kernel_accepted_are_taken_in_before_the_socket_closes():
    listener = bound()
    listener.listen()
    server = workers.DrainingServer(configure())
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    server.servers = []
    with socket.create_connection(listener.getsockname(), timeout=5) as waiting:
        waiting.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        await server.stop_listening(listener)
        assert listener.fileno() == -1
        answer = await asyncio.to_thread(waiting.recv, 1_000)
        assert b"200 OK" in answer
        for connection in list(server.server_state.connections):
            connection.shutdown()


def test_workers_that_die_are_replaced_and_all_end_with_their_parent(caplog):
    listener = bound()
    port = listener.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    found = []

    def watch():
        try:
            found.append(int(ask_until_answered(url)))
            os.kill(found[0], signal.SIGKILL)
            until(lambda: "ended with status -9" in caplog.text)
            found.append(int(ask_until_answered(url)))
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, serve_module.exit_on_signal)
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        with pytest.raises(SystemExit):
            workers.run_workers(configure, listener, 2)
    finally:
        watcher.join(120)
        signal.signal(signal.SIGTERM, before)
    assert len(found) == 2
    assert not psutil.pid_exists(found[1])


def ask_until_answered(url):
    def answer():
        with suppress(httpx.TransportError):
            return httpx.get(url, timeout=5, trust_env=False).text
        return None

    return until(answer)


def test_a_worker_in_this_process_is_the_one_that_serves(monkeypatch):
    served = []
    monkeypatch.setattr(workers.DrainingServer, "run", lambda self, sockets: served.append(sockets))
    workers.run_workers(configure, "a listener", 1)
    workers.work(configure, "a listener")
    assert served == [["a listener"]] * 2


def test_a_worker_ends_when_its_parent_has(monkeypatch):
    class Parent:
        def join(self):
            ended.append("parent")

    ended = []
    monkeypatch.setattr(workers.os, "kill", lambda pid, which: ended.append((pid, which)))
    monkeypatch.setattr(workers.multiprocessing, "parent_process", Parent)
    workers.end_with_parent()
    assert ended == ["parent", (os.getpid(), signal.SIGTERM)]
    monkeypatch.setattr(workers.multiprocessing, "parent_process", lambda: None)
    workers.end_with_parent()
    assert len(ended) == 2
